"""Checks of the settings that need every app to be ready."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks

from ..common.settings import SettingsGroup
from .models import Config, Device
from .settings import settings
from .vpn import credentials


def register() -> None:
    """Register the checks."""
    checks.register(paths, "config")
    checks.register(common_name_format, "config")
    checks.register(without_effect, "config")


def paths(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Whatever the settings name by its path can be imported."""
    return settings.lost_paths()


def without_effect(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Settings that projects bring along and nothing here reads are told, with the reason."""
    return [
        *(_unknown(name) for name in sorted(_set_names()) if name not in SettingsGroup.known),
        *(_swapped(name, model) for name, model in _models() if _names_another(name, model)),
    ]


def _names_another(name: str, model: str) -> bool:
    """Tell whether a setting names another model than that which is there; programs write names in any case."""
    return str(getattr(django_settings, name, None) or model).lower() != model.lower()


def _models() -> list[tuple[str, str]]:
    """Return the settings by which the field's projects replace models, and the models that are there."""
    return [
        (f"{app.label}_{model.__name__}_MODEL".upper(), f"{app.label}.{model.__name__}")
        for app in apps.get_app_configs()
        if app.name.startswith("openwisp_controller.")
        for model in app.get_models()
    ]


def _set_names() -> list[str]:
    prefix = "OPENWISP_CONTROLLER_"
    return [name for name in dir(django_settings) if name.startswith(prefix) and name != prefix]


def _unknown(name: str) -> checks.CheckMessage:
    like = get_close_matches(name, SettingsGroup.known, n=1)
    hint = f"Did you mean {like[0]}?" if like else "Remove it, or install the app that it belongs to."
    return checks.Warning(f"{name} has no effect: no installed app has such a setting.", hint=hint, id="config.W001")


def _swapped(name: str, model: str) -> checks.CheckMessage:
    text = f"{name} has no effect: models of the controller are not replaced, {model} is used."
    hint = "Extend it by signals, a model with a one-to-one relation to it, or a proxy."
    return checks.Warning(text, hint=hint, id="config.W002")


def common_name_format(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """The names of client certificates can be made from a device."""
    try:
        credentials.common_name(Config(device=Device(name="name", mac_address="00:00:00:00:00:00")))
    except Exception as error:
        text = f"OPENWISP_CONTROLLER_COMMON_NAME_FORMAT is {settings.COMMON_NAME_FORMAT!r}, which cannot be used: "
        hint = "Write text with attributes of a device in braces, such as {mac_address} or {name}."
        return [checks.Error(f"{text}{error!r}", hint=hint, id="config.E001")]
    return []
