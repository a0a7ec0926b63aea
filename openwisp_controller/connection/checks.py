"""Checks of the settings that need every app to be ready."""

from __future__ import annotations

from typing import Any

from django.core import checks

from . import commands


def register() -> None:
    """Register the checks."""
    checks.register(enabled_commands, "connection")


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
