"""Rows of the table of changes about locations and floor plans."""

from __future__ import annotations

from typing import Any

from ..config.policy import changes
from ..config.policy.effects import Change, Edited, Runs
from ..config.unit_of_work import Saved, UnitOfWork
from . import files, live
from .base.models import SHOWN
from .models import DeviceLocation, FloorPlan, Location


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


def register() -> None:
    """Add the rows; called once, when the app starts."""
    changes.register(
        Change("location edited or moved", Edited(Location, *SHOWN), (Runs(tell_watchers),)),
        Change("location is no building any more", Edited(Location, "type"), (Runs(remove_plans),), only=is_outdoors),
        Change("image of a floor plan replaced", Edited(FloorPlan, "image"), (Runs(remove_replaced_file),)),
    )
