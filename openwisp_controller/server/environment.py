"""What the environment says: data directory, secrets, database and broker addresses.

Two ways to run, told apart by ``DATABASE_URL``: without it the server is *embedded* (SQLite and everything else in one
data directory), with it the server is in *production* (PostgreSQL, Redis, secrets from the environment).
"""

from __future__ import annotations

import ctypes.util
import ipaddress
import os
import secrets
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

DATABASE_FILE = "controller.sqlite3"
ENCRYPTION_KEYS_FILE = "encryption-keys"
SECRET_KEY_FILE = "secret-key"
POSTGRESQL_SCHEMES = {"postgres", "postgresql", "postgis"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
#: So often a statement is executed before PostgreSQL is told to keep its plan.
_EXECUTIONS = 2
#: A metrics token has at least so many characters.
_TOKEN_LENGTH = 16
_POSTGRESQL_EXAMPLE = "write postgresql://user:password@host:5432/name"


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


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """Read the environment variable ``name``, which must be one of ``allowed``."""
    value = os.environ.get(name) or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}: write one of {', '.join(allowed)}.")
    return value


def log_level() -> str:
    """Read ``LOG_LEVEL``, in capitals or not."""
    level = (os.environ.get("LOG_LEVEL") or "INFO").upper()
    if level not in LOG_LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is {level!r}: write one of {', '.join(LOG_LEVELS)}.")
    return level


def time_zone() -> str:
    """Read the name of a time zone from ``TIME_ZONE``."""
    name = os.environ.get("TIME_ZONE") or "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, no name, a directory
        raise ImproperlyConfigured(f"TIME_ZONE is {name!r}: write a name such as Europe/Rome.") from None
    return name


def origins(name: str) -> list[str]:
    """Read a comma separated list of origins, with their schemes, from the environment variable ``name``."""
    result = words(name)
    for origin in result:
        if "://" not in origin:
            raise ImproperlyConfigured(f"{name} holds {origin!r}: write origins such as https://{origin}.")
    return result


def redis_url() -> str:
    """Read the address of Redis from ``REDIS_URL``; empty without one."""
    url = os.environ.get("REDIS_URL", "")
    if url and not url.startswith(("redis://", "rediss://")):
        raise ImproperlyConfigured("REDIS_URL must start with redis:// or rediss://: write redis://host:6379/0")
    return url


def metrics_token() -> str:
    """Read what Prometheus shows to read the numbers of the server from ``METRICS_TOKEN``; empty = nobody may.

    Raises:
        ImproperlyConfigured: it can be guessed, or cannot be sent in a header.
    """
    token = os.environ.get("METRICS_TOKEN", "")
    if token and (len(token) < _TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token):
        raise ImproperlyConfigured(
            f"METRICS_TOKEN needs {_TOKEN_LENGTH} or more characters, ASCII without spaces:"
            " make one with `openssl rand -hex 32`"
        )
    return token


def directory(name: str, default: str) -> str:
    """Return the directory that the environment variable ``name`` gives, made on first use; empty for none."""
    path = os.environ.get(name) or default
    try:
        if path:
            os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is {path!r}, which cannot be used: {error.strerror}.") from None
    return path


def expect_devices_at(host: str) -> None:
    """Let devices be reached at loopback addresses where all of them are on this machine, unless that is said.

    Args:
        host: where the embedded server listens.
    """
    if ipaddress.ip_address(host).is_loopback if _is_address(host) else host == "localhost":
        os.environ.setdefault("LOOPBACK_MANAGEMENT_IP", "true")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_production() -> bool:
    """Tell whether a database server is configured, which is what makes a deployment "production"."""
    return bool(os.environ.get("DATABASE_URL"))


def data_path() -> Path:
    """Return where the directory of the embedded mode is (``OPENWISP_DATA_DIR``), or will be."""
    return Path(os.environ.get("OPENWISP_DATA_DIR") or Path.home() / ".local/share/openwisp-controller")


def data_directory() -> Path:
    """Return the directory of the embedded mode, made on first use.

    Raises:
        ImproperlyConfigured: when it cannot be made.
    """
    path = data_path()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None
    return path


def _unusable(path: Path, error: OSError) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"The data directory {path} cannot be used: {error.strerror}. Name another one with OPENWISP_DATA_DIR."
    )


def generated_secret(name: str) -> str:
    """Return the secret kept in the file ``name`` of the data directory, making it (mode 0600) the first time.

    Raises:
        ImproperlyConfigured: when the file can be neither read nor made, or is empty.
    """
    directory = data_directory()
    path = directory / name
    try:
        return _make_secret(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise _unusable(directory, error) from None
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise _unusable(directory, error) from None
    if not value:
        raise ImproperlyConfigured(f"{path} is empty: bring back a copy of it, or delete it to get a new one.")
    return value


def _private_file(name: str) -> str:
    """Return the path of a file in the data directory, made with mode 0600: it will hold keys of devices."""
    directory = data_directory()
    try:
        os.close(os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise _unusable(directory, error) from None
    return str(directory / name)


def _make_secret(path: Path) -> str:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
    return generated_secret(SECRET_KEY_FILE)


def encryption_keys() -> list[str]:
    """Return the keys for secrets in the database, the current one first: from ``ENCRYPTION_KEYS``, comma separated.

    In the embedded mode they else stand in a file of the data directory, one a line, made before the database.

    Raises:
        ImproperlyConfigured: in production without ``ENCRYPTION_KEYS``; without the file where there is a database.
    """
    keys = words("ENCRYPTION_KEYS")
    if keys:
        return keys
    if is_production():
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS is not set. Production needs one to keep the credentials of devices secret: make it with"
            " `openssl rand -base64 32` and keep a copy of it, for without it the credentials are lost."
        )
    path, database = data_path() / ENCRYPTION_KEYS_FILE, data_path() / DATABASE_FILE
    if not path.exists() and database.exists() and database.stat().st_size:
        raise ImproperlyConfigured(
            f"{path} is missing, and the secrets in the database cannot be read without it: bring back a copy of it."
            " If there is none any more, write a new key into it with `openssl rand -base64 32`, and enter"
            " the credentials of devices again."
        )
    return generated_secret(ENCRYPTION_KEYS_FILE).split()


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


def maps_are_on() -> bool:
    """Tell whether there are maps: the database can be a spatial one, and ``MAPS`` does not say otherwise."""
    return flag("MAPS", True) and (gdal_is_installed() if is_production() else spatialite_is_usable())


def embedded_database() -> dict[str, Any]:
    """Return Django's settings of the embedded SQLite database."""
    spatial = maps_are_on()
    return {
        "ENGINE": "django.contrib.gis.db.backends.spatialite" if spatial else "django.db.backends.sqlite3",
        "NAME": _private_file(DATABASE_FILE),
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
        ImproperlyConfigured: when the scheme is another one, the database name is missing, or it is no URL at all.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL makes no sense ({error}): {_POSTGRESQL_EXAMPLE}") from None
    if parts.scheme not in POSTGRESQL_SCHEMES:
        raise ImproperlyConfigured(f"DATABASE_URL starts with {parts.scheme!r}: {_POSTGRESQL_EXAMPLE}")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured(f"DATABASE_URL names no database: {_POSTGRESQL_EXAMPLE}")
    keeps_plans = flag("PREPARED_STATEMENTS", True)
    return {
        "ENGINE": ("django.contrib.gis.db.backends.postgis" if maps_are_on() else "django.db.backends.postgresql"),
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": None,
        "DISABLE_SERVER_SIDE_CURSORS": not keeps_plans,
        "OPTIONS": {"prepare_threshold": _EXECUTIONS if keeps_plans else None, **dict(parse_qsl(parts.query))},
    }
