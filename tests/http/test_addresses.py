"""Where devices are seen and reached, as polls and downloads tell; both keep the same books."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from openwisp_notifications.models import Notification

from openwisp_controller.config.device_api import addresses
from openwisp_controller.config.models import Device

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import PEER, download, poll, register

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("request_", [poll, download])]
Request = Callable[..., Any]


@pytest.fixture
def device(organization: Any) -> Device:
    return make.config(make.device(organization, last_ip=PEER)).device


def names(request_: Request, *changes: str) -> list[str]:
    """The order of signals: what was asked for is announced last."""
    return [*changes, "checksum_requested" if request_ is poll else "config_download_requested"]


def stored(device: Device) -> tuple[str | None, str | None]:
    return Device.objects.values_list("last_ip", "management_ip").get(pk=device.pk)


def with_address(owner: Any, **fields: str) -> Device:
    return make.config(make.device(owner, **fields)).device


def test_addresses_are_stored(client: Any, device: Device, recorded: SignalRecorder, request_: Request) -> None:
    modified = Device.objects.get().modified
    response = request_(client, device, peer="198.51.100.7", management_ip="10.0.0.1")
    assert response.status_code == 200
    assert stored(device) == ("198.51.100.7", "10.0.0.1")
    assert Device.objects.get().modified == modified
    assert recorded.names == names(request_, "management_ip_changed")
    change = recorded.only("management_ip_changed")
    assert (change.sender, change.management_ip, change.old_management_ip) == (Device, "10.0.0.1", None)
    for emission in recorded.emitted:
        assert emission.instance.management_ip == "10.0.0.1"


@pytest.mark.parametrize("query", [{}, {"management_ip": ""}, {"management_ip": " "}])
def test_address_not_claimed_any_more(
    client: Any, organization: Any, recorded: SignalRecorder, request_: Request, query: dict[str, str]
) -> None:
    device = with_address(organization, management_ip="10.0.0.1", last_ip=PEER)
    request_(client, device, **query)
    assert stored(device) == (PEER, None)
    assert recorded.names == names(request_, "management_ip_changed")
    change = recorded.only("management_ip_changed")
    assert (change.management_ip, change.old_management_ip) == (None, "10.0.0.1")
    recorded.clear()
    request_(client, device, **query)
    assert recorded.names == names(request_)


@pytest.mark.parametrize(
    "value", ["foobar", "10.0.0.1/24", "10.0.0.256", "fe80::1%eth0", "a\x00b", "\ufffd", "1" * 500]
)
@pytest.mark.parametrize("peer", [PEER, "198.51.100.7"])
def test_what_is_no_address_is_ignored(
    client: Any, organization: Any, recorded: SignalRecorder, caplog: Any, request_: Request, value: str, peer: str
) -> None:
    device = with_address(organization, management_ip="10.0.0.1", last_ip=PEER)
    response = request_(client, device, peer=peer, management_ip=value)
    assert response.status_code == 200
    assert stored(device) == (peer, "10.0.0.1")
    assert recorded.names == names(request_)
    assert (addresses.__name__, logging.WARNING) in {(record.name, record.levelno) for record in caplog.records}


@pytest.mark.parametrize(
    ("claimed", "canonical"),
    [
        ("FD00::0001", "fd00::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        (" 10.0.0.1 ", "10.0.0.1"),
    ],
)
def test_spelling(
    client: Any, device: Device, recorded: SignalRecorder, request_: Request, claimed: str, canonical: str
) -> None:
    """One address is one address, however it is written."""
    request_(client, device, peer=claimed.strip(), management_ip=claimed)
    assert stored(device) == (canonical, canonical)
    recorded.clear()
    for spelling in (claimed, canonical, claimed.upper()):
        request_(client, device, peer=canonical, management_ip=spelling)
    assert recorded.names == names(request_) * 3


def test_spelling_of_the_database(client: Any, device: Device, recorded: SignalRecorder, request_: Request) -> None:
    """Databases write some addresses in another way than we do."""
    for _ in range(2):
        request_(client, device, peer="::a00:1", management_ip="::a00:1")
    assert recorded.names.count("management_ip_changed") == 1


def test_unknown_peer_is_no_news(client: Any, device: Device, request_: Request) -> None:
    for peer, management_ip in (("", "10.0.0.1"), ("unix:", "10.0.0.1"), ("", "10.0.0.2")):
        assert request_(client, device, peer=peer, management_ip=management_ip).status_code == 200
        assert stored(device) == (PEER, management_ip)


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "198.51.100.1", PEER),
        (1, None, PEER),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (1, "198.51.100.1, garbage", PEER),
        (1, "", PEER),
        (2, "198.51.100.1", PEER),
        (2, "198.51.100.1,10.9.9.9", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        (1, "2001:DB8::0001", "2001:db8::1"),
    ],
)
def test_proxies(
    client: Any, device: Device, settings: Any, request_: Request, proxies: int, header: str | None, expected: str
) -> None:
    """Only what trusted proxies wrote counts, not what a client put before it."""
    settings.OPENWISP_CONTROLLER_TRUSTED_PROXIES = proxies
    request_(client, device, headers=None if header is None else {"X-Forwarded-For": header})
    assert stored(device)[0] == expected


@pytest.mark.parametrize("address", ["127.0.0.1", "127.77.0.1", "::1", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1",
                                     "239.1.2.3", "ff02::1", "255.255.255.255", "::ffff:127.0.0.1"])  # fmt: skip
def test_no_address_of_a_device(client: Any, organization: Any, request_: Request, address: str) -> None:
    device = with_address(organization, management_ip="10.0.0.1", last_ip=PEER)
    assert request_(client, device, management_ip=address).status_code == 200
    assert stored(device) == (PEER, "10.0.0.1")


def test_loopback_addresses_of_virtual_devices(client: Any, device: Device, settings: Any, request_: Request) -> None:
    settings.OPENWISP_CONTROLLER_LOOPBACK_MANAGEMENT_IP = True
    request_(client, device, management_ip="127.77.0.1")
    assert stored(device)[1] == "127.77.0.1"


def test_the_first_request_after_an_enrolment(client: Any, organization: Any, request_: Request) -> None:
    """It never carries the address: that of the enrolment stays until a later one leaves it out."""
    for _ in range(2):  # a device that enrols again keeps its address, too
        register(client, management_ip="10.0.0.1")
        device = Device.objects.get()
        if device.management_ip is None:
            request_(client, device, management_ip="10.0.0.1")
            register(client)
        request_(client, device)
        assert stored(device)[1] == "10.0.0.1"
        request_(client, device, management_ip="10.0.0.1")
        request_(client, device)
        assert stored(device)[1] is None


class TestDuplicates:
    """An address belongs to one device at a time."""

    @pytest.mark.parametrize("shared", [True, False])
    def test_management_address(
        self, client: Any, device: Device, recorded: SignalRecorder, settings: Any, request_: Request, shared: bool
    ) -> None:
        settings.OPENWISP_CONTROLLER_SHARED_MANAGEMENT_IP_ADDRESS_SPACE = shared
        near = with_address(device.organization, management_ip="10.0.0.1")
        far = with_address(make.organization(), management_ip="10.0.0.1" if not shared else "10.0.0.2")
        request_(client, device, management_ip="10.0.0.1")
        assert stored(device)[1] == "10.0.0.1"
        assert stored(near)[1] is None
        assert stored(far)[1] is not None
        assert recorded.names == names(request_, *["management_ip_changed"] * 2)
        first, second = recorded.of("management_ip_changed")
        assert (first.instance, second.instance) == (device, near)
        assert (second.management_ip, second.old_management_ip) == (None, "10.0.0.1")

    @pytest.mark.parametrize("before", [None, "10.0.0.9"])
    def test_never_that_of_another_organization(
        self, client: Any, device: Device, recorded: SignalRecorder, request_: Request, before: str | None,
        django_assert_num_queries: Any, caplog: Any, committing: Any,
    ) -> None:  # fmt: skip
        """The claim is ignored, logged, and told to both organizations once; each is told about its own device."""
        Device.objects.filter(pk=device.pk).update(management_ip=before)
        far = with_address(make.organization("far"), name="theirs", management_ip="10.0.0.1")
        with committing():
            for owner in (device.organization, far.organization):
                make.person(f"of {owner}", owner)
        with committing():
            assert request_(client, device, management_ip="10.0.0.1").status_code == 200
        assert (stored(device)[1], stored(far)[1]) == (before, "10.0.0.1")
        assert recorded.names == names(request_)
        assert "which a device of another organization has" in caplog.text
        told = {each.recipient.username: each for each in Notification.objects.all()}
        assert {name: each.target for name, each in told.items()} == {
            f"of {device.organization}": device, "of far": far,
        }  # fmt: skip
        assert "theirs" not in told[f"of {device.organization}"].message
        assert device.name not in told["of far"].message
        request_(client, device)  # the released configuration is downloaded now
        Device.objects.filter(pk=device.pk).update(management_ip=before)
        with django_assert_num_queries(2):  # what was asked for is announced, and that is all
            request_(client, device, management_ip="10.0.0.1")
        assert Notification.objects.count() == 2

    def test_a_refused_claim_is_looked_at_again(self, client: Any, device: Device, request_: Request) -> None:
        far = with_address(make.organization(), management_ip="10.0.0.1")
        request_(client, device, management_ip="10.0.0.1")
        far.management_ip = None
        far.save()
        cache.clear()  # as time does
        request_(client, device, management_ip="10.0.0.1")
        assert stored(device)[1] == "10.0.0.1"

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd00::1", "127.0.0.1"])
    def test_private_last_address(
        self, client: Any, device: Device, settings: Any, request_: Request, shared: bool, address: str
    ) -> None:
        settings.OPENWISP_CONTROLLER_SHARED_MANAGEMENT_IP_ADDRESS_SPACE = shared
        near = with_address(device.organization, last_ip=address)
        far = with_address(make.organization(), last_ip=address)
        request_(client, device, peer=address)
        assert stored(device)[0] == address
        assert stored(near)[0] is None
        assert stored(far)[0] == (None if shared else address)

    @pytest.mark.parametrize("address", ["93.184.216.34", "2600::1"])
    def test_public_last_address_may_repeat(self, client: Any, device: Device, request_: Request, address: str) -> None:
        other = with_address(device.organization, last_ip=address)
        request_(client, device, peer=address)
        assert stored(device)[0] == stored(other)[0] == address

    def test_devices_behind_a_proxy_do_not_take_turns(
        self, client: Any, organization: Any, request_: Request, django_assert_num_queries: Any
    ) -> None:
        """However many come from one private address: each writes it once at most."""
        devices = [with_address(organization, last_ip=last) for last in (None, "10.9.9.9", "10.0.0.1", "10.0.0.1")]
        for _ in range(2):
            for each in devices:
                request_(client, each, peer="10.0.0.1")
        assert {stored(each)[0] for each in devices} == {"10.0.0.1"}
        for each in devices:
            with django_assert_num_queries(1):
                request_(client, each, peer="10.0.0.1")

    def test_addresses_do_not_mix(self, client: Any, device: Device, request_: Request) -> None:
        """Nobody loses the one address because of the other."""
        other = with_address(device.organization, management_ip="10.0.0.1", last_ip="10.0.0.2")
        request_(client, device, peer="10.0.0.1", management_ip="10.0.0.2")
        assert stored(other) == ("10.0.0.2", "10.0.0.1")

    def test_deactivated_devices_take_part(self, client: Any, device: Device, request_: Request) -> None:
        other = with_address(device.organization, management_ip="10.0.0.1")
        Device.objects.filter(pk=other.pk).update(_is_deactivated=True)
        request_(client, device, management_ip="10.0.0.1")
        assert stored(other)[1] is None

    def test_empty_is_not_shared(
        self, client: Any, device: Device, recorded: SignalRecorder, request_: Request
    ) -> None:
        with_address(device.organization)
        request_(client, device)
        assert recorded.names == names(request_)
