"""Devices say where they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.test import Client
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make
from ..rest.client import BASE, NOT_THERE, done, wrong

pytestmark = pytest.mark.django_db


class Reporter:
    """A device that talks to its address."""

    def __init__(self, device: Device, key: str | None = None, client: Client | None = None) -> None:
        self.client = client or Client()
        key = device.key if key is None else key
        self.path = f"{BASE}/device/{device.pk}/coordinates/?key={key}"

    def get(self) -> Any:
        return self.client.get(self.path)

    def send(self, method: str, body: Any = None) -> Any:
        return self.client.generic(method, self.path, json.dumps(body or {}), content_type="application/json")

    def report(self, *coordinates: Any, method: str = "PUT") -> Any:
        geometry = {"type": "Point", "coordinates": list(coordinates)}
        return self.send(method, {"type": "Feature", "geometry": geometry, "properties": {"name": "ignored"}})


@pytest.fixture
def reporter(device: Device) -> Reporter:
    return Reporter(device)


def test_first_report(reporter: Reporter, device: Device) -> None:
    assert (reporter.get().status_code, reporter.get().json()) == (404, NOT_THERE)
    assert reporter.report(1, 2, method="PATCH").status_code == 404
    shown = done(reporter.report(12.5, 41.9))
    place = {"type": "Point", "coordinates": [12.5, 41.9]}
    assert shown == {"type": "Feature", "geometry": place, "properties": {"name": device.name}}
    location = Location.objects.get()
    assert (location.organization, location.type, location.is_mobile) == (device.organization, "outdoor", True)
    assert DeviceLocation.objects.get().location == location
    assert done(reporter.report(1, 2, method="PATCH"))["geometry"]["coordinates"] == [1.0, 2.0]
    assert done(reporter.get())["geometry"]["coordinates"] == [1.0, 2.0]
    assert done(reporter.send("PUT"))["geometry"]["coordinates"] == [1.0, 2.0], "nothing was said"
    assert Location.objects.count() == 1


def test_empty_reports(reporter: Reporter) -> None:
    assert done(reporter.send("PUT"))["geometry"] is None
    done(reporter.report(1, 2))
    assert done(reporter.send("PATCH", {"geometry": None}))["geometry"] is None


def test_a_row_without_location_gets_one(reporter: Reporter, device: Device) -> None:
    DeviceLocation.objects.create(content_object=device)
    assert reporter.get().status_code == reporter.report(1, 2, method="PATCH").status_code == 404
    done(reporter.report(1, 2))
    assert DeviceLocation.objects.get().location == Location.objects.get()


@pytest.mark.parametrize(
    "geometry",
    [{"type": "Point", "coordinates": [181, 0]}, {"type": "Point", "coordinates": [0, -91]}, "LINESTRING (0 0, 1 1)",
     "POINT EMPTY", "POINT (nan 1)", "x", {"type": "Point"}, 7],
)  # fmt: skip
def test_what_is_no_position(reporter: Reporter, geometry: Any) -> None:
    assert list(wrong(reporter.send("PUT", {"geometry": geometry}))) == ["geometry"]
    assert not Location.objects.exists()


def test_fixed_locations_are_not_moved(reporter: Reporter, device: Device, building: Location) -> None:
    make.position(device, building)
    for method in ("PUT", "PATCH"):
        answer = reporter.report(1, 2, method=method)
        assert answer.status_code == 403
        assert "fixed" in answer.json()["detail"]
    assert done(reporter.get())["properties"] == {"name": "Bld"}
    assert Location.objects.get().geometry == Point(12.51, 41.89, srid=4326)


def test_keys(device: Device, root: Client, administrator: Client) -> None:
    done(Reporter(device).report(1, 2))
    missing = {"detail": "Authentication credentials were not provided."}
    for key in ("", "wrong", device.key + "x", "é"):
        for answer in (Reporter(device, key).get(), Reporter(device, key).report(3, 4)):
            assert (answer.status_code, answer.json()) == (401, missing)
        for person in (root, administrator):
            assert Reporter(device, key, person).get().status_code == 403
            assert Reporter(device, key, person).report(3, 4).status_code == 403
    assert Location.objects.get().geometry == Point(1, 2, srid=4326)
    assert Client().get(f"{BASE}/device/{device.pk}/coordinates/").status_code == 401
    for method in ("POST", "DELETE"):
        assert Reporter(device).send(method).status_code == 405


def test_devices_that_nobody_manages(reporter: Reporter, device: Device, organization: Organization) -> None:
    done(reporter.report(1, 2))
    device.deactivate()
    done(reporter.get())
    assert reporter.report(3, 4).status_code == reporter.report(3, 4, method="PATCH").status_code == 403
    organization.is_active = False
    organization.save()
    assert reporter.get().status_code == reporter.report(3, 4).status_code == 404
    assert Location.objects.get().geometry == Point(1, 2, srid=4326)
    gone = device.pk
    Device.objects.filter(pk=gone).delete()
    assert reporter.get().status_code == 404
