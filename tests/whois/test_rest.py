"""What REST says about addresses of devices, and the switch of organizations."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device, OrganizationConfigSettings

from .. import factories as make
from ..geolite import ADDRESS, OTHER, Geolite
from ..rest.client import NOT_THERE, Rest, done, made, wrong
from .helpers import enable, known

pytestmark = pytest.mark.django_db


@pytest.fixture
def rest(administrator: Any) -> Rest:
    return Rest(administrator)


@pytest.fixture
def rome(whois: Geolite) -> Any:
    """What is known about the first address."""
    return known(
        ADDRESS, asn="64500", timezone="Europe/Rome", cidr="8.8.8.0/24", coordinates=Point(12.5, 41.9, srid=4326),
        address={"city": "Rome", "country": "Italy", "continent": "Europe", "postal": "00100"},
    )  # fmt: skip


def shown(rest: Rest, device: Device) -> Any:
    return done(rest.get(f"/device/{device.pk}/"))


class TestDevice:
    def test_known(self, rest: Rest, rome: Any, organization: Organization) -> None:
        info = shown(rest, make.device(organization, last_ip=ADDRESS))["whois_info"]
        assert {name: info.pop(name)[:4] for name in ("created", "modified")} == {
            "created": str(rome.created.year), "modified": str(rome.modified.year),
        }  # fmt: skip
        assert info == {
            "ip_address": ADDRESS, "isp": "Stored ISP", "asn": "64500", "timezone": "Europe/Rome", "cidr": "8.8.8.0/24",
            "address": {"city": "Rome", "country": "Italy", "continent": "Europe", "postal": "00100"},
            "coordinates": {"type": "Point", "coordinates": [12.5, 41.9]},
        }  # fmt: skip

    def test_little_is_known(self, rest: Rest, whois: Geolite, organization: Organization) -> None:
        known(ADDRESS)
        info = shown(rest, make.device(organization, last_ip=ADDRESS))["whois_info"]
        assert (info["coordinates"], set(info["address"].values())) == (None, {""})

    @pytest.mark.parametrize("address", [None, OTHER, "10.0.0.1"])
    def test_nothing_is_known(self, rest: Rest, rome: Any, organization: Organization, address: str | None) -> None:
        assert shown(rest, make.device(organization, last_ip=address))["whois_info"] is None

    def test_off(self, rest: Rest, rome: Any, organization: Organization, settings: Any) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        enable(organization, None)
        assert "whois_info" not in shown(rest, device)
        settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = True
        assert "whois_info" in shown(rest, device)
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT = ""
        assert "whois_info" not in shown(rest, device)

    def test_it_cannot_be_written(self, rest: Rest, rome: Any, organization: Organization) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        answer = done(rest.patch(f"/device/{device.pk}/", {"whois_info": {"isp": "Mine"}, "notes": "x"}))
        assert (answer["whois_info"]["isp"], answer["notes"]) == ("Stored ISP", "x")

    def test_people_of_other_organizations(
        self, rest: Rest, stranger: Any, rome: Any, organization: Organization, other: Organization
    ) -> None:
        """What is known about an address shows where somebody's own device has it, and WHOIS is on there."""
        device = make.device(organization, last_ip=ADDRESS)
        answer = Rest(stranger).get(f"/device/{device.pk}/")
        assert (answer.status_code, b"Stored ISP" in answer.content) == (404, False)
        theirs = make.device(other, last_ip=ADDRESS)
        assert "whois_info" not in shown(Rest(stranger), theirs)

    def test_written_by_rest(self, rest: Rest, whois: Geolite, organization: Organization, committing: Any) -> None:
        sent = {"name": "ap", "organization": str(organization.pk), "mac_address": "02:00:00:aa:bb:cc"}
        with committing():
            device = made(rest.post("/device/", {**sent, "last_ip": ADDRESS}))
        assert whois.asked == [ADDRESS]
        with committing():
            done(rest.patch(f"/device/{device['id']}/", {"last_ip": OTHER}))
        assert whois.asked == [ADDRESS, OTHER]


class TestList:
    def listed(self, client: Any, **query: str) -> dict[str, Any]:
        answer = done(Rest(client).get("/device/", **query))
        return {each["name"]: each.get("whois_info", "absent") for each in answer["results"]}

    def test_brief(
        self, administrator: Any, root: Any, rome: Any, organization: Organization, other: Organization
    ) -> None:
        known(OTHER)
        make.device(organization, "in-rome", last_ip=ADDRESS)
        make.device(organization, "somewhere", last_ip=OTHER)
        make.device(organization, "inside", last_ip="10.0.0.1")
        make.device(organization, "nowhere")
        make.device(other, "elsewhere", last_ip=ADDRESS)
        own = {
            "in-rome": {"isp": "Stored ISP", "country": "Italy"}, "somewhere": {"isp": "Stored ISP", "country": ""},
            "inside": None, "nowhere": None,
        }  # fmt: skip
        assert self.listed(administrator, whois_info="true") == own
        assert self.listed(root, whois_info="true") == {**own, "elsewhere": "absent"}
        for query in ({}, {"whois_info": "false"}):
            assert set(self.listed(administrator, **query).values()) == {"absent"}

    def test_not_configured(self, administrator: Any, rome: Any, organization: Organization, settings: Any) -> None:
        make.device(organization, "in-rome", last_ip=ADDRESS)
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        assert self.listed(administrator, whois_info="true") == {"in-rome": "absent"}

    def test_bad_value(self, rest: Rest, whois: Geolite) -> None:
        assert set(wrong(rest.get("/device/", whois_info="perhaps"))) == {"whois_info"}

    def test_it_costs_no_statement(self, root: Any, rome: Any, organization: Organization) -> None:
        def statements(**query: str) -> int:
            with CaptureQueriesContext(connection) as queries:
                self.listed(root, **query)
            return len(queries)

        make.device(organization, last_ip=ADDRESS)
        usual = statements()
        for _ in range(5):
            make.device(organization, last_ip=ADDRESS)
        assert statements(whois_info="true") == usual


class TestOrganization:
    def path(self, organization: Organization) -> str:
        return f"/organization/{organization.pk}/settings/"

    def stored(self, organization: Organization) -> bool | None:
        """The value in the database."""
        row = OrganizationConfigSettings.objects.filter(organization=organization)
        return None if row.filter(whois_enabled__isnull=True).exists() else row.get().whois_enabled

    def test_switch(self, rest: Rest, geolite: Geolite, organization: Organization, settings: Any) -> None:
        path = self.path(organization)
        assert done(rest.get(path))["whois_enabled"] is False
        for default in (False, True):
            settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = default
            for sent, value, stored in (
                (not default, not default, not default), (None, default, None), (default, default, None),
            ):  # fmt: skip
                assert done(rest.patch(path, {"whois_enabled": sent}))["whois_enabled"] is value
                assert done(rest.get(path))["whois_enabled"] is value
                assert self.stored(organization) is stored
        settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = False  # who follows the setting goes on to
        assert done(rest.get(path))["whois_enabled"] is False

    def test_made_with_the_first_write(self, root: Any, geolite: Geolite) -> None:
        organization = Organization.objects.create(name="new", slug="new")
        assert done(Rest(root).get(self.path(organization)))["whois_enabled"] is False
        assert done(Rest(root).patch(self.path(organization), {"whois_enabled": True}))["whois_enabled"] is True

    def test_not_configured(self, rest: Rest, organization: Organization, whois: Geolite, settings: Any) -> None:
        """What was switched on stays, and is in nobody's way."""
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        answer = done(rest.patch(self.path(organization), {"whois_enabled": False, "context": {"a": "1"}}))
        assert "whois_enabled" not in answer
        assert answer["context"] == {"a": "1"}
        assert self.stored(organization) is True

    def test_nonsense(self, rest: Rest, geolite: Geolite, organization: Organization) -> None:
        assert set(wrong(rest.patch(self.path(organization), {"whois_enabled": "perhaps"}))) == {"whois_enabled"}

    def test_who_may(self, operator: Any, stranger: Any, geolite: Geolite, organization: Organization) -> None:
        path, sent = self.path(organization), {"whois_enabled": True}
        assert Rest(operator).patch(path, sent).status_code == 403
        answer = Rest(stranger).patch(path, sent)
        assert (answer.status_code, answer.json()) == (404, NOT_THERE)
        assert self.stored(organization) is None
