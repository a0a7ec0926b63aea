"""Rows of the table of changes about locations and floor plans."""

from __future__ import annotations

from typing import Any

from ..config.policy import changes
from ..config.policy.effects import Change, Edited, Runs
from ..config.unit_of_work import Saved, UnitOfWork
from . import estimated, files, live
from .base.models import SHOWN
from .models import DeviceLocation, FloorPlan, Location, OrganizationGeoSettings


def is_outdoors(edited: Saved) -> bool:
    """The location is outdoors now."""
    location: Any = edited.subject
    return bool(location.type == "outdoor")


def remove_plans(unit: UnitOfWork, edited: Saved) -> None:
    """Deletes its floor plans; devices stay at the location, without a position on a plan."""
    DeviceLocation.objects.filter(location=edited.subject.pk).update(floorplan=None, indoor=None)
    FloorPlan.objects.filter(location=edited.subject.pk).delete()


def remove_replaced_file(unit: UnitOfWork, edited: Saved) -> None:
    """Deletes the former file after the commit."""
    files.remove_after_commit(edited.before["image"].name or "", edited.subject)


def tell_watchers(unit: UnitOfWork, edited: Saved) -> None:
    """Sends the location to those who watch it, after the commit."""
    location: Any = edited.subject
    live.location_changed(location)


def trust_position(unit: UnitOfWork, edited: Saved) -> None:
    """Takes an estimated location for a known one, unless the estimation itself stored it, or none are estimated."""
    location: Any = edited.subject
    if location.is_estimated and location.pk not in unit.of(estimated.Estimates).keys and _are_estimated(location):
        _store_flag(location, False)


def keep_flag(unit: UnitOfWork, edited: Saved) -> None:
    """Leaves it as it was where no locations are estimated."""
    location: Any = edited.subject
    if not _are_estimated(location):
        _store_flag(location, edited.before["is_estimated"])


def _are_estimated(location: Location) -> bool:
    row = OrganizationGeoSettings.objects.filter(organization=location.organization_id).first()
    return estimated.is_enabled(row, location.organization_id)


def _store_flag(location: Location, value: bool) -> None:
    Location.objects.filter(pk=location.pk).update(is_estimated=value)
    location.is_estimated = value


def register() -> None:
    """Add the rows; called once, when the app starts."""
    changes.register(
        Change("location edited or moved", Edited(Location, *SHOWN), (Runs(tell_watchers),)),
        Change("location is no building any more", Edited(Location, "type"), (Runs(remove_plans),), only=is_outdoors),
        Change("position of a location edited", Edited(Location, "address", "geometry"), (Runs(trust_position),)),
        Change("estimated flag of a location edited", Edited(Location, "is_estimated"), (Runs(keep_flag),)),
        Change("image of a floor plan replaced", Edited(FloorPlan, "image"), (Runs(remove_replaced_file),)),
    )
