"""When an address is looked up, and what is stored and announced of it."""

from __future__ import annotations

import logging
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from openwisp_users.models import Organization

from openwisp_controller.config import signals
from openwisp_controller.config.models import ControllerState, Device, OrganizationConfigSettings, WHOISInfo
from openwisp_controller.config.whois.service import WHOISService
from openwisp_controller.config.whois.tasks import fetch_whois_details

from .. import factories as make
from ..geolite import (
    ACCOUNT,
    ADDRESS,
    KEY,
    NO_PERMISSION,
    NO_QUERIES,
    NOT_FOUND,
    OTHER,
    ROME,
    SIX,
    WRONG_KEY,
    Geolite,
)
from ..http.protocol import register
from ..recorder import SignalRecorder
from .helpers import age, enable, known, record_of

pytestmark = pytest.mark.django_db
WHOIS = ("whois_fetched", "whois_lookup_skipped")
ALL = ["ip_address", "isp", "asn", "timezone", "address", "cidr", "coordinates"]
PRIVATE = [
    "10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "100.64.0.1", "169.254.1.1", "203.0.113.5", "224.0.0.1",
    "0.0.0.0", "::1", "::", "fd00::1", "fe80::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1",
]  # fmt: skip


def announced(recorded: SignalRecorder) -> list[str]:
    return [name for name in recorded.names if name in WHOIS]


def move(device: Device, address: str | None, committing: Any) -> None:
    with committing():
        device.last_ip = address
        device.save()


def test_first_lookup(
    whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder, caplog: Any
) -> None:
    caplog.set_level(logging.INFO)
    with committing():
        device = make.device(organization, last_ip=ADDRESS)
        assert whois.asked == []  # not before the commit
    assert whois.asked == [ADDRESS]
    assert whois.accounts == [f"{ACCOUNT}:{KEY}"]
    record = record_of(ADDRESS)
    assert (record.isp, record.asn, record.timezone, record.cidr) == (
        "Example ISP", "64500", "Europe/Rome", "8.8.8.0/24",
    )  # fmt: skip
    assert record.address == {"city": "Rome", "country": "Italy", "continent": "Europe", "postal": "00100"}
    assert record.formatted_address == "Rome, Italy, Europe, 00100"
    assert record.coordinates == Point(12.5, 41.9, srid=4326)
    assert record.unreferenced_since is None
    assert announced(recorded) == ["whois_fetched"]
    sent = recorded.only("whois_fetched")
    assert (sent.sender, sent.arguments) == (
        WHOISInfo, {"whois": record, "updated_fields": ALL, "device": device},
    )  # fmt: skip
    assert f"Successfully fetched WHOIS details for {ADDRESS}." in caplog.messages
    assert KEY not in caplog.text


def test_a_fresh_record_is_not_looked_up(
    whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
) -> None:
    known(ADDRESS, days=89)
    with committing():
        device = make.device(organization, last_ip=ADDRESS)
        assert announced(recorded) == []  # not before the commit
    sent = recorded.only("whois_lookup_skipped")
    assert (sent.sender, sent.arguments) == (WHOISService, {"device": device})
    assert (whois.asked, announced(recorded)) == ([], ["whois_lookup_skipped"])


def test_a_skip_that_is_rolled_back_is_not_announced(
    whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
) -> None:
    known(ADDRESS)
    with committing(), transaction.atomic():
        make.device(organization, last_ip=ADDRESS)
        transaction.set_rollback(True)
    assert announced(recorded) == []


def test_another_address(whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder) -> None:
    with committing():
        device = make.device(organization, last_ip=ADDRESS)
    move(device, OTHER, committing)
    assert whois.asked == [ADDRESS, OTHER]
    assert record_of(ADDRESS).unreferenced_since is not None
    assert record_of(OTHER).unreferenced_since is None
    move(device, ADDRESS, committing)
    assert record_of(ADDRESS).unreferenced_since is None
    assert record_of(OTHER).unreferenced_since is not None
    assert whois.asked == [ADDRESS, OTHER]
    assert announced(recorded) == ["whois_fetched", "whois_fetched", "whois_lookup_skipped"]


def test_spellings_of_one_address(whois: Geolite, organization: Organization, committing: Any) -> None:
    with committing():
        device = make.device(organization, last_ip="2001:4860:4860:0:0:0:0:8888")
    assert whois.asked == [SIX]
    move(device, "2001:4860:4860::8888", committing)
    move(device, "2001:4860:4860:0000::8888", committing)
    assert whois.asked == [SIX]
    move(device, f"::ffff:{ADDRESS}", committing)
    assert whois.asked == [SIX, ADDRESS]
    assert Device.objects.get(pk=device.pk).last_ip == ADDRESS
    assert record_of(ADDRESS).unreferenced_since is None


@pytest.mark.parametrize("address", PRIVATE)
def test_other_addresses_than_public_ones_are_never_looked_up(
    whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder, address: str
) -> None:
    with committing():
        device = make.device(organization, last_ip=address)
        fetch_whois_details.delay(str(device.pk), address)
    move(device, ADDRESS, committing)
    move(device, address, committing)
    assert whois.asked == [ADDRESS]
    assert announced(recorded) == ["whois_fetched"]
    with pytest.raises(ValidationError) as refused:
        WHOISInfo(ip_address=address).full_clean()
    assert refused.value.message_dict == {
        "ip_address": ["WHOIS information cannot be created for private IP addresses."]
    }


class TestSameAddress:
    def test_unknown(self, whois: Geolite, organization: Organization, committing: Any) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        with committing():
            device.save()
        assert whois.asked == []

    def test_outdated(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        age(ADDRESS, 90, isp="Former ISP", unreferenced_since=timezone.now())
        with committing():
            device.name = "renamed"
            device.save(update_fields=["name"])
        record = record_of(ADDRESS)
        assert (whois.asked, record.isp, record.unreferenced_since) == ([ADDRESS, ADDRESS], "Example ISP", None)
        assert timezone.now() - record.modified < timedelta(days=1)
        assert recorded.of("whois_fetched")[1].updated_fields == ["isp", "modified"]

    def test_outdated_and_still_true(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        age(ADDRESS, 90)
        with committing():
            device.save()
        assert recorded.of("whois_fetched")[1].updated_fields == ["modified"]
        assert timezone.now() - record_of(ADDRESS).modified < timedelta(days=1)

    def test_moved_elsewhere(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        age(ADDRESS, 90)
        whois.answers((200, {**ROME, "location": {"latitude": 45.5, "longitude": 12.5, "time_zone": "Europe/Rome"}}))
        with committing():
            device.save()
        assert recorded.of("whois_fetched")[1].updated_fields == ["coordinates", "modified"]

    def test_the_age_is_a_setting(
        self, whois: Geolite, organization: Organization, committing: Any, settings: Any
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        settings.OPENWISP_CONTROLLER_WHOIS_REFRESH_THRESHOLD_DAYS = 3
        for days, times in ((2, 1), (3, 2)):
            age(ADDRESS, days)
            with committing():
                device.save()
            assert len(whois.asked) == times


def test_an_address_that_was_not_loaded(whois: Geolite, organization: Organization, committing: Any) -> None:
    device = make.device(organization, last_ip=ADDRESS)
    known(ADDRESS, days=100)
    with committing():
        Device.objects.defer("last_ip").get(pk=device.pk).save()
    assert whois.asked == []


class TestWhoIsLookedUp:
    @pytest.mark.parametrize("on", [False, None])
    def test_off(
        self, geolite: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder, on: Any
    ) -> None:
        enable(organization, on)
        known(OTHER)
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        move(device, OTHER, committing)
        assert (geolite.asked, announced(recorded)) == ([], [])

    def test_the_setting(self, geolite: Geolite, organization: Organization, committing: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = True
        without_settings = Organization.objects.create(name="bare", slug="bare")
        with committing():
            make.device(organization, last_ip=ADDRESS)
            make.device(without_settings, last_ip=OTHER)
        assert geolite.asked == [ADDRESS, OTHER]
        enable(organization, False)
        with committing():
            make.device(organization, last_ip=SIX)
        assert geolite.asked == [ADDRESS, OTHER]

    def test_not_configured(
        self, whois: Geolite, organization: Organization, committing: Any, settings: Any, recorded: SignalRecorder
    ) -> None:
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        known(OTHER)
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        move(device, OTHER, committing)
        assert (whois.asked, announced(recorded)) == ([], [])
        assert record_of(OTHER).unreferenced_since is None

    def test_organizations_do_not_decide_for_others(
        self, whois: Geolite, organization: Organization, other: Organization, committing: Any
    ) -> None:
        with committing():
            make.device(other, last_ip=ADDRESS)
        assert whois.asked == []

    def test_disabled_organization(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        organization.is_active = False
        organization.save()
        known(OTHER)
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        move(device, OTHER, committing)
        assert (whois.asked, announced(recorded)) == ([], [])

    def test_deactivated_device(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        recorded.clear()
        with committing():
            device.deactivate()
        age(ADDRESS, 100)
        known(OTHER)
        move(device, ADDRESS, committing)
        move(device, OTHER, committing)
        move(device, SIX, committing)
        with committing():
            fetch_whois_details.delay(str(device.pk), SIX)
        assert (whois.asked, announced(recorded)) == ([ADDRESS], [])
        with committing():
            device.activate()
        assert (whois.asked, announced(recorded)) == ([ADDRESS, SIX], ["whois_fetched"])

    def test_activated_at_a_known_address(
        self, whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
    ) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        with committing():
            device.deactivate()
        assert record_of(ADDRESS).unreferenced_since is not None
        recorded.clear()
        with committing():
            device.activate()
        assert record_of(ADDRESS).unreferenced_since is None
        assert (whois.asked, announced(recorded)) == ([ADDRESS], ["whois_lookup_skipped"])


class TestTask:
    """A message may come late, twice, or for what is no longer so."""

    def test_repeated(self, whois: Geolite, organization: Organization, committing: Any) -> None:
        with committing():
            device = make.device(organization, last_ip=ADDRESS)
        fetch_whois_details.delay(str(device.pk), ADDRESS)
        assert whois.asked == [ADDRESS]

    def test_device_gone(self, whois: Geolite, caplog: Any) -> None:
        fetch_whois_details.delay("00000000-0000-0000-0000-000000000000", ADDRESS)
        assert whois.asked == []
        assert "there is no device" in caplog.text

    def test_moved(self, whois: Geolite, organization: Organization) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        fetch_whois_details.delay(str(device.pk), OTHER)
        assert whois.asked == []

    def test_switched_off(self, whois: Geolite, organization: Organization) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        enable(organization, False)
        fetch_whois_details.delay(str(device.pk), ADDRESS)
        assert whois.asked == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["moved", "deactivated", "deleted", "switched off", "looked up"])
def test_changed_while_the_service_is_asked(
    geolite: Geolite, organization: Organization, recorded: SignalRecorder, change: str
) -> None:
    """No transaction is open meanwhile, and what is decided then counts."""
    device = make.device(organization, last_ip=ADDRESS)
    enable(organization)
    rows = Device.objects.filter(pk=device.pk)
    changes = {
        "moved": lambda: rows.update(last_ip=OTHER),
        "deactivated": lambda: rows.update(_is_deactivated=True),
        "deleted": rows.delete,
        "switched off": lambda: OrganizationConfigSettings.objects.update(whois_enabled=None),
        "looked up": lambda: known(ADDRESS),
    }

    def answer(address: str) -> Any:
        changes[change]()
        connection.close()  # that of the thread of the service
        return 200, ROME

    geolite.answer = answer
    fetch_whois_details.delay(str(device.pk), ADDRESS)
    assert geolite.asked == [ADDRESS]
    assert [record.isp for record in WHOISInfo.objects.all()] == (["Stored ISP"] if change == "looked up" else [])
    assert announced(recorded) == []


class TestAnswers:
    """What the service says that is no refusal."""

    def look_up(self, whois: Geolite, organization: Organization, committing: Any, answer: Any) -> WHOISInfo | None:
        whois.answers((200, answer))
        with committing():
            make.device(organization, last_ip=ADDRESS)
        return WHOISInfo.objects.first()

    def test_nothing_but_the_address(self, whois: Geolite, organization: Organization, committing: Any) -> None:
        record = self.look_up(whois, organization, committing, {})
        assert record is not None
        assert (record.isp, record.asn, record.timezone, record.cidr, record.coordinates) == ("", "", "", "", None)
        assert record.address == {"city": "", "country": "", "continent": "", "postal": ""}
        assert record.formatted_address == ""

    @pytest.mark.parametrize(
        "location",
        [{"latitude": 1.5}, {"longitude": 1.5}, {"latitude": 91, "longitude": 0}, {"latitude": 0, "longitude": -181},
         {"latitude": "x", "longitude": 1}, {"latitude": True, "longitude": 1}],
    )  # fmt: skip
    def test_no_point(self, whois: Geolite, organization: Organization, committing: Any, location: Any) -> None:
        record = self.look_up(whois, organization, committing, {**ROME, "location": location})
        assert record is not None
        assert (record.isp, record.coordinates) == ("Example ISP", None)

    def test_long_values_are_cut(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any
    ) -> None:
        traits = {"autonomous_system_organization": "x" * 500, "autonomous_system_number": 10**30}
        answer = {**ROME, "traits": traits, "location": {"time_zone": "z" * 80}, "city": {"names": {"en": "c" * 999}}}
        record = self.look_up(whois, organization, committing, answer)
        assert record is not None
        record.full_clean()
        assert (record.isp, record.asn, record.timezone) == ("x" * 100, "1000000000", "z" * 35)
        assert len(record.address["city"]) == 200
        assert "is too long, it was cut" in caplog.text

    @pytest.mark.parametrize(
        "answer",
        ["", "no JSON", "[]", "5", "null", "<html>", '{"city": 5}', '{"traits": [1]}', '{"location": "x"}',
         '{"traits": {"network": "x"}}', '{"city": {"names": 5}}'],
    )  # fmt: skip
    def test_nonsense(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any, answer: str
    ) -> None:
        assert self.look_up(whois, organization, committing, answer) is None
        assert len(whois.asked) == 3  # it may be that of a proxy on the way
        assert "WHOIS lookup failed. Details: " in caplog.text


class TestFailures:
    REFUSALS = (
        (
            WRONG_KEY,
            "Authentication failed for GeoIP2 service. Check your OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT and"
            " OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY settings.",
        ),
        (NO_QUERIES, "Your account has run out of queries for the GeoIP2 service."),
        (NO_PERMISSION, "Your account does not have permission to access this service."),
        ((400, {"code": "PARAMETER_UNKNOWN", "error": "No such parameter."}), "No such parameter."),
    )

    @pytest.mark.parametrize(("answer", "text"), REFUSALS, ids=["key", "queries", "permission", "request"])
    def test_refusals_are_not_repeated(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any, answer: Any, text: str
    ) -> None:
        whois.answers(answer)
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert whois.asked == [ADDRESS]
        assert f"WHOIS lookup failed. Details: {text}" in caplog.messages
        assert not WHOISInfo.objects.exists()
        assert KEY not in caplog.text

    @pytest.mark.parametrize("status", [500, 502, 503, 429])
    def test_what_passes_is_repeated(
        self, whois: Geolite, organization: Organization, committing: Any, status: int, caplog: Any,
        recorded: SignalRecorder,
    ) -> None:  # fmt: skip
        whois.answers((status, "busy"), (status, "busy"), (200, ROME))
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert whois.asked == [ADDRESS] * 3
        assert record_of(ADDRESS).isp == "Example ISP"
        assert announced(recorded) == ["whois_fetched"]
        assert "WHOIS lookup failed" not in caplog.text

    def test_it_ends(self, whois: Geolite, organization: Organization, committing: Any, caplog: Any) -> None:
        whois.answers((500, "x" * 100_000))
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert len(whois.asked) == 3
        assert caplog.text.count("WHOIS lookup failed. Details: Received a server error (500)") == 1
        assert len(caplog.text) < 10_000

    def test_nobody_listens(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any, settings: Any
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_HOST = f"127.0.0.1:{free.getsockname()[1]}"
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert "(try 2 of 3)" in caplog.text
        assert "WHOIS lookup failed. Details: " in caplog.text

    def test_no_answer(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_WHOIS_TIMEOUT = 0.2
        whois.gate.clear()
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert "WHOIS lookup failed. Details: " in caplog.text
        assert "timed out" in caplog.text

    def test_a_certificate_that_nobody_signed(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with committing():
            make.device(organization, last_ip=ADDRESS)
        assert whois.accounts == []
        assert "CERTIFICATE_VERIFY_FAILED" in caplog.text

    def test_an_address_that_is_not_known(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any
    ) -> None:
        whois.answers(NOT_FOUND)
        for _ in range(2):
            with committing():
                make.device(organization, last_ip=ADDRESS)
        assert whois.asked == [ADDRESS]
        assert caplog.messages.count(f"No WHOIS information found for IP address {ADDRESS}") == 1
        assert "failed" not in caplog.text
        assert not ControllerState.objects.filter(name__startswith="whois").exists()

    def test_a_receiver_that_raises(
        self, whois: Geolite, organization: Organization, committing: Any, caplog: Any
    ) -> None:
        def refuse(**kwargs: Any) -> None:
            raise LookupError("receiver")

        signals.whois_fetched.connect(refuse)
        try:
            with committing():
                make.device(organization, last_ip=ADDRESS)
        finally:
            signals.whois_fetched.disconnect(refuse)
        assert (whois.asked, record_of(ADDRESS).isp) == ([ADDRESS], "Example ISP")
        assert "receiver" in caplog.text


def test_many_devices_at_one_address(
    whois: Geolite, organization: Organization, committing: Any, recorded: SignalRecorder
) -> None:
    for _ in range(3):
        with committing():
            make.device(organization, last_ip=ADDRESS)
    assert whois.asked == [ADDRESS]
    assert announced(recorded) == ["whois_fetched", "whois_lookup_skipped", "whois_lookup_skipped"]


def test_enrolment(
    whois: Geolite, organization: Organization, client: Any, committing: Any, recorded: SignalRecorder
) -> None:
    for _ in range(2):
        with committing():
            assert register(client, peer=ADDRESS).status_code == 201
    assert whois.asked == [ADDRESS]
    assert announced(recorded) == ["whois_fetched"]
    with committing():
        register(client, peer=OTHER)
    assert whois.asked == [ADDRESS, OTHER]
