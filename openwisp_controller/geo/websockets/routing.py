"""Addresses of the WebSockets; with a slash at the end."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django_loci.channels.base import common_location_broadcast_path, location_broadcast_path

from . import consumers


def get_routes() -> list[Any]:
    """Return the routes of this app."""
    return [
        path(location_broadcast_path, consumers.LocationBroadcast.as_asgi()),
        path(common_location_broadcast_path, consumers.CommonLocationBroadcast.as_asgi()),
    ]
