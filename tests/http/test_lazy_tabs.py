"""The page of a device is built without the rows of tabs that load when they are opened."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from openwisp_controller.config.admin import DeviceAdmin
from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import Command, DeviceConnection

from .. import factories as make
from .forms import form_of

pytestmark = pytest.mark.django_db
PREFIX = "deviceconnection_set"


@pytest.fixture
def config(organization: Any) -> Config:
    templates = [make.template(organization, f"template {number}") for number in range(3)]
    config = make.config(make.device(organization, "router"), templates=templates, context={"a": "1"})
    make.connection(config, make.credentials(organization, "keys"))
    return config


def page(device: Device) -> str:
    return reverse("admin:config_device_change", args=[device.pk])


def tab(device: Device, prefix: str = PREFIX) -> str:
    return reverse("admin:config_device_tab", args=[device.pk, prefix])


def opened(client: Client, device: Device) -> dict[str, Any]:
    """What a browser would post once everything is loaded."""
    return form_of(client.get(page(device), {"tabs": "all"}))


def statements(client: Client, address: str) -> int:
    client.get(address)  # what is remembered from then on
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_what_the_page_costs(root: Client, config: Config) -> None:
    make.position(config.device, make.location(config.device.organization))
    assert statements(root, page(config.device)) <= 18


def test_any_number_of_credentials_costs_the_same(root: Client, config: Config) -> None:
    one = statements(root, tab(config.device))
    for _ in range(3):
        make.connection(config)
    assert statements(root, tab(config.device)) == one


def test_rows_come_with_their_tab(operator: Client, config: Config) -> None:
    content = operator.get(page(config.device)).content.decode()
    assert tab(config.device) in content
    assert f"{PREFIX}-TOTAL_FORMS" not in content
    answer = operator.get(tab(config.device)).json()
    row = config.device.deviceconnection_set.get()
    assert f'value="{row.pk}"' in answer["html"]
    assert answer["seen"].keys() == {f"{PREFIX}/{row.pk}"}


def test_without_script_a_link_builds_all(operator: Client, config: Config) -> None:
    content = operator.get(page(config.device)).content.decode()
    assert f'<a href="?tabs=all#{PREFIX}-group">' in content
    content = operator.get(page(config.device), {"tabs": "all"}).content.decode()
    assert f"{PREFIX}-0-credentials" in content
    assert tab(config.device) not in content


def test_new_devices_have_all_at_once(operator: Client) -> None:
    answer = operator.get(reverse("admin:config_device_add"))
    assert f"{PREFIX}-TOTAL_FORMS" in form_of(answer)
    assert "data-load=" not in answer.content.decode()


def test_versions_are_shown_whole(root: Client, config: Config) -> None:
    root.post(page(config.device), opened(root, config.device) | {"notes": "edited"})
    (newest, *_) = root.get(reverse("admin:config_device_history", args=[config.device.pk])).context["versions"]
    content = root.get(newest["look"]).content.decode()
    assert f"{PREFIX}-0-credentials" in content


class TestWhoMay:
    def test_others_organizations_have_none(self, stranger: Client, config: Config) -> None:
        assert stranger.get(tab(config.device)).status_code == 404
        assert stranger.get(tab(Device(pk=uuid.uuid4()))).status_code == 404

    def test_only_lazy_tabs_have_an_address(self, root: Client, config: Config) -> None:
        for prefix in ("config", "devicelocation", "nothing"):
            assert root.get(tab(config.device, prefix)).status_code == 404

    def test_there_is_no_tab_without_permission(self, organization: Any, config: Config) -> None:
        client = make.person("viewer", organization)
        make.permit(client, "view_device", "view_config")
        content = client.get(page(config.device)).content.decode()
        assert "data-load=" not in content
        assert client.get(tab(config.device)).status_code == 404
        make.permit(client, "view_deviceconnection")
        assert client.get(tab(config.device)).status_code == 403

    def test_who_may_only_look_gets_no_fields(self, organization: Any, config: Config) -> None:
        client = make.person("viewer", organization)
        make.permit(client, "view_device", "view_deviceconnection")
        answer = client.get(tab(config.device)).json()
        assert "keys" in answer["html"]
        assert "<select" not in answer["html"]
        assert answer["seen"] == {}

    def test_what_is_deactivated_is_only_looked_at(self, root: Client, config: Config) -> None:
        config.device.deactivate()
        answer = root.get(tab(config.device)).json()
        assert "keys" in answer["html"]
        assert "<select" not in answer["html"]


class TestPosting:
    def test_a_page_that_refused_nothing_does_not_say_so(self, operator: Client, config: Config) -> None:
        """Scripts tell by this text that a form was not stored."""
        told = "Please correct the error"
        assert told not in operator.get(page(config.device)).content.decode()
        form = form_of(operator.get(page(config.device))) | {"name": ""}
        assert told in operator.post(page(config.device), form).content.decode()

    def test_a_form_without_the_rows_leaves_them_alone(self, operator: Client, config: Config) -> None:
        form = form_of(operator.get(page(config.device))) | {"notes": "edited"}
        assert operator.post(page(config.device), form).status_code == 302
        config.device.refresh_from_db()
        assert config.device.notes == "edited"
        assert config.device.deviceconnection_set.get().enabled

    def test_loaded_rows_are_stored(self, operator: Client, config: Config) -> None:
        form = opened(operator, config.device)
        del form[f"{PREFIX}-0-enabled"]
        assert operator.post(page(config.device), form).status_code == 302
        assert not config.device.deviceconnection_set.get().enabled

    def test_errors_are_shown_with_the_rows(self, operator: Client, config: Config) -> None:
        answer = operator.post(page(config.device), opened(operator, config.device) | {f"{PREFIX}-0-credentials": ""})
        content = answer.content.decode()
        assert "This field is required." in content
        assert f"{PREFIX}-0-credentials" in content
        assert tab(config.device) not in content

    def test_errors_elsewhere_leave_the_tab_to_be_loaded(self, operator: Client, config: Config) -> None:
        form = form_of(operator.get(page(config.device))) | {"name": ""}
        content = operator.post(page(config.device), form).content.decode()
        assert "This field is required." in content
        assert tab(config.device) in content

    def test_edits_of_two_people_are_told_of(self, operator: Client, config: Config) -> None:
        mine = opened(operator, config.device)
        DeviceConnection.objects.update(enabled=False)
        mine[f"{PREFIX}-0-update_strategy"] = ""
        answer = operator.post(page(config.device), mine)
        assert answer.status_code == 200
        assert "Changed meanwhile" in answer.content.decode()


def test_inlines_of_packages_are_built_at_once(root: Client, config: Config) -> None:
    class Package(admin.StackedInline):
        model = Command
        extra = 0

    DeviceAdmin.inlines.append(Package)
    try:
        form = form_of(root.get(page(config.device)))
    finally:
        DeviceAdmin.inlines.remove(Package)
    assert "command_set-TOTAL_FORMS" in form
