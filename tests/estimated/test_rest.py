"""What REST tells about estimated locations, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openwisp_users.models import Organization

from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make
from ..geolite import ADDRESS, Geolite
from ..rest.client import Rest, done
from .conftest import switch

pytestmark = pytest.mark.django_db


@pytest.fixture
def rest(administrator: Any) -> Rest:
    return Rest(administrator)


@pytest.fixture
def device(estimating: Geolite, organization: Organization, committing: Any) -> Any:
    """Has an estimated location; another device has a known one."""
    make.position(make.device(organization, "known"), make.location(organization, "Roof"))
    with committing():
        return make.device(organization, "estimated", last_ip=ADDRESS)


def flags(rest: Rest, **query: str) -> dict[str, Any]:
    """The flags in the list of locations and on the map, by name; both say the same."""
    listed = {each["name"]: each.get("is_estimated") for each in done(rest.get("/location/", **query))["results"]}
    features = done(rest.get("/location/geojson/", **query))["features"]
    assert {each["properties"]["name"]: each["properties"].get("is_estimated") for each in features} == listed
    return listed


ROME = f"Rome, Italy: {ADDRESS}"


def test_lists(rest: Rest, device: Any, organization: Organization) -> None:
    assert flags(rest) == {ROME: True, "Roof": False}
    assert flags(rest, is_estimated="true") == {ROME: True}
    assert flags(rest, is_estimated="false") == {"Roof": False}


def test_one(rest: Rest, device: Any) -> None:
    path = f"/location/{Location.objects.get(is_estimated=True).pk}/"
    assert done(rest.get(path))["is_estimated"] is True
    assert done(rest.patch(path, {"is_estimated": False, "name": "Rome"}))["is_estimated"] is True
    assert done(rest.patch(path, {"address": "Via Appia 1"}))["is_estimated"] is False
    assert done(rest.get(path))["is_estimated"] is False


def test_of_a_device(rest: Rest, device: Any) -> None:
    path = f"/device/{device.pk}/location/"
    assert done(rest.get(path))["location"]["properties"]["is_estimated"] is True
    sent = {"location": {"name": ROME, "type": "outdoor", "geometry": {"type": "Point", "coordinates": [12.0, 41.0]}}}
    assert done(rest.patch(path, sent))["location"]["properties"]["is_estimated"] is False


def test_where_none_are_estimated(rest: Rest, device: Any, organization: Organization) -> None:
    switch(organization, False)
    assert flags(rest) == {ROME: None, "Roof": None}
    path = f"/location/{Location.objects.get(is_estimated=True).pk}/"
    assert "is_estimated" not in done(rest.get(path))
    shown = done(rest.get(f"/device/{device.pk}/location/"))
    assert "is_estimated" not in shown["location"]["properties"]


def test_not_configured(rest: Rest, device: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
    assert flags(rest, is_estimated="true") == {ROME: None, "Roof": None}
    found = done(rest.get("/device/", geo_is_estimated="true"))["results"]
    assert len(found) == 2


def test_devices(rest: Rest, device: Any, organization: Organization) -> None:
    make.device(organization, "nowhere")
    for value, names in (("true", ["estimated"]), ("false", ["known"])):
        found = done(rest.get("/device/", geo_is_estimated=value))["results"]
        assert [each["name"] for each in found] == names


def test_others_are_told_by_their_own_organization(root: Any, device: Any, other: Organization) -> None:
    make.position(make.device(other), make.location(other, "Theirs"))
    assert flags(Rest(root)) == {ROME: True, "Roof": False, "Theirs": None}


def test_it_costs_no_statement(root: Any, device: Any, organization: Organization, settings: Any) -> None:
    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            done(Rest(root).get(path))
        return len(queries)

    for _ in range(5):
        DeviceLocation.objects.create(content_object=make.device(organization), location=make.location(organization))
    for path in ("/location/", "/location/geojson/"):
        statements(path)
        told = statements(path)
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        assert statements(path) == told
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = "key"
