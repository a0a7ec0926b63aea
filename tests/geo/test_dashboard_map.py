"""The map on the first page of the administration: what it is drawn from."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.admin.map import PAGE
from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make

pytestmark = pytest.mark.django_db
MAP = "/admin/geo/location/map.json"


def places(client: Client, after: str = "") -> Any:
    answer = client.get(MAP, {"after": after})
    assert answer.status_code == 200
    return answer.json()


def test_places_with_statuses(root: Client, organization: Organization) -> None:
    hall = make.location(organization, "hall", address="Via Roma 1")
    make.location(organization, "empty")
    for status in ("applied", "applied", "error"):
        make.position(make.config(organization, status=status).device, hall)
    make.position(make.device(organization), hall)
    place = [str(hall.pk), 12.51, 41.89, "hall", "Via Roma 1", {"applied": 2, "error": 1, "unknown": 1}]
    assert places(root) == {"places": [place], "next": None}


def test_whose_places(root: Client, operator: Client, organization: Organization, other: Organization) -> None:
    for owner in (organization, other):
        make.position(make.device(owner), make.location(owner, owner.name))
    assert {place[3] for place in places(root)["places"]} == {"acme", "other"}
    assert [place[3] for place in places(operator)["places"]] == ["acme"]
    nobody = make.person("nobody", organization)
    make.permit(nobody, "view_device")
    assert nobody.get(MAP).status_code == 403
    assert 'id="controller-map"' not in nobody.get("/admin/").content.decode()
    assert 'id="controller-map"' in operator.get("/admin/").content.decode()
    assert Client().get(MAP).status_code == 302


def test_pages(root: Client, organization: Organization, django_assert_max_num_queries: Any) -> None:
    number = PAGE + 5
    locations = [Location(organization=organization, name=f"l{n}", type="outdoor", geometry="POINT (1 2)")
                 for n in range(number)]  # fmt: skip
    devices = [Device(organization=organization, name=f"d{n}", mac_address=f"02:00:00:00:{n // 256:02X}:{n % 256:02X}",
                      key=f"key-{n}") for n in range(number)]  # fmt: skip
    Location.objects.bulk_create(locations)
    Device.objects.bulk_create(devices)
    DeviceLocation.objects.bulk_create(
        DeviceLocation(content_object=device, location=location)
        for device, location in zip(devices, locations, strict=True)
    )
    with django_assert_max_num_queries(10):
        first = places(root)
    rest = places(root, first["next"])
    assert (len(first["places"]), len(rest["places"]), rest["next"]) == (PAGE, 5, None)
    assert len({place[0] for page in (first, rest) for place in page["places"]}) == number
    assert len(places(root, "nonsense")["places"]) == PAGE


@pytest.mark.parametrize(
    ("tiles", "shown"),
    [
        ([], ""),
        ("https://a/{z}", "https://a/{z}"),
        ([("Map", "https://b/{z}", "somebody")], "https://b/{z}"),
        ([("Map", "https://c/{z}", {"attribution": "somebody"})], "https://c/{z}"),
    ],
)
def test_background(root: Client, settings: Any, tiles: Any, shown: str) -> None:
    settings.LEAFLET_CONFIG = {"TILES": tiles}
    assert f'data-tiles="{shown}"' in root.get("/admin/").content.decode()


def test_projects_that_say_nothing_of_maps(root: Client, settings: Any) -> None:
    del settings.LEAFLET_CONFIG
    assert 'id="controller-map"' in root.get("/admin/").content.decode()
