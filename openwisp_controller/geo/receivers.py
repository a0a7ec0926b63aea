"""What follows when rows of this app, or organizations, come and go."""

from __future__ import annotations

from typing import Any

from openwisp_users.models import Organization

from . import files
from .models import DeviceLocation, FloorPlan, OrganizationGeoSettings


def create_settings(sender: Any, instance: Organization, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Give every new organization its row of settings."""
    if created and not raw:
        OrganizationGeoSettings.objects.get_or_create(organization=instance)


def keep_positions(sender: Any, instance: FloorPlan, **kwargs: Any) -> None:
    """Leave devices at their location when a plan goes; the point on the plan means nothing any more."""
    DeviceLocation.objects.filter(floorplan=instance).update(floorplan=None, indoor=None)


def remove_file(sender: Any, instance: FloorPlan, **kwargs: Any) -> None:
    """Delete the image of a plan that went, whoever deleted it."""
    files.remove_after_commit(instance.image.name or "", instance)
