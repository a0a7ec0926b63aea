"""Where devices are: what they report, and what happens when they move to another organization."""

from __future__ import annotations

from django.contrib.gis.geos import GEOSGeometry

from ..config.models import Device
from ..config.unit_of_work import unit_of_work
from .models import DeviceLocation, Location


class LocationIsFixed(Exception):
    """The location of the device is no mobile one: devices do not move it."""


def of_device(device: Device) -> Location | None:
    """Return the location of a device, or None."""
    row = DeviceLocation.objects.select_related("location").filter(content_object=device.pk).first()
    return row.location if row is not None else None


def report(device: Device, *geometry: GEOSGeometry | None) -> Location:
    """Store where a device says that it is; return its location, a new mobile one if it has none.

    Args:
        device: which says it.
        geometry: a point, or None = it does not know any more; left out = nothing is said.

    Raises:
        LocationIsFixed: its location is not a mobile one.
    """
    with unit_of_work() as unit:
        unit.lock(Device, [device.pk])  # it may say it twice at once
        row = DeviceLocation.objects.select_related("location").filter(content_object=device.pk).first()
        if row is None or row.location is None:
            return _give_location(device, row, geometry[0] if geometry else None)
        location = row.location
        if not location.is_mobile:
            raise LocationIsFixed
        if geometry:
            location.geometry = geometry[0]
            location.save(update_fields=["geometry", "modified"])
        return location


def _give_location(device: Device, row: DeviceLocation | None, geometry: GEOSGeometry | None) -> Location:
    location = Location(
        organization_id=device.organization_id, name=device.name, type="outdoor", is_mobile=True, geometry=geometry
    )
    location.save()
    row = row or DeviceLocation(content_object=device)
    row.location = location
    row.save()
    return location


def follow_move(device: Device) -> None:
    """Take a device away from the location of an organization that it left; the location stays there."""
    for row in DeviceLocation.objects.filter(content_object=device.pk).select_related("location", "floorplan"):
        places = [place for place in (row.location, row.floorplan) if place is not None]
        if any(place.organization_id != device.organization_id for place in places):
            row.delete()
