"""Preview, download, activation and roll-back in the administration: what they do, and for whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization, User

from openwisp_controller.config.devices import history
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..database.scenarios import fresh, interface, save
from .test_admin import config, device_form, url

__all__ = ["config"]
pytestmark = pytest.mark.django_db
BROKEN = {"interfaces": [{"name": "eth0", "type": "nonsense"}]}


def tool(name: str, device: Device) -> str:
    return reverse(f"admin:config_device_{name}", args=[device.pk])


def roll_back(config: Config) -> str:
    return reverse("admin:config_revision_roll_back", args=[history.revisions(config).last().pk])


#: Method and address of everything that is about one device.
TOOLS = {
    "download": ("get", lambda config: tool("download", config.device)),
    "variables": ("get", lambda config: tool("context", config.device)),
    "activate": ("post", lambda config: tool("activate", config.device)),
    "deactivate": ("post", lambda config: tool("deactivate", config.device)),
    "lift hold": ("post", lambda config: tool("lift_hold", config.device)),
    "roll back": ("post", roll_back),
}


def use(client: Client, name: str, config: Config) -> Any:
    method, address = TOOLS[name]
    return getattr(client, method)(address(config))


def preview(client: Client, config: Config, **values: Any) -> Any:
    form = device_form(config.device, config.ordered_templates(), **values)
    return client.post(url("device_preview"), {**form, "id": config.device_id})


class TestPreview:
    def test_nothing_is_saved(self, operator: Client, config: Config) -> None:
        answer = preview(operator, config, **{"name": "renamed", "config-0-config": json.dumps(interface("eth7"))})
        assert answer.status_code == 200
        assert "option hostname 'renamed'" in answer.json()["text"]
        assert "eth7" in answer.json()["text"]
        assert (Device.objects.get().name, fresh(config).config) == ("router", interface("eth0"))

    def test_it_is_what_saving_gives(self, operator: Client, config: Config) -> None:
        assert preview(operator, config).json()["text"] == config.render()

    def test_a_device_to_be(self, operator: Client, organization: Organization) -> None:
        device = Device(name="new", organization=organization, mac_address="02:00:00:00:00:01")
        form = {**device_form(device), "config-0-config": json.dumps(interface("eth7"))}
        answer = operator.post(url("device_preview"), {**form, "id": ""})
        assert "option hostname 'new'" in answer.json()["text"]
        assert not Device.objects.exists()

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"config-0-config": json.dumps(BROKEN)}, "config"),
            ({"config-0-config": "{"}, "config"),
            ({"config-0-context": "[1]"}, "context"),
            ({"name": "not valid"}, "name"),
            ({"mac_address": ""}, "mac_address"),
        ],
    )
    def test_errors_are_named_by_field(self, operator: Client, config: Config, values: Any, field: str) -> None:
        answer = preview(operator, config, **values)
        assert answer.status_code == 400
        assert next(iter(answer.json()["errors"])) == field

    def test_only_by_posting(self, operator: Client) -> None:
        assert operator.get(url("device_preview")).status_code == 405

    def test_devices_of_others(self, config: Config, other: Organization) -> None:
        assert preview(make.person("stranger", other, "Administrator"), config).status_code == 404

    def test_templates_of_others(self, operator: Client, config: Config, other: Organization) -> None:
        foreign = make.template(other, config={"general": {"description": "secret of another organization"}})
        answer = preview(operator, config, **{"config-0-templates": str(foreign.pk)})
        assert answer.status_code == 400
        assert "secret of another" not in answer.content.decode()


class TestTools:
    def test_download(self, operator: Client, config: Config) -> None:
        answer = use(operator, "download", config)
        assert answer.content == bytes(config.released.archive)
        assert answer["Content-Disposition"] == 'attachment; filename="router.tar.gz"'

    def test_variables(self, operator: Client, config: Config) -> None:
        assert use(operator, "variables", config).json()["name"] == "router"

    def test_deactivate_and_activate(self, operator: Client, config: Config) -> None:
        use(operator, "deactivate", config)
        assert Device.objects.get().is_deactivated()
        use(operator, "activate", config)
        assert not Device.objects.get().is_deactivated()

    def test_roll_back_and_lift_the_hold(self, operator: Client, config: Config) -> None:
        oldest = history.revisions(config).last()
        assert oldest is not None
        save(fresh(config), config=interface("eth9"))
        use(operator, "roll back", config)
        assert (fresh(config).released_id, fresh(config).release_policy) == (oldest.pk, "held")
        use(operator, "lift hold", config)
        assert fresh(config).released_id == fresh(config).compiled_id != oldest.pk

    def test_rolling_back_what_cannot_be_is_explained(self, operator: Client, config: Config) -> None:
        config.device.deactivate()
        answer = operator.post(roll_back(config), follow=True)
        assert "there is nothing to roll back" in answer.content.decode()


@pytest.mark.parametrize("name", TOOLS)
class TestForWhom:
    def test_managers(self, administrator: Client, config: Config, name: str) -> None:
        assert use(administrator, name, config).status_code in (200, 302)

    def test_managers_of_other_organizations(self, config: Config, other: Organization, name: str) -> None:
        answer = use(make.person("stranger", other, "Administrator"), name, config)
        assert answer.status_code == 404
        what = "revision" if name == "roll back" else "device"
        assert f"There is no such {what}, or it belongs to an organization" in answer.content.decode()
        assert not Device.objects.get().is_deactivated()

    def test_people_who_may_only_look(self, config: Config, organization: Organization, name: str) -> None:
        client = make.person("viewer", organization)
        viewer = User.objects.get(username="viewer")
        viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        assert use(client, name, config).status_code in (403, 404)
        assert not Device.objects.get().is_deactivated()

    def test_strangers(self, config: Config, client: Client, name: str) -> None:
        answer = use(client, name, config)
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]

    def test_changes_need_posting(self, root: Client, config: Config, name: str) -> None:
        method, address = TOOLS[name]
        if method == "post":
            assert root.get(address(config)).status_code == 405

    def test_changes_need_the_token_of_the_form(self, config: Config, root: Client, name: str) -> None:
        method, address = TOOLS[name]
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.get(username="root"))
        if method == "post":
            assert strict.post(address(config)).status_code == 403


class TestChangeGroup:
    def change(self, client: Client, devices: list[Device], **values: Any) -> Any:
        data = {"action": "change_group", "_selected_action": [device.pk for device in devices], **values}
        return client.post(reverse("admin:config_device_changelist"), data, follow=True)

    def test_asks_first(self, operator: Client, config: Config, organization: Organization) -> None:
        make.group(make.organization(), "of others")
        answer = self.change(operator, [config.device])
        assert [str(group) for group in answer.context["form"].fields["device_group"].queryset] == ["roofs"]
        assert answer.status_code == 200

    def test_devices_follow(self, operator: Client, config: Config, organization: Organization) -> None:
        group = make.group(organization, "masts", templates=[make.template(organization, "mast")])
        second, resting = make.config(organization), make.config(organization)
        resting.device.deactivate()
        devices = [config.device, second.device, resting.device]
        answer = self.change(operator, devices, apply="Apply", device_group=group.pk)
        assert "2 devices were changed." in answer.content.decode()
        for each in (config, second):
            assert Device.objects.get(pk=each.device_id).group == group
            assert "mast" in [template.name for template in each.templates.all()]
        assert Device.objects.get(pk=resting.device_id).group is None

    def test_out_of_the_group(self, operator: Client, config: Config) -> None:
        self.change(operator, [config.device], apply="Apply", device_group="")
        assert Device.objects.get(pk=config.device_id).group is None

    def test_one_organization_at_a_time(self, root: Client, config: Config, other: Organization) -> None:
        answer = self.change(root, [config.device, make.device(other)])
        assert "Select devices from one organization" in answer.content.decode()

    def test_others_and_their_groups_stay_out_of_reach(
        self, operator: Client, config: Config, other: Organization
    ) -> None:
        theirs, group = make.device(other), make.group(other)
        self.change(operator, [theirs], apply="Apply", device_group="")
        answer = self.change(operator, [config.device, theirs], apply="Apply", device_group=group.pk)
        assert answer.context["form"].errors
        assert Device.objects.get(pk=theirs.pk).group is None
        assert Device.objects.get(pk=config.device_id).group != group

    def test_needs_permission(self, organization: Organization, config: Config) -> None:
        viewer = make.person("viewer", organization)
        User.objects.get(username="viewer").user_permissions.add(Permission.objects.get(codename="view_device"))
        self.change(viewer, [config.device], apply="Apply", device_group="")
        assert Device.objects.get(pk=config.device_id).group is not None


def test_pages_cannot_be_framed_by_others(operator: Client) -> None:
    policy = operator.get("/admin/")["Content-Security-Policy"]
    assert policy == "frame-ancestors 'self'; object-src 'none'; base-uri 'self'"


def test_pages_that_are_not_for_somebody_say_why(operator: Client, config: Config) -> None:
    page = operator.get(reverse("admin:config_revision_delete", args=[config.released.pk]))  # type: ignore[union-attr]
    assert page.status_code == 403
    assert b"You do not have permission to open this page." in page.content
    assert b"Network Controller" in page.content
    missing = operator.get("/admin/config/nothing/")
    assert (missing.status_code, b"There is no such page." in missing.content) == (404, True)
    assert b"Network Controller" not in operator.get("/api/v1/nothing/").content


def test_notifications_are_on_every_page(operator: Client, config: Config) -> None:
    for page in (reverse("admin:index"), url("device_change", config.device), "/notifications/preferences/"):
        content = operator.get(page).content
        assert b'id="openwisp_notifications"' in content
        assert b"Network Controller" in content
    assert b"object-notifications.js" in operator.get(url("device_change", config.device)).content


def test_the_header_of_a_device_leads_to_its_revision(root: Client, config: Config) -> None:
    address = reverse("admin:config_revision_change", args=[fresh(config).released_id])
    header = root.get(url("device_change", config.device)).content.decode().partition('class="controller-device"')[2]
    assert f'href="{address}"' in header.partition("</header>")[0]
