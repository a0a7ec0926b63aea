"""The costs of maps, on PostGIS. Django must be set up before this is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.test import Client
from openwisp_users.models import Organization, User
from rest_framework.authtoken.models import Token

from openwisp_controller.config.models import Device
from openwisp_controller.geo.models import DeviceLocation, Location

from .meter import Cost, measure

POSITIONS = 10_000
_PAGE = 1000


def run() -> Iterator[Cost]:
    """Measure the map of many positions, page by page, and a small part of it."""
    organization = Organization.objects.create(name="maps", slug="maps")
    _fill(organization)
    user = User.objects.create_superuser("maps", "maps@example.org", "password")
    token = Token.objects.create(user=user).key
    client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(**query: Any) -> Any:
        answer = client.get("/api/v1/controller/location/geojson/", {"organization_slug": "maps", **query})
        assert answer.status_code == 200, answer.content
        return answer

    assert len(get().json()["features"]) == _PAGE

    def all_pages() -> None:
        for page in range(POSITIONS // _PAGE):
            get(page=page + 1)

    yield measure(f"map of {POSITIONS} positions, all pages", [all_pages, all_pages], budget=(40, 1000))
    small: list[Callable[[], Any]] = [lambda: get(bbox="10,45,10.5,45.5")] * 20
    yield measure(f"small part of a map of {POSITIONS} positions", small, budget=(4, 100))


def _fill(organization: Organization) -> None:
    devices = Device.objects.bulk_create(
        Device(organization=organization, name=f"map-{number}", key=f"map{number:029}",
               mac_address=f"06:00:00:{number >> 16:02X}:{number >> 8 & 255:02X}:{number & 255:02X}")
        for number in range(POSITIONS)
    )  # fmt: skip
    places = Location.objects.bulk_create(
        Location(organization=organization, name=f"place {number}", type="outdoor", address="Via Roma 1, Rome",
                 geometry=f"POINT ({number % 100 / 5} {40 + number // 100 / 10})")
        for number in range(POSITIONS)
    )  # fmt: skip
    DeviceLocation.objects.bulk_create(
        DeviceLocation(content_object=device, location=place) for device, place in zip(devices, places, strict=True)
    )
