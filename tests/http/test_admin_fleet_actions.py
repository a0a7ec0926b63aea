"""What is done to many devices from their list: hold, release, roll back to a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from openwisp_controller.config.models import Config, Device

from .. import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def configs(organization: Any) -> list[Config]:
    """Two configurations with three revisions each, an hour between them."""
    found = []
    for name in ("one", "two"):
        config = make.config(make.device(organization, name))
        for number in range(2):
            config.config = {"general": {"description": str(number)}}
            config.save()
        revisions = list(config.revisions.order_by("pk"))
        for age, revision in zip((3, 2, 1), revisions, strict=True):
            type(revision).objects.filter(pk=revision.pk).update(created=timezone.now() - timedelta(hours=age))
        config.refresh_from_db()
        found.append(config)
    return found


def act(client: Client, action: str, devices: Any, **more: str) -> Any:
    chosen = {"action": action, "_selected_action": [str(device.pk) for device in devices]}
    return client.post(reverse("admin:config_device_changelist"), {**chosen, **more}, follow=True)


def told(answer: Any) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in answer.context["messages"]]


def at(hours: float) -> dict[str, str]:
    moment = timezone.localtime(timezone.now() - timedelta(hours=hours))
    return {"apply": "1", "at_0": moment.strftime("%Y-%m-%d"), "at_1": moment.strftime("%H:%M:%S")}


def test_hold_and_release(administrator: Client, configs: list[Config]) -> None:
    devices = Device.objects.all()
    assert told(act(administrator, "hold_device", devices)) == [("success", "2 devices were changed.")]
    assert told(act(administrator, "hold_device", devices)) == [("info", "0 devices were changed.")]
    assert {config.release_policy for config in Config.objects.all()} == {"held"}
    assert told(act(administrator, "lift_hold_of_device", devices[:1])) == [("success", "1 device was changed.")]
    assert sorted(config.release_policy for config in Config.objects.all()) == ["automatic", "held"]


def test_roll_back_to_a_time(administrator: Client, configs: list[Config], organization: Any) -> None:
    make.device(organization, "bare")
    make.config(make.device(organization, "new"))
    asked = act(administrator, "roll_back_device", Device.objects.all())
    assert "Roll back to what they had at" in asked.content.decode()
    answer = act(administrator, "roll_back_device", Device.objects.all(), **at(1.5))
    assert told(answer) == [
        ("success", "2 devices were rolled back and are held there."),
        ("warning", "No revision is kept from that time or before: new."),
    ]
    for config in configs:
        config.refresh_from_db()
        assert config.release_policy == "held"
        assert config.released == config.revisions.order_by("pk")[1]


def test_a_time_to_come_or_nonsense_is_refused(administrator: Client, configs: list[Config]) -> None:
    for given in (at(-1), {"apply": "1", "at_0": "x", "at_1": "y"}, {"apply": "1"}):
        answer = act(administrator, "roll_back_device", Device.objects.all(), **given)
        assert answer.context["form"].errors["at"]
    assert {config.release_policy for config in Config.objects.all()} == {"automatic"}


def test_only_for_who_may_change_devices(organization: Any, stranger: Client, configs: list[Config]) -> None:
    viewer = make.person("viewer", organization)
    make.permit(viewer, "view_device")
    for client in (viewer, stranger):
        for action in ("hold_device", "roll_back_device"):
            act(client, action, Device.objects.all(), **at(1.5))
    assert {config.release_policy for config in Config.objects.all()} == {"automatic"}
