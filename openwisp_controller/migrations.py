"""Helpers that migrations of other packages import."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from swapper import get_model_name, split


def get_swapped_model(apps: Any, app_name: str, model_name: str) -> Any:
    """Return the historical model that stands for a model that may be swapped.

    Args:
        apps: what the migration was given.
        app_name: label under which the model is known, such as ``config``.
        model_name: such as ``Device``.
    """
    return apps.get_model(*split(get_model_name(app_name, model_name)))


def create_default_permissions(apps: Any, schema_editor: Any) -> None:
    """Create the permissions of all models now; Django itself creates them after the last migration only.

    Args:
        apps: what the migration was given.
        schema_editor: what the migration was given.
    """
    using = schema_editor.connection.alias if schema_editor is not None else "default"
    for app_config in installed.get_app_configs():
        create_permissions(app_config, verbosity=0, apps=apps, using=using)
