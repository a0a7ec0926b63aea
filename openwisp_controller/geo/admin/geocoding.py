"""Finding the coordinates of an address, and the address of coordinates, by a service on the network."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_loci.base import geocoding_views

from ...common.rest.permissions import may
from ..models import Location


def check_permission(request: HttpRequest) -> None:
    """Raise ``PermissionDenied`` unless a person has to do with locations."""
    if not any(may(request.user, action, Location) for action in ("view", "add")):
        raise PermissionDenied


def geocode(request: HttpRequest) -> HttpResponse:
    """Answer with the coordinates of ``?address=``."""
    check_permission(request)
    answer: HttpResponse = geocoding_views.geocode_view(request)
    return answer


def reverse_geocode(request: HttpRequest) -> HttpResponse:
    """Answer with the address at ``?lat=&lng=``."""
    check_permission(request)
    if not all(_is_number(request.GET.get(name)) for name in ("lat", "lng")):
        return JsonResponse({"error": "lat or lng parameter not defined"}, status=400)
    answer: HttpResponse = geocoding_views.reverse_geocode_view(request)
    return answer


def _is_number(text: Any) -> bool:
    try:
        return math.isfinite(float(text))
    except (TypeError, ValueError):
        return False
