"""One search over all that people look for by name."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from openwisp_controller.config.models import Device

from .. import factories as make

pytestmark = pytest.mark.django_db
URL = "/admin/search/"


def found(client: Client, term: str) -> dict[str, list[str]]:
    """What is shown, by kind."""
    answer = client.get(URL, {"q": term, "partial": "1"})
    assert answer.status_code == 200
    return {kind.name: [str(row["object"]) for row in kind.rows] for kind in answer.context["found"]}


@pytest.fixture
def device(organization: Any) -> Device:
    return make.device(
        organization, "roof-1", mac_address="02:AA:BB:CC:DD:01", management_ip="10.1.2.3", last_ip="198.51.100.7",
        notes="above the town hall", model="TL-WDR4300",
    )  # fmt: skip


class TestWhatIsFound:
    @pytest.mark.parametrize(
        "term",
        ["roof", "ROOF-1", "02:aa:bb", "02:AA:BB:CC:DD:01", "02-aa-bb-cc-dd-01", "02aabbccdd01", "10.1.2", "10.1.2.3",
         "198.51.100.7", "town hall", "WDR4300", " roof-1 "],
    )  # fmt: skip
    def test_a_device(self, administrator: Client, device: Device, organization: Any, term: str) -> None:
        make.device(organization, "another")
        assert found(administrator, term) == {"Devices": ["roof-1"]}

    def test_by_its_identifier_or_key(self, administrator: Client, device: Device) -> None:
        for term in (str(device.pk), device.pk.hex, device.pk.hex.upper(), device.key):
            assert found(administrator, term) == {"Devices": ["roof-1"]}

    def test_by_its_serial_number(self, administrator: Client, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
        settings.OPENWISP_CONTROLLER_HARDWARE_ID_AS_NAME = False
        make.device(organization, "roof", hardware_id="SN-12345")
        assert found(administrator, "sn-123") == {"Devices": ["roof"]}

    def test_a_whole_address_in_the_name_or_notes_of_devices(self, administrator: Client, organization: Any) -> None:
        make.device(organization, "02:00:00:00:00:AA", mac_address="02:00:00:00:00:AB")
        make.device(organization, "noted", notes="was 192.0.2.55 before")
        assert found(administrator, "02:00:00:00:00:aa") == {"Devices": ["02:00:00:00:00:AA"]}
        assert found(administrator, "192.0.2.55") == {"Devices": ["noted"]}

    def test_every_kind(self, administrator: Client, organization: Any) -> None:
        make.device(organization, "north-1")
        make.template(organization, "north-lan")
        make.group(organization, "The North")
        make.vpn(organization, name="north-vpn")
        assert found(administrator, "north") == {
            "Devices": ["north-1"], "Templates": ["north-lan"], "Device Groups": ["The North"],
            "VPN servers": ["[WireGuard] north-vpn"],
        }  # fmt: skip

    def test_nothing(self, administrator: Client, device: Device) -> None:
        assert found(administrator, "nonsense") == {}
        page = administrator.get(URL, {"q": "<b>nonsense"}).content.decode()
        assert "Nothing is called or has “&lt;b&gt;nonsense”." in page

    @pytest.mark.parametrize("query", ["", "?q=", "?q=%20", "?q=%00", f"?q={'x' * 500}", "?partial=1"])
    def test_without_something_to_look_for(self, administrator: Client, device: Device, query: str) -> None:
        answer = administrator.get(URL + query)
        assert answer.status_code == 200
        assert answer.context["found"] == []


class TestWhoSeesWhat:
    def test_of_the_organizations_that_one_manages(self, stranger: Client, root: Client, organization: Any) -> None:
        make.device(organization, "north-1")
        make.template(organization, "north-lan")
        make.group(organization, "north")
        make.vpn(organization, name="north-vpn")
        assert len(found(root, "north")) == 4
        assert found(stranger, "north") == {}

    def test_whole_values_of_others(self, stranger: Client, device: Device) -> None:
        for term in (str(device.pk), device.key, device.mac_address, "10.1.2.3"):
            assert found(stranger, term) == {}
            assert stranger.get(URL, {"q": term}).status_code == 200

    def test_what_one_may_view(self, organization: Any) -> None:
        make.device(organization, "north-1")
        make.template(organization, "north-lan")
        viewer = make.person("viewer", organization)
        assert found(viewer, "north") == {}
        make.permit(viewer, "view_template")
        assert list(found(viewer, "north")) == ["Templates"]

    def test_nobody_else(self, client: Client, device: Device) -> None:
        answer = client.get(URL, {"q": "roof"})
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))

    def test_it_only_reads(self, administrator: Client) -> None:
        assert administrator.post(URL, {"q": "x"}).status_code == 405


class TestPages:
    def test_ten_of_each_kind_and_the_way_to_all(self, administrator: Client, organization: Any) -> None:
        for number in range(13):
            make.device(organization, f"north-{number:02}", notes="high & dry")
        answer = administrator.get(URL, {"q": "high & dry"})
        (kind,) = answer.context["found"]
        assert (len(kind.rows), kind.total) == (10, 13)
        assert "All 13" in answer.content.decode()
        assert administrator.get(kind.list_url).context["cl"].result_count == 13

    def test_a_whole_value_leads_to_its_device(self, administrator: Client, device: Device) -> None:
        page = reverse("admin:config_device_change", args=[device.pk])
        for term in (str(device.pk), "02aabbccdd01", "10.1.2.3"):
            answer = administrator.get(URL, {"q": term})
            assert (answer.status_code, answer["Location"]) == (302, page)
        assert administrator.get(URL, {"q": "roof-1"}).status_code == 200
        assert administrator.get(URL, {"q": "10.1.2.3", "partial": "1"}).status_code == 200

    def test_results_lead_to_their_pages_and_tell_them_apart(self, administrator: Client, device: Device) -> None:
        page = administrator.get(URL, {"q": "roof"}).content.decode()
        assert f'href="{reverse("admin:config_device_change", args=[device.pk])}"' in page
        for text in ("02:AA:BB:CC:DD:01", "10.1.2.3", "acme", "unknown"):
            assert text in page

    def test_every_page_has_the_way_to_it(self, administrator: Client, device: Device) -> None:
        for page in ("/admin/", reverse("admin:config_device_changelist"), reverse("admin:config_template_add")):
            assert f'action="{URL}"' in administrator.get(page).content.decode()

    def test_popups_and_strangers_have_none(self, administrator: Client, client: Client) -> None:
        assert f'action="{URL}"' not in administrator.get("/admin/config/template/add/?_popup=1").content.decode()
        assert URL not in client.get("/admin/login/").content.decode()


def test_it_costs_a_statement_for_each_kind(administrator: Client, organization: Any) -> None:
    def statements(term: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            found(administrator, term)
        return len(queries)

    make.device(organization, "north-0", mac_address="02:00:00:00:00:99")
    statements("north")
    one = statements("north")
    for number in range(1, 9):
        make.device(organization, f"north-{number}")
        make.template(organization, f"north-{number}")
        make.group(organization, f"north-{number}")
    assert statements("north") == one
    without = statements("")
    assert one - without <= 4 + 1, "one for each kind, and one for the organizations that a person manages"
    assert statements("02:00:00:00:00:99") <= one + 1
