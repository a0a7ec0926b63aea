"""Does this machine have what the controller needs? Names what is missing and what to do."""

from __future__ import annotations

import ctypes.util
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import django
from django.conf import settings

from . import environment, stored
from .health import CHECKS
from .processes import problems


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``problem`` is empty when all is well."""

    name: str
    problem: str = ""
    essential: bool = True


def findings() -> list[Finding]:
    """Run all checks, cheapest first; those of the server only when its settings can be loaded."""
    result = [_extensions(), _spatialite(), _gdal()]
    keys = _keys()
    result.append(keys)
    if keys.problem:
        return result
    try:
        django.setup()
    except Exception as error:
        return [*result, Finding("settings", str(error))]
    result += [*_settings(), *(_run(name, check) for name, check in CHECKS.items())]
    if not any(finding.problem for finding in result if finding.name in CHECKS):
        result += [_run(name, check) for name, check in stored.CHECKS.items()]
    return result


def report() -> int:
    """Print the findings; return 0 when nothing essential is missing, else 1."""
    failed = False
    for finding in findings():
        mark = "ok" if not finding.problem else "MISSING" if finding.essential else "absent"
        print(f"{mark:<8}{finding.name}" + (f": {finding.problem}" if finding.problem else ""))
        failed |= bool(finding.problem) and finding.essential
    return int(failed)


def _extensions() -> Finding:
    name = "SQLite with loadable extensions (for maps in the embedded mode)"
    connection = sqlite3.connect(":memory:")
    usable = hasattr(connection, "enable_load_extension")
    connection.close()
    problem = "" if usable else "this Python cannot load them; Debian's /usr/bin/python3 can"
    return Finding(name, problem, essential=False)


def _spatialite() -> Finding:
    name = "SpatiaLite (for maps in the embedded mode)"
    problem = "" if environment.spatialite_is_usable() else "install libsqlite3-mod-spatialite and gdal-bin"
    return Finding(name, problem, essential=False)


def _gdal() -> Finding:
    problem = "" if ctypes.util.find_library("gdal") else "install gdal-bin"
    return Finding("GDAL (for maps)", problem, essential=False)


def _keys() -> Finding:
    try:
        environment.secret_key()
    except Exception as error:
        return Finding("secret key", str(error))
    for path in _private_files():
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            return Finding("secret key", f"{path} can be read by others (mode {mode:o}): chmod 600 it")
    return Finding("secret key")


def _settings() -> list[Finding]:
    """Return what Django's system checks find wrong, and what keeps everybody out."""
    wrong = problems()
    if not settings.ALLOWED_HOSTS and not settings.DEBUG:
        wrong.append("ALLOWED_HOSTS is not set, so every request of a person is refused: name the server's hosts in it")
    return [Finding("settings", problem) for problem in wrong] or [Finding("settings")]


def _private_files() -> list[Path]:
    """Return what there is of the files of the embedded mode that only the server may read."""
    if environment.is_production():
        return []
    names = (environment.SECRET_KEY_FILE, environment.ENCRYPTION_KEYS_FILE, environment.DATABASE_FILE)
    paths = (environment.data_directory() / name for name in names)
    return [path for path in paths if path.exists()]


def _run(name: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except Exception as error:
        return Finding(name, str(error).strip().splitlines()[0] if str(error) else repr(error))
    return Finding(name)
