"""What the environment says: data directory, secrets, database and broker addresses.

Two ways to run, told apart by ``DATABASE_URL``: without it the server is *embedded* (SQLite and everything else in one
data directory), with it the server is in *production* (PostgreSQL, Redis, secrets from the environment).
"""

from __future__ import annotations

import ctypes.util
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

POSTGRESQL_SCHEMES = {"postgres", "postgresql", "postgis"}


def flag(name: str, default: bool = False) -> bool:
    """Read the boolean environment variable ``name``."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: write true or false.")


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """Read the whole number in the environment variable ``name``; it must be at least ``minimum``."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        result = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a whole number.") from None
    if result < minimum:
        raise ImproperlyConfigured(f"{name} is {value}: write a number of at least {minimum}.")
    return result


def words(name: str, default: str = "") -> list[str]:
    """Read a comma separated list from the environment variable ``name``."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def is_production() -> bool:
    """Tell whether a database server is configured, which is what makes a deployment "production"."""
    return bool(os.environ.get("DATABASE_URL"))


def data_directory() -> Path:
    """Return the directory of the embedded mode (``OPENWISP_DATA_DIR``), made on first use."""
    path = Path(os.environ.get("OPENWISP_DATA_DIR") or Path.home() / ".local/share/openwisp-controller")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def generated_secret(name: str) -> str:
    """Return the secret kept in the file ``name`` of the data directory, making it (mode 0600) the first time."""
    path = data_directory() / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        value = secrets.token_urlsafe(50)
        file.write(value)
    return value


def secret_key() -> str:
    """Return Django's secret key: from ``SECRET_KEY``, in the embedded mode else from the data directory.

    Raises:
        ImproperlyConfigured: in production without ``SECRET_KEY``.
    """
    value = os.environ.get("SECRET_KEY")
    if value:
        return value
    if is_production():
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Production needs one: set it to a long random text, the same for all processes."
        )
    return generated_secret("secret-key")


def encryption_keys() -> list[str]:
    """Return the keys for secrets in the database, the current one first: from ``ENCRYPTION_KEYS``, comma separated.

    In the embedded mode they else stand in a file of the data directory, one a line.

    Raises:
        ImproperlyConfigured: in production without ``ENCRYPTION_KEYS``.
    """
    keys = words("ENCRYPTION_KEYS")
    if keys:
        return keys
    if is_production():
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS is not set. Production needs one to keep the credentials of devices secret: make it with"
            " `openssl rand -base64 32` and keep a copy of it, for without it the credentials are lost."
        )
    return generated_secret("encryption-keys").split()


def gdal_is_installed() -> bool:
    """Tell whether the GDAL library, which maps need, is on this machine."""
    return ctypes.util.find_library("gdal") is not None


def spatialite_is_usable() -> bool:
    """Tell whether this Python can load SpatiaLite into SQLite and GDAL is there."""
    if not gdal_is_installed():
        return False
    connection = sqlite3.connect(":memory:")
    try:
        connection.enable_load_extension(True)
        connection.load_extension("mod_spatialite")
    except (AttributeError, sqlite3.OperationalError):
        return False
    finally:
        connection.close()
    return True


def embedded_database() -> dict[str, Any]:
    """Return Django's settings of the embedded SQLite database."""
    spatial = spatialite_is_usable()
    return {
        "ENGINE": "django.contrib.gis.db.backends.spatialite" if spatial else "django.db.backends.sqlite3",
        "NAME": str(data_directory() / "controller.sqlite3"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # Writers queue up instead of failing half way: what a transaction read cannot change under it.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                " PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;"
            ),
        },
    }


def database_from_url(url: str) -> dict[str, Any]:
    """Return Django's settings of the PostgreSQL database at ``url``.

    Args:
        url: ``postgresql://user:password@host:port/name?option=value``; options go to libpq.

    Raises:
        ImproperlyConfigured: when the scheme is another one or the database name is missing.
    """
    parts = urlsplit(url)
    if parts.scheme not in POSTGRESQL_SCHEMES:
        raise ImproperlyConfigured(
            f"DATABASE_URL starts with {parts.scheme!r}: write postgresql://user:password@host:5432/name"
        )
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured("DATABASE_URL names no database: write postgresql://user:password@host:5432/name")
    return {
        "ENGINE": (
            "django.contrib.gis.db.backends.postgis" if gdal_is_installed() else "django.db.backends.postgresql"
        ),
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
