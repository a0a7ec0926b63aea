"""Addresses of the REST interface, for the app itself and for packages with views of their own."""

from __future__ import annotations

from typing import Any

from django.urls import path

#: Address below ``/api/v1/`` → name, which is also that of the view.
_ADDRESSES = {
    "controller/device/<uuid:pk>/coordinates/": "device_coordinates",
    "controller/device/<uuid:pk>/location/": "device_location",
    "controller/location/": "list_location",
    "controller/location/geojson/": "location_geojson",
    "controller/location/<uuid:pk>/": "detail_location",
    "controller/location/<uuid:pk>/device/": "location_device_list",
    "controller/location/<uuid:pk>/indoor-coordinates/": "indoor_coordinates_list",
    "controller/floorplan/": "list_floorplan",
    "controller/floorplan/<uuid:pk>/": "detail_floorplan",
    "controller/organization/<uuid:pk>/geo-settings/": "organization_geo_settings",
}


def get_geo_urls(geo_views: Any) -> list[Any]:
    """Return the addresses of the REST interface.

    Args:
        geo_views: module with the views, which are functions.
    """
    return [path(address, getattr(geo_views, name), name=name) for address, name in _ADDRESSES.items()]
