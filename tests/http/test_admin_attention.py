"""What needs attention, counted on the first page; each count leads to the list of just these."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from openwisp_users.models import Organization

from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import DeviceConnection
from openwisp_controller.pki.models import Cert

from .. import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Client:
    return make.superuser()


def attention(client: Client) -> dict[str, tuple[int, str]]:
    """Return what the first page counts: words → number and address."""
    text = client.get("/admin/").content.decode()
    found = re.findall(r'<a class="\w+" href="([^"]+)"><b>(\d+)</b> <span>([^<]+)</span>', text)
    return {words: (int(number), address.replace("&amp;", "&")) for address, number, words in found}


def something_of_each(owner: Organization) -> None:
    make.config(make.device(owner), status="error")
    held = make.config(make.device(owner), status="applied")
    Config.objects.filter(pk=held.pk).update(release_policy="held")
    lost = make.connection(make.config(make.device(owner)))
    DeviceConnection.objects.filter(pk=lost.pk).update(is_working=False)
    other = make.connection(lost.device, make.credentials(owner))
    DeviceConnection.objects.filter(pk=other.pk).update(is_working=None)
    old = make.cert(make.ca(owner))
    Cert.objects.filter(pk=old.pk).update(validity_end=timezone.now() + timedelta(days=9))
    make.cert(old.ca)


def test_each_count_leads_to_what_was_counted(root: Client, organization: Organization) -> None:
    something_of_each(organization)
    Device.objects.filter(config__status="error").update(created=timezone.now() - timedelta(days=3))
    found = attention(root)
    assert {words: number for words, (number, _) in found.items()} == {
        "configurations with errors": 1,
        "devices that could not be logged in to": 1,
        "held devices: changes are not released to them": 1,
        "certificates that expire within 30 days, or have expired": 1,
        "devices that came today": 2,
    }
    for number, address in found.values():
        page = root.get(address)
        assert page.status_code == 200, address
        assert page.context["cl"].result_count == number, address


def test_devices_that_can_be_reached_another_way_are_not_lost(root: Client, organization: Organization) -> None:
    something_of_each(organization)
    DeviceConnection.objects.filter(is_working=None).update(is_working=True)
    assert "devices that could not be logged in to" not in attention(root)
    assert root.get("/admin/config/device/", {"reachable": "yes"}).context["cl"].result_count == 1
    DeviceConnection.objects.update(enabled=False)
    assert root.get("/admin/config/device/", {"reachable": "yes"}).context["cl"].result_count == 0


def test_people_see_what_they_manage_and_may_see(organization: Organization, other: Organization) -> None:
    something_of_each(other)
    operator = make.person("ann", organization, "Operator")
    assert attention(operator) == {}
    something_of_each(organization)
    found = attention(operator)
    assert found["configurations with errors"][0] == 1
    nobody = make.person("bob", organization)
    assert attention(nobody) == {}


def test_the_first_steps_and_nothing_to_do(root: Client, organization: Organization) -> None:
    assert "There are no devices yet. Routers enrol themselves" in root.get("/admin/").content.decode()
    device = make.device(organization)
    Device.objects.filter(pk=device.pk).update(created=timezone.now() - timedelta(days=3))
    assert "Nothing does." in root.get("/admin/").content.decode()


def test_the_first_page_does_not_repeat_the_menu_and_pages_of_apps_list_theirs(root: Client) -> None:
    assert 'id="content-main"' not in root.get("/admin/").content.decode()
    assert "/admin/config/template/add/" in root.get("/admin/config/").content.decode()
