"""The same done to many devices."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from openwisp_users.models import Organization

from openwisp_controller.config.models import Config, Device

from .. import factories as make
from .client import Rest, done, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def devices(organization: Organization) -> list[Device]:
    return [make.config(organization).device for _ in range(3)]


def send(rest: Rest, devices: Any, action: str, **fields: Any) -> Any:
    return rest.post("/device/bulk/", {"devices": [str(each.pk) for each in devices], "action": action, **fields})


def statuses(answer: Any) -> list[str]:
    return [each["status"] for each in done(answer)["results"]]


def test_life_cycle(rest: Rest, devices: list[Device]) -> None:
    devices[0].deactivate()
    assert statuses(send(rest, devices, "deactivate")) == ["unchanged", "done", "done"]
    assert statuses(send(rest, devices, "activate")) == ["done"] * 3
    answer = done(send(rest, devices, "delete"))
    assert (answer["done"], answer["failed"]) == (0, 3)
    assert answer["results"][0]["errors"] == ["The device must be deactivated prior to deletion"]
    assert statuses(send(rest, devices[:2], "delete", force=True)) == ["done", "done"]
    logged = LogEntry.objects.values_list("object_id", "user__username")
    assert set(logged) == {(str(device.pk), "administrator") for device in devices[:2]}
    assert Device.objects.count() == 1


def test_group(rest: Rest, organization: Organization, devices: list[Device]) -> None:
    template = make.template(organization)
    group = make.group(organization, templates=[template])
    assert statuses(send(rest, devices, "group", group=str(group.pk))) == ["done"] * 3
    assert statuses(send(rest, devices, "group", group=str(group.pk))) == ["unchanged"] * 3
    assert Config.objects.filter(templates=template).count() == 3
    assert statuses(send(rest, devices, "group", group=None)) == ["done"] * 3
    assert not Device.objects.exclude(group=None).exists()


def test_templates(rest: Rest, organization: Organization, devices: list[Device]) -> None:
    one, two = make.template(organization, "one"), make.template(organization, "two")
    keys = [str(one.pk), str(two.pk)]
    assert statuses(send(rest, devices, "templates", templates=keys)) == ["done"] * 3
    assert statuses(send(rest, devices[:1], "templates", templates=keys[:1], mode="remove")) == ["done"]
    assert statuses(send(rest, devices, "templates", templates=keys[1:], mode="set")) == ["unchanged", "done", "done"]
    for device in devices:
        assert [each.name for each in Config.objects.get(device=device).templates.all()] == ["two"]


def test_hold_and_release(rest: Rest, organization: Organization, devices: list[Device]) -> None:
    devices.append(make.device(organization))
    answer = done(send(rest, devices, "hold"))
    assert (answer["done"], answer["failed"]) == (3, 1)
    assert answer["results"][3]["errors"] == ["The device has no configuration."]
    assert Config.objects.filter(release_policy="held").count() == 3
    assert statuses(send(rest, devices[:3], "release")) == ["done"] * 3


def test_what_fails_for_one_does_not_stop_the_others(
    rest: Rest, organization: Organization, other: Organization, devices: list[Device]
) -> None:
    wisp = make.config(organization, backend="netjsonconfig.OpenWisp").device
    foreign = make.config(other).device
    template = make.template(organization, "wifi")
    answer = done(send(rest, [wisp, foreign, *devices], "templates", templates=[str(template.pk)]))
    assert [each["status"] for each in answer["results"]] == ["failed", "failed", "done", "done", "done"]
    assert answer["results"][0]["errors"] == [
        "The following templates are made for another backend than this configuration: wifi"
    ]
    assert str(foreign.name) not in str(answer)
    assert not Config.objects.get(device=foreign).templates.exists()


def test_refusals(rest: Rest, other: Organization, devices: list[Device]) -> None:
    foreign = make.group(other)
    for fields, message in (
        ({"action": "x"}, {"action": ['"x" is not a valid choice.']}),
        ({"devices": []}, {"devices": ["This list may not be empty."]}),
        ({"action": "group"}, {"group": ["This field is required."]}),
        ({"action": "templates"}, {"templates": ["This field is required."]}),
        (
            {"action": "group", "group": str(foreign.pk)},
            {"group": [f'Invalid pk "{foreign.pk}" - object does not exist.']},
        ),
    ):
        given = {"devices": [str(devices[0].pk)], "action": "hold", **fields}
        assert wrong(rest.post("/device/bulk/", given)) == message


def test_deleting_needs_its_own_permission(organization: Organization, devices: list[Device]) -> None:
    person = Rest(make.person("changer", organization))
    make.permit(person.client, "change_device")
    assert send(person, devices, "delete", force=True).status_code == 403
    assert statuses(send(person, devices, "deactivate")) == ["done"] * 3
