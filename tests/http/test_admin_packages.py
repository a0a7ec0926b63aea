"""What packages that extend the pages of devices rely on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import reversion
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config.admin import (
    DeactivatedDeviceReadOnlyMixin,
    DeviceAdmin,
    DevicePageExtension,
    extend_device_page,
)
from openwisp_controller.config.admin import device as device_page
from openwisp_controller.config.models import Device
from openwisp_controller.connection.models import Command

from .. import factories as make
from .forms import form_of

pytestmark = pytest.mark.django_db
LISTS = ("list_display", "list_filter", "search_fields", "readonly_fields", "inlines", "conditional_inlines", "actions",
         "fields", "list_select_related")  # fmt: skip


class CommandInline(DeactivatedDeviceReadOnlyMixin, admin.TabularInline):
    """An inline form of a package."""

    model = Command
    fields = ("status",)
    extra = 0

    def _get_conditional_queryset(self, request: Any, obj: Any) -> Any:
        return self.get_queryset(request).filter(device=obj).exists()


@pytest.fixture
def page() -> Iterator[type[DeviceAdmin]]:
    """The page of devices; what a test adds to it is taken away again."""
    before = {name: list(getattr(DeviceAdmin, name)) for name in (*LISTS, "followed")}
    extensions = DeviceAdmin.extensions
    yield DeviceAdmin
    for name, value in before.items():
        getattr(DeviceAdmin, name)[:] = value
    DeviceAdmin.extensions = extensions
    admin.site.unregister(Device)
    reversion.unregister(Device)
    admin.site.register(Device, DeviceAdmin)


def change(device: Device) -> str:
    return reverse("admin:config_device_change", args=[device.pk])


def test_what_they_add_to_are_lists(page: type[DeviceAdmin]) -> None:
    assert [name for name in LISTS if not isinstance(getattr(page, name), list)] == []
    assert "config_status" in page.list_display
    assert {"activate_device", "deactivate_device", "change_group"} <= set(page.actions)
    assert isinstance(page.Media.js, list)


def test_media(page: type[DeviceAdmin], root: Client, organization: Organization) -> None:
    page.Media.js.append("package/own.js")
    try:
        assert "package/own.js" in root.get(change(make.device(organization))).content.decode()
    finally:
        page.Media.js.remove("package/own.js")


def test_conditional_inlines(page: type[DeviceAdmin], root: Client, organization: Organization) -> None:
    page.conditional_inlines.append(CommandInline)
    device = make.device(organization)
    assert "command_set-TOTAL_FORMS" not in root.get(change(device)).content.decode()
    assert root.get(reverse("admin:config_device_add")).status_code == 200
    Command.objects.bulk_create([Command(device=device, type="reboot", status="success")])
    assert "command_set-TOTAL_FORMS" in root.get(change(device)).content.decode()


def test_context(page: type[DeviceAdmin], root: Client, organization: Organization, monkeypatch: Any) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(page, "get_extra_context", lambda self, pk=None: asked.append(pk) or {"of_a_package": "yes"})
    device = make.device(organization)
    for address in (reverse("admin:config_device_add"), change(device)):
        assert root.get(address).context["of_a_package"] == "yes"
    assert asked == [None, str(device.pk)]


def test_versions_follow(page: type[DeviceAdmin], root: Client, organization: Organization) -> None:
    page.add_reversion_following(["command_set"])
    page.add_reversion_following(["command_set"])
    assert page.followed.count("command_set") == 1
    assert "command_set" in reversion.revisions._get_options(Device).follow


def test_a_page_of_a_package_is_extended(page: type[DeviceAdmin]) -> None:
    own = type("PackageDeviceAdmin", (DeviceAdmin,), {"__module__": __name__})
    admin.site.unregister(Device)
    admin.site.register(Device, own)
    extend_device_page(DevicePageExtension(inlines=(CommandInline,)))
    assert type(admin.site._registry[Device]) is own
    assert CommandInline in own.inlines
    device_page._register_again()
    assert type(admin.site._registry[Device]) is own


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_page_of_a_package_with_copies_of_the_lists_is_extended(page: type[DeviceAdmin], kind: type) -> None:
    attributes = {"__module__": __name__, "inlines": kind(DeviceAdmin.inlines)}
    own = type("PackageDeviceAdmin", (DeviceAdmin,), attributes)
    admin.site.unregister(Device)
    admin.site.register(Device, own)
    extend_device_page(DevicePageExtension(inlines=(CommandInline,), list_filter=("os",)))
    for each in (own, DeviceAdmin):
        assert list(each.inlines).count(CommandInline) == 1
        assert list(each.list_filter).count("os") == 1


def test_addresses(organization: Organization) -> None:
    base = "/admin/config/device/config"
    templates = reverse("admin:get_relevant_templates", args=[organization.pk])
    assert templates == f"{base}/get-relevant-templates/{organization.pk}/"
    assert reverse("admin:get_default_values") == f"{base}/get-default-values/"
    assert reverse("config:schema") == "/config/schema.json"


class TestPreview:
    """The preview takes values by their plain names, too; what is not named is as it is stored."""

    def test_device(self, administrator: Client, organization: Organization) -> None:
        template = make.template(organization, config={"general": {"description": "{{ text }} {{ name }}"}})
        device = make.device(organization, "router")
        config = make.config(device, context={"text": "stored"})
        preview = reverse("admin:config_device_preview")
        sent = {"id": device.pk, "name": "renamed", "templates": str(template.pk)}
        assert "'stored renamed'" in administrator.post(preview, sent).json()["text"]
        sent |= {"context": json.dumps({"text": "sent"}), "config": json.dumps({"general": {"notes": "own"}})}
        text = administrator.post(preview, sent).json()["text"]
        assert "'sent renamed'" in text
        assert "'own'" in text
        config.refresh_from_db()
        assert (config.context, config.config) == ({"text": "stored"}, {})

    def test_new_device(self, administrator: Client, organization: Organization) -> None:
        sent = {"name": "new", "organization": organization.pk, "mac_address": "02:00:00:00:00:01",
                "backend": make.BACKEND, "config": json.dumps({"general": {"notes": "own"}})}  # fmt: skip
        preview = reverse("admin:config_device_preview")
        assert "'own'" in administrator.post(preview, sent).json()["text"]
        refused = administrator.post(preview, {**sent, "config": "{"})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["config"])

    def test_template_and_server(self, administrator: Client, organization: Organization) -> None:
        template = make.template(organization, config={"general": {"notes": "stored"}})
        preview = reverse("admin:config_template_preview")
        assert "'stored'" in administrator.post(preview, {"id": template.pk}).json()["text"]
        sent = {"id": template.pk, "config": json.dumps({"general": {"notes": "sent"}})}
        assert "'sent'" in administrator.post(preview, sent).json()["text"]
        server = make.vpn(organization)
        answer = administrator.post(reverse("admin:config_vpn_preview"), {"id": server.pk})
        assert "[Interface]" in answer.json()["text"]


def test_a_form_without_release_policy_leaves_it(administrator: Client, organization: Organization) -> None:
    config = make.config(organization)
    type(config).objects.filter(pk=config.pk).update(release_policy="held")
    form = form_of(administrator.get(change(config.device))) | {"notes": "new"}
    del form["config-0-release_policy"]
    assert administrator.post(change(config.device), form).status_code == 302
    config.refresh_from_db()
    assert config.release_policy == "held"
