"""Whether this installation can work with what is stored: a database that was restored, or that a newer version had."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.module_loading import import_string

_PACKAGE = __name__.partition(".")[0]
_UNREADABLE = f"{_PACKAGE}.common.encryption.unreadable_secrets"
"""Imported when it is called: it needs the settings, which need the command line."""


def check_age() -> None:
    """Refuse a database that a newer version migrated.

    Raises:
        ImproperlyConfigured: it has migrations of the controller's apps that this version does not.
    """
    loader = MigrationLoader(connection)
    own = {config.label for config in apps.get_app_configs() if config.name.startswith(f"{_PACKAGE}.")}
    newer = sorted(key for key in set(loader.applied_migrations or ()) - set(loader.disk_migrations) if key[0] in own)
    if newer:
        names = ", ".join(".".join(key) for key in newer)
        raise ImproperlyConfigured(
            f"the database was used by a newer version of the controller ({names}): install that version again,"
            " or restore a backup from before the upgrade."
        )


def check_secrets() -> None:
    """Refuse keys that do not fit the database.

    Raises:
        ImproperlyConfigured: there are secrets that none of the configured keys decrypts.
    """
    found: dict[str, int] = import_string(_UNREADABLE)()
    if found:
        keys = ", ".join(sorted(found))
        raise ImproperlyConfigured(
            f"{sum(found.values())} secrets in the database cannot be read: they were encrypted with a key that is not"
            f" among the configured ones ({keys}). Bring back the former key, in ENCRYPTION_KEYS or in the file"
            " encryption-keys, after the present ones."
        )


CHECKS: dict[str, Callable[[], None]] = {"version of the database": check_age, "encryption keys": check_secrets}
