"""Checks of the settings that need every app to be ready."""

from __future__ import annotations

from typing import Any

from django.core import checks

from .models import Config, Device
from .settings import settings
from .vpn import credentials


def register() -> None:
    """Register the checks."""
    checks.register(paths, "config")
    checks.register(common_name_format, "config")


def paths(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whatever the settings name by its path can be imported."""
    return settings.lost_paths()


def common_name_format(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """The names of client certificates can be made from a device."""
    try:
        credentials.common_name(Config(device=Device(name="name", mac_address="00:00:00:00:00:00")))
    except Exception as error:
        text = f"OPENWISP_CONTROLLER_COMMON_NAME_FORMAT is {settings.COMMON_NAME_FORMAT!r}, which cannot be used: "
        hint = "Write text with attributes of a device in braces, such as {mac_address} or {name}."
        return [checks.Error(f"{text}{error!r}", hint=hint, id="config.E001")]
    return []
