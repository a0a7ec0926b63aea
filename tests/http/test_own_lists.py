"""Lists as a person wants them: chosen columns, named filters, and what an empty one says."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openwisp_users.models import User

from openwisp_controller.config.admin.own_lists import MOST
from openwisp_controller.config.models import Device, ListSettings

from .. import factories as make

pytestmark = pytest.mark.django_db
LIST = "/admin/config/device/"
OWN = "/admin/config/device/own-list/"


@pytest.fixture
def device(organization: Any) -> Device:
    return make.device(organization, "router")


def columns(client: Client) -> list[str]:
    page = client.get(LIST).content.decode()
    return re.findall(r'<th scope="col" class="[^"]*column-([a-z_]+)', page)


def choose(client: Client, *shown: str, **more: str) -> Any:
    return client.post(OWN, {"columns": "1", "shown": list(shown), **more})


def save(client: Client, name: str, query: str) -> Any:
    return client.post(OWN, {"save": "1", "name": name, "query": query}, follow=True)


def saved(client: Client) -> list[tuple[str, str]]:
    """The named filters that the list offers."""
    page = client.get(LIST).content.decode()
    return [
        (name, html.unescape(query))
        for query, name in re.findall(r'class="saved">.*?<a href="\?([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    ]


def told(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


class TestColumns:
    def test_a_person_chooses_them(self, administrator: Client, operator: Client, device: Device) -> None:
        everything = columns(administrator)
        assert {"name", "organization", "last_seen", "mac_address", "ip", "created"} <= set(everything)
        answer = choose(administrator, "mac_address", "last_seen")
        assert (answer.status_code, answer["Location"]) == (302, LIST)
        assert columns(administrator) == ["name", "last_seen", "mac_address"]
        assert columns(operator) == everything, "each has their own"

    def test_the_first_one_stays(self, administrator: Client, device: Device) -> None:
        choose(administrator)
        assert columns(administrator) == ["name"]
        assert "router" in administrator.get(LIST).content.decode()

    def test_columns_that_do_not_exist(self, administrator: Client, device: Device) -> None:
        choose(administrator, "name", "nonsense", "key")
        assert columns(administrator) == ["name"]

    def test_a_column_that_comes_later_is_shown(self, administrator: Client, device: Device, settings: Any) -> None:
        choose(administrator, "ip")
        settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
        assert columns(administrator) == ["name", "hardware_id", "ip"]

    def test_it_leads_back_to_the_filtered_list(self, administrator: Client, device: Device) -> None:
        answer = choose(administrator, "ip", query="q=rou&not_seen_for=1d&o=4")
        assert answer["Location"] == f"{LIST}?q=rou&not_seen_for=1d"
        answer = choose(administrator, "ip", query="//example.org/")
        assert answer["Location"].startswith(LIST)


class TestFilters:
    def test_they_are_named_and_picked(self, administrator: Client, device: Device) -> None:
        make.device(device.organization, "other")
        answer = save(administrator, "Silent routers", "q=router&not_seen_for=1d&o=3&p=2")
        assert told(answer) == "The filter was saved as “Silent routers”."
        assert saved(administrator) == [("Silent routers", "q=router&not_seen_for=1d")]
        ((_name, query),) = saved(administrator)
        found = administrator.get(f"{LIST}?{query}")
        assert [row.name for row in found.context["cl"].result_list] == ["router"]
        assert 'aria-current="true">Silent routers' in found.content.decode()

    def test_each_has_their_own(self, administrator: Client, operator: Client, root: Client, device: Device) -> None:
        save(administrator, "mine", "q=router")
        assert saved(operator) == saved(root) == []
        operator.post(OWN, {"forget": "mine"})
        assert saved(administrator) == [("mine", "q=router")]

    def test_the_same_name_replaces(self, administrator: Client, device: Device) -> None:
        save(administrator, "a", "q=1")
        save(administrator, "b", "q=2")
        save(administrator, "a", "q=3")
        assert saved(administrator) == [("b", "q=2"), ("a", "q=3")]

    def test_they_are_forgotten(self, administrator: Client, device: Device) -> None:
        save(administrator, "a", "q=1")
        answer = administrator.post(OWN, {"forget": "a", "query": "q=1&o=2"})
        assert answer["Location"] == f"{LIST}?q=1&o=2"
        assert saved(administrator) == []
        assert administrator.post(OWN, {"forget": "nonsense"}).status_code == 302

    @pytest.mark.parametrize(
        ("name", "query"), [("", "q=1"), (" ", "q=1"), ("x" * 65, "q=1"), ("a\0b", "q=1"), ("a", ""), ("a", "p=3&o=1")]
    )
    def test_what_cannot_be_saved(self, administrator: Client, device: Device, name: str, query: str) -> None:
        assert "was not saved" in told(save(administrator, name, query))
        assert saved(administrator) == []

    def test_there_is_an_end(self, administrator: Client, device: Device) -> None:
        for number in range(MOST):
            save(administrator, f"n{number}", "q=1")
        assert "there are 30 already" in told(save(administrator, "one more", "q=1"))
        assert "was saved" in told(save(administrator, "n0", "q=2"))
        assert len(saved(administrator)) == MOST

    def test_names_are_text(self, administrator: Client, device: Device) -> None:
        save(administrator, "<i>x", "q=%3Cb%3E")
        assert saved(administrator) == [("&lt;i&gt;x", "q=%3Cb%3E")]

    def test_they_go_with_the_person(self, administrator: Client, device: Device) -> None:
        save(administrator, "a", "q=1")
        User.objects.get(username="administrator").delete()
        assert not ListSettings.objects.exists()


def test_who_may(organization: Any, client: Client) -> None:
    viewer = make.person("viewer", organization)
    assert choose(viewer).status_code == 403
    assert choose(client).status_code == 302
    assert not ListSettings.objects.exists()
    assert viewer.get(OWN).status_code == 405


def test_it_costs_one_statement(administrator: Client, device: Device) -> None:
    def about_settings() -> int:
        with CaptureQueriesContext(connection) as queries:
            administrator.get(LIST)
        return sum(ListSettings._meta.db_table in query["sql"] for query in queries)

    assert about_settings() == 1
    save(administrator, "a", "q=1")
    assert about_settings() == 1


class TestEmptyLists:
    def test_no_devices_at_all(self, administrator: Client, organization: Any) -> None:
        page = administrator.get(LIST).content.decode()
        assert "There are no devices yet." in page
        assert "option url &#x27;http://testserver&#x27;" in page or "option url 'http://testserver'" in page
        for name in ("config_device_add", "config_device_import", "openwisp_users_organization_changelist"):
            assert f'<a href="{reverse(f"admin:{name}")}">' in page

    def test_who_may_not_add_is_not_told_to(self, organization: Any) -> None:
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_device")
        page = viewer.get(LIST).content.decode()
        assert "There are no devices yet." in page
        assert "Or prepare devices" not in page

    @pytest.mark.parametrize("query", ["q=nonsense", "not_seen_for=never&q=x", "config__status=error"])
    def test_nothing_is_found(self, administrator: Client, device: Device, query: str) -> None:
        page = administrator.get(f"{LIST}?{query}").content.decode()
        assert "Nothing matches the search and the filters." in page
        assert '<a class="button" href="?">' in page
        assert "There are no devices yet." not in page

    def test_a_list_with_something_says_nothing(self, administrator: Client, device: Device) -> None:
        assert "controller-empty" not in administrator.get(LIST).content.decode()

    @pytest.mark.parametrize("model", ["config_template", "config_vpn", "config_devicegroup", "connection_credentials"])
    def test_other_lists(self, administrator: Client, organization: Any, model: str) -> None:
        page = administrator.get(reverse(f"admin:{model}_changelist")).content.decode()
        assert "There is nothing here yet." in page
        assert f'class="button" href="{reverse(f"admin:{model}_add")}"' in page
