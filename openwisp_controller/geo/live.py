"""Live updates of locations: who watches one, or all of an organization, sees it move."""

from __future__ import annotations

from typing import Any

from ..common.live_updates import send_after_commit
from .geometry import shown
from .models import Location

EVERYTHING = "loci.mobile-location.common"
"""Name of the channel group that gets all locations."""


def location_group(location_id: Any) -> str:
    """Return the name of the channel group of a location."""
    return f"loci.mobile-location.{location_id}"


def organization_group(organization_id: Any) -> str:
    """Return the name of the channel group of the locations of an organization."""
    return f"loci.mobile-location.organization.{organization_id}"


def location_changed(location: Location) -> None:
    """Send a location that has a place, after the commit."""
    if location.geometry is None:
        return
    message = {
        "id": str(location.pk), "geometry": shown(location.geometry), "address": location.address,
        "name": location.name, "type": location.type, "is_mobile": location.is_mobile,
    }  # fmt: skip
    groups = (location_group(location.pk), organization_group(location.organization_id), EVERYTHING)
    send_after_commit({"type": "send_message", "message": message}, *groups)
