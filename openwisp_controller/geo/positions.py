"""Where devices are: what happens to that when they move to another organization or say where they are."""

from __future__ import annotations

from ..config.models import Device
from .models import DeviceLocation


def follow_move(device: Device) -> None:
    """Take a device away from the location of an organization that it left; the location stays there."""
    for row in DeviceLocation.objects.filter(content_object=device.pk).select_related("location", "floorplan"):
        places = [place for place in (row.location, row.floorplan) if place is not None]
        if any(place.organization_id != device.organization_id for place in places):
            row.delete()
