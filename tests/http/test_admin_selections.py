"""What is done with selected devices: export, a move to another organization, selections of everything."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config.models import Config, Device, DeviceGroup, OrganizationLimits

from .. import factories as make
from .forms import form_of
from .test_admin_fleet_actions import act, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def manages_both(administrator: Client, other: Organization) -> Client:
    """The browser of somebody who manages both organizations."""
    OrganizationUser.objects.create(user=User.objects.get(username="administrator"), organization=other, is_admin=True)
    return administrator


def names(answer: Any) -> list[str]:
    assert "attachment" in answer["Content-Disposition"]
    return [row["name"] for row in csv.DictReader(io.StringIO(answer.content.decode()))]


class TestExport:
    def test_the_selected_ones(self, administrator: Client, organization: Organization) -> None:
        devices = [make.device(organization, name) for name in ("one", "two", "three")]
        asked = act(administrator, "export_selected", devices[:2])
        assert "2 devices are exported." in asked.content.decode()
        assert names(act(administrator, "export_selected", devices[:2], apply="1", format="csv")) == ["one", "two"]

    def test_all_of_the_list_as_it_is_filtered(self, administrator: Client, organization: Organization) -> None:
        for number in range(7):
            make.device(organization, f"north-{number}")
        first = make.device(organization, "south")
        data = {
            "action": "export_selected", "select_across": "1", "_selected_action": str(first.pk), "apply": "1",
            "format": "csv",
        }  # fmt: skip
        answer = administrator.post("/admin/config/device/?q=north", data)
        assert names(answer) == [f"north-{number}" for number in range(7)]

    def test_of_others(self, administrator: Client, other: Organization) -> None:
        answer = act(administrator, "export_selected", [make.device(other)], apply="1", format="csv")
        assert names(answer) == []

    def test_who_may_only_view_sees_no_keys(self, organization: Organization) -> None:
        device = make.device(organization, "one")
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_device")
        answer = act(viewer, "export_selected", [device], apply="1", format="csv")
        assert names(answer) == ["one"]
        assert device.key not in answer.content.decode()


class TestMove:
    @pytest.fixture
    def config(self, organization: Organization) -> Config:
        group = make.group(organization, "roofs")
        shared, own = make.template(None, "shared"), make.template(organization, "lan")
        return make.config(make.device(organization, "router", group=group), templates=[shared, own])

    def move(self, client: Client, devices: Any, to: Organization) -> Any:
        return act(client, "move_to_organization", devices, apply="1", organization=str(to.pk))

    def test_it_tells_what_stays(self, manages_both: Client, config: Config) -> None:
        resting = make.config(config.device.organization).device
        resting.deactivate()
        page = act(manages_both, "move_to_organization", [config.device, resting]).content.decode()
        assert "the group roofs, of 1 device" in page
        assert "the template lan, of 1 device" in page
        assert "the template shared" not in page
        assert "1 of them is deactivated and stays where it is." in page

    def test_devices_move(self, manages_both: Client, config: Config, other: Organization) -> None:
        make.template(other, "theirs", default=True)
        assert told(self.move(manages_both, [config.device], other)) == [("success", "1 device was moved to other.")]
        device = Device.objects.get(pk=config.device_id)
        assert (device.organization, device.group) == (other, None)
        assert {template.name for template in device.config.templates.all()} == {"shared", "theirs"}
        assert "Moved to the organization other" in str(
            manages_both.get(reverse("admin:config_device_history", args=[device.pk])).content
        )

    def test_each_on_its_own(self, manages_both: Client, config: Config, other: Organization) -> None:
        present = make.device(other, "taken")
        clash = make.device(config.device.organization, "taken")
        answer = self.move(manages_both, [clash, config.device], other)
        (done, moved), (failed, reason) = told(answer)
        assert (done, moved) == ("success", "1 device was moved to other.")
        assert failed == "error"
        assert reason.startswith("Not moved – taken: ")
        clash.refresh_from_db()
        assert clash.organization != other
        assert set(Device.objects.filter(organization=other)) == {present, config.device}

    def test_the_limit_of_the_organization(self, manages_both: Client, config: Config, other: Organization) -> None:
        OrganizationLimits.objects.update_or_create(organization=other, defaults={"device_limit": 1})
        devices = [config.device, make.device(config.device.organization, "zz")]
        answer = self.move(manages_both, devices, other)
        assert [level for level, _text in told(answer)] == ["success", "error"]
        assert "maximum amount of allowed devices" in told(answer)[1][1]
        assert [device.name for device in Device.objects.filter(organization=other)] == ["router"]

    def test_a_management_address_that_somebody_has(
        self, manages_both: Client, organization: Organization, other: Organization, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_SHARED_MANAGEMENT_IP_ADDRESS_SPACE = False
        make.device(other, management_ip="10.0.0.1")
        device = make.device(organization, management_ip="10.0.0.1")
        ((_info, _text), (level, _reason)) = told(self.move(manages_both, [device], other))
        assert level == "error"

    def test_deactivated_ones_and_those_that_are_there_stay(
        self, manages_both: Client, config: Config, other: Organization
    ) -> None:
        config.device.deactivate()
        answer = self.move(manages_both, [config.device, make.device(other)], other)
        assert told(answer) == [("info", "0 devices were moved to other.")]

    def test_only_to_organizations_that_one_manages(
        self, administrator: Client, config: Config, other: Organization
    ) -> None:
        answer = self.move(administrator, [config.device], other)
        assert answer.context["form"].errors["organization"]
        config.device.refresh_from_db()
        assert config.device.organization != other

    def test_only_from_organizations_that_one_manages(
        self, stranger: Client, config: Config, other: Organization
    ) -> None:
        assert told(self.move(stranger, [config.device], other)) == [("info", "0 devices were moved to other.")]

    def test_who_may_not_change_devices(self, organization: Organization, config: Config) -> None:
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_device")
        self.move(viewer, [config.device], organization)
        assert "move_to_organization" not in viewer.get(reverse("admin:config_device_changelist")).content.decode()


def test_a_selection_of_everything_is_posted_as_such(administrator: Client, organization: Organization) -> None:
    """Thousands of keys are more than a form may have."""
    for _ in range(5):
        make.device(organization)
    group = make.group(organization)
    data = {"action": "change_group", "select_across": "1", "_selected_action": [str(Device.objects.all()[0].pk)]}
    asked = administrator.post("/admin/config/device/", data)
    posted = form_of(asked)
    assert posted["select_across"] == "1"
    assert str(asked.content).count('name="_selected_action"') == 1
    administrator.post("/admin/config/device/", {**posted, "apply": "1", "device_group": str(group.pk)})
    assert Device.objects.filter(group=DeviceGroup.objects.get()).count() == 5
