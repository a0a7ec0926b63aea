"""Devices that poll have their addresses looked up, and it costs the poll nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openwisp_users.models import Organization

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..geolite import ADDRESS, NO_QUERIES, OTHER, Geolite
from ..http.conftest import ShortPath
from ..http.protocol import PEER, download, poll, report
from .helpers import age, enable, known, record_of

pytestmark = pytest.mark.django_db(transaction=True)
FETCH = "config.fetch_whois_details"


@pytest.fixture
def device(organization: Organization) -> Device:
    """Has been there, at its public address, since before WHOIS was set up."""
    return make.config(make.device(organization, last_ip=ADDRESS)).device


def statements(client: ShortPath, device: Device, peer: str = ADDRESS) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert poll(client, device, peer=peer).status_code == 200
    return [query["sql"] for query in queries]


def settle(client: ShortPath, device: Device) -> None:
    """Let the device run a configuration, which it has to remove when it is deactivated."""
    device.config.config = {"interfaces": [{"name": "eth0", "type": "ethernet"}]}
    device.config.save()
    download(client, device, peer=ADDRESS)
    report(client, device, "applied")


def fetches(messages: list[Message]) -> list[tuple[Any, ...]]:
    return [message.args for message in messages if message.task == FETCH]


def test_unknown(short_path: ShortPath, device: Device, whois: Geolite) -> None:
    for _ in range(3):
        assert poll(short_path, device, peer=ADDRESS).status_code == 200
    assert whois.asked == [ADDRESS]
    assert record_of(ADDRESS).isp == "Example ISP"


def test_outdated(short_path: ShortPath, device: Device, whois: Geolite) -> None:
    known(ADDRESS, days=89)
    poll(short_path, device, peer=ADDRESS)
    assert whois.asked == []
    age(ADDRESS, 90)
    poll(short_path, device, peer=ADDRESS)
    assert whois.asked == [ADDRESS]


def test_once_in_a_while_for_each_address(
    short_path: ShortPath, device: Device, whois: Geolite, organization: Organization
) -> None:
    whois.answers(NO_QUERIES)
    second = make.config(make.device(organization)).device
    Device.objects.filter(pk=second.pk).update(last_ip=ADDRESS)
    for polling in (device, second, device):
        poll(short_path, polling, peer=ADDRESS)
    assert whois.asked == [ADDRESS]
    cache.clear()  # an hour later
    poll(short_path, second, peer=ADDRESS)
    assert whois.asked == [ADDRESS, ADDRESS]


def test_a_new_address(short_path: ShortPath, device: Device, whois: Geolite) -> None:
    poll(short_path, device, peer=OTHER)
    assert whois.asked == [OTHER]
    poll(short_path, device, peer=OTHER)
    assert whois.asked == [OTHER]


def test_never_in_the_request(
    short_path: ShortPath, device: Device, whois: Geolite, lost_messages: list[Message]
) -> None:
    poll(short_path, device, peer=ADDRESS)
    assert (whois.asked, fetches(lost_messages)) == ([], [(str(device.pk), ADDRESS)])


@pytest.mark.parametrize("on", [False, None])
def test_off(short_path: ShortPath, device: Device, geolite: Geolite, organization: Organization, on: Any) -> None:
    enable(organization, on)
    poll(short_path, device, peer=ADDRESS)
    assert geolite.asked == []


def test_on_by_the_setting(short_path: ShortPath, device: Device, geolite: Geolite, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = True
    poll(short_path, device, peer=ADDRESS)
    assert geolite.asked == [ADDRESS]


def test_not_configured(
    short_path: ShortPath, device: Device, whois: Geolite, settings: Any, lost_messages: list[Message]
) -> None:
    settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT = ""
    (statement,) = statements(short_path, device)
    assert "whois" not in statement
    assert lost_messages == []


@pytest.mark.parametrize("peer", [PEER, "10.0.0.9", "127.0.0.1", "fd00::9", "::1", "100.64.0.9"])
def test_other_addresses_than_public_ones(short_path: ShortPath, device: Device, whois: Geolite, peer: str) -> None:
    for _ in range(2):
        poll(short_path, device, peer=peer)
    assert whois.asked == []


def test_deactivated(short_path: ShortPath, device: Device, whois: Geolite) -> None:
    settle(short_path, device)
    device.deactivate()
    assert Config.objects.get(device=device).status == "deactivating"
    poll(short_path, device, peer=ADDRESS)
    assert whois.asked == []


def test_downloads_and_reports_ask_for_nothing(short_path: ShortPath, device: Device, whois: Geolite) -> None:
    download(short_path, device, peer=ADDRESS)
    report(short_path, device, "applied")
    assert whois.asked == []


@pytest.mark.parametrize("what", ["fresh", "unknown", "outdated"])
def test_a_poll_stays_one_statement(
    short_path: ShortPath, device: Device, whois: Geolite, lost_messages: list[Message], what: str
) -> None:
    if what != "unknown":
        known(ADDRESS, days=100 if what == "outdated" else 0)
    for _ in range(2):
        assert len(statements(short_path, device)) == 1
    assert len(fetches(lost_messages)) == (0 if what == "fresh" else 1)
