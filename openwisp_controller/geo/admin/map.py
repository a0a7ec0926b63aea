"""What the map on the first page of the administration shows: places of devices, and how these are doing."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef
from django.http import HttpRequest, JsonResponse

from ...common.rest.permissions import may
from ...common.tenancy import managed_objects
from ..models import DeviceLocation, Location

PAGE = 2000
"""Places in one answer."""


def places(request: HttpRequest) -> JsonResponse:
    """Answer with places of devices, in the order of their keys, from the one after ``?after=`` on.

    ``places`` holds for each: key, longitude, latitude, name, address, number of devices by status. ``next`` is what to
    ask for then; null = these are the last ones.
    """
    if not may(request.user, "view", Location):
        raise PermissionDenied
    used = Exists(DeviceLocation.objects.filter(location=OuterRef("pk")))
    rows = managed_objects(request.user, Location.objects.all(), shared=False)
    rows = rows.filter(used, geometry__isnull=False).order_by("pk").only("name", "address", "geometry", "type")
    after = _key(request.GET.get("after", ""))
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    counts = _counts(shown)
    answer = [_place(location, counts.get(location.pk, {})) for location in shown]
    return JsonResponse({"places": answer, "next": str(shown[-1].pk) if len(found) > PAGE else None})


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _counts(locations: list[Location]) -> dict[Any, dict[str, int]]:
    """Return how many devices of each status are at each location."""
    rows = DeviceLocation.objects.filter(location__in=[location.pk for location in locations]).order_by()
    status = "content_object__config__status"
    result: dict[Any, dict[str, int]] = {}
    for key, name, number in rows.values_list("location", status).annotate(number=Count("pk")):
        result.setdefault(key, {})[name or "unknown"] = number
    return result


def _place(location: Location, counts: dict[str, int]) -> list[Any]:
    geometry: Any = location.geometry
    point = geometry if geometry.geom_type == "Point" else geometry.centroid
    return [str(location.pk), point.x, point.y, location.name, location.address, counts]
