"""Permissions of the field's default groups, Operator and Administrator; for migrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

MANAGE = ("add", "change", "delete", "view")


def assign(
    app_label: str, permissions: Mapping[str, Mapping[str, Sequence[str]]], apps: Any, schema_editor: Any
) -> None:
    """Add permissions to groups; groups that were deleted or renamed are left alone.

    Args:
        app_label: whose models the permissions are about.
        permissions: group → model (lower case) → actions, such as ``view``.
        apps: what the migration was given.
        schema_editor: what the migration was given.
    """
    create_permissions(
        installed.get_app_config(app_label), verbosity=0, apps=apps, using=schema_editor.connection.alias
    )
    groups = apps.get_model("openwisp_users", "Group").objects
    known = apps.get_model("auth", "Permission").objects.filter(content_type__app_label=app_label)
    for name, models in permissions.items():
        group = groups.filter(name=name).first()
        if group is None:
            continue
        for model, actions in models.items():
            group.permissions.add(*known.filter(codename__in=[f"{action}_{model}" for action in actions]))
