"""Does this machine have what the controller needs? Names what is missing and what to do."""

from __future__ import annotations

import ctypes.util
import sqlite3
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from . import environment, stored
from .findings import Finding, Weight
from .health import CHECKS
from .processes import problems

# Imported when they are called: they need the settings, which need the command line.
_DEPLOY_CHECKS = f"{__package__}.deploy_checks"
_SHARED_ADDRESS = "openwisp_controller.config.devices.shared_address.find"


def findings(*, deploy: bool = False) -> list[Finding]:
    """Run all checks, cheapest first; those of the server only when its settings can be loaded.

    Args:
        deploy: run those of a deployment, too.
    """
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
    answers = not any(finding.problem for finding in result if finding.name in CHECKS)
    if deploy:
        result += import_string(f"{_DEPLOY_CHECKS}.findings")()
    if answers:
        result += [_run(name, check) for name, check in stored.CHECKS.items()]
        result.append(_addresses())
        result += _postgis()
        if deploy:
            result += import_string(f"{_DEPLOY_CHECKS}.findings_of_database")()
    return result


def report(*, deploy: bool = False) -> int:
    """Print the findings; return 0 when nothing essential is missing, else 1.

    Args:
        deploy: run the checks of a deployment, too; then a warning is as good as an error.
    """
    failing = {Weight.ERROR, Weight.WARNING} if deploy else {Weight.ERROR}
    failed = False
    for finding in findings(deploy=deploy):
        mark = finding.weight.value if finding.problem else "ok"
        print(f"{mark:<8}{finding.name}" + (f": {finding.problem}" if finding.problem else ""))
        failed |= bool(finding.problem) and finding.weight in failing
    return int(failed)


def _extensions() -> Finding:
    name = "SQLite with loadable extensions (for maps in the embedded mode)"
    connection = sqlite3.connect(":memory:")
    usable = hasattr(connection, "enable_load_extension")
    connection.close()
    problem = "" if usable else "this Python cannot load them; Debian's /usr/bin/python3 can"
    return Finding(name, problem, Weight.REMARK)


def _spatialite() -> Finding:
    name = "SpatiaLite (for maps in the embedded mode)"
    problem = "" if environment.spatialite_is_usable() else "install libsqlite3-mod-spatialite and gdal-bin"
    return Finding(name, problem, Weight.REMARK)


def _gdal() -> Finding:
    problem = "" if ctypes.util.find_library("gdal") else "install gdal-bin"
    return Finding("GDAL (for maps)", problem, Weight.REMARK)


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


def _postgis() -> list[Finding]:
    """Tell whether the database server has what maps need."""
    if not environment.is_production() or not environment.maps_are_on():
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'")
        found = cursor.fetchone()
    problem = "" if found else "install PostGIS on the database server, or turn maps off with MAPS=false"
    return [Finding("PostGIS (for maps)", problem)]


def _addresses() -> Finding:
    found = import_string(_SHARED_ADDRESS)()
    return Finding("addresses of devices", str(found or ""), Weight.WARNING)


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
