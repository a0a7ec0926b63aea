"""System checks of settings that need every app to be ready."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core import checks

from . import commands
from .settings import settings


def register() -> None:
    """Register the checks."""
    checks.register(paths, "connection")
    checks.register(enabled_commands, "connection")
    checks.register(model_of_pushes, "connection")


def paths(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whatever the settings name by its path can be imported."""
    return settings.lost_paths()


def enabled_commands(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Every command that the setting enables is registered."""
    unknown = commands.unknown_enabled_commands()
    if not unknown:
        return []
    return [
        checks.Error(
            f"OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS names unknown commands: {', '.join(unknown)}.",
            hint=f"Known are: {', '.join(commands.COMMANDS)}.",
            id="connection.E001",
        )
    ]


def model_of_pushes(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """The model that decides about pushes exists."""
    try:
        apps.get_model(settings.UPDATE_CONFIG_MODEL)
    except (LookupError, ValueError) as error:
        text = f"OPENWISP_UPDATE_CONFIG_MODEL is {settings.UPDATE_CONFIG_MODEL!r}, which is no model: {error}"
        return [checks.Error(text, hint="Write app.Model, such as config.Device.", id="connection.E002")]
    return []
