"""Locations as targets of mass commands. The app with the maps may be absent; nothing of it is imported."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet


def model() -> type[Model] | None:
    """Return the model of locations; None where there are no maps."""
    return apps.get_model("geo", "Location") if "geo" in apps.app_configs else None


def relation() -> Any:
    """Return the field by which devices are at locations; there have to be maps."""
    return apps.get_model("geo", "DeviceLocation")._meta.get_field("location")


def find(key: Any) -> Any:
    """Return the location with a key; None where there is none."""
    known = model()
    return None if key is None or known is None else known._default_manager.filter(pk=key).first()


def devices_at(devices: QuerySet[Any], key: Any) -> QuerySet[Any]:
    """Limit devices to those at a location."""
    return devices.filter(devicelocation__location=key) if model() is not None else devices.none()
