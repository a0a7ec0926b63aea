"""Devices that come back with another key: refused and told about, until somebody expects them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import asyncssh
import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openwisp_notifications.models import Notification

from openwisp_controller.common.moments import database_time
from openwisp_controller.config.devices import reenrolment
from openwisp_controller.config.models import Device
from openwisp_controller.connection.models import HostKey

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import KEY, MAC, assert_text, download, files, poll, register, registered, report

pytestmark = pytest.mark.django_db
MAC_TAKEN = "Device with this Mac address and Organization already exists."
NEW_KEY = "n" * 32
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()


@pytest.fixture
def device(organization: Any) -> Device:
    config = make.config(make.device(organization, name="router", mac_address=MAC, key=KEY), context={"ssid": "home"})
    return Device.objects.get(pk=config.device_id)


def expect(root: Client, device: Device, *, action: str = "expect_reenrolment") -> Any:
    return root.post(reverse(f"admin:config_device_{action}", args=[device.pk]), follow=True)


@pytest.mark.parametrize("key", [NEW_KEY, None])
class TestExpected:
    """``None``: an agent that makes no consistent key."""

    def test_becomes_the_device_once(
        self, client: Client, root: Client, device: Device, key: str | None, recorded: SignalRecorder
    ) -> None:
        HostKey.objects.create(device=device, key=HOST_KEY)
        before = poll(client, device).content
        expect(root, device)
        answer = register(client, key=key, name="renamed")
        known = Device.objects.get()
        assert_text(answer, 201, registered(known, is_new=False))
        assert (known.pk, known.name) == (device.pk, "renamed")
        assert known.key == key if key else known.key not in ("", KEY)
        assert poll(client, device).status_code == 403, "the former key still opens"
        assert poll(client, known).status_code == 200
        assert known.config.context == {"ssid": "home"}
        assert not HostKey.objects.exists(), "a reset router has another host key"
        assert recorded.only("device_registered").is_new is False
        served = download(client, known).content
        assert "renamed" in "".join(files(served).values())
        report(client, known, "applied")
        assert Device.objects.get().config.status == "applied"
        assert before != poll(client, known).content
        again = register(client, key="another" * 4)
        assert_text(again, 400, MAC_TAKEN)

    @pytest.mark.parametrize("spelling", [MAC.lower(), MAC.replace(":", "-")])
    def test_any_spelling_of_the_mac_address(
        self, client: Client, root: Client, device: Device, key: str | None, spelling: str
    ) -> None:
        expect(root, device)
        assert register(client, key=key, mac_address=spelling).status_code == 201
        assert Device.objects.get().mac_address == MAC

    def test_where_devices_do_not_create_themselves(
        self, client: Client, root: Client, device: Device, key: str | None, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_REGISTRATION_SELF_CREATION = False
        assert register(client, key=key).status_code == 404
        expect(root, device)
        assert register(client, key=key).status_code == 201

    def test_by_serial_number(self, client: Client, root: Client, device: Device, key: str | None) -> None:
        Device.objects.update(hardware_id="serial")
        expect(root, device)
        answer = register(client, key=key, mac_address="02:00:00:00:00:99", hardware_id="serial")
        assert answer.status_code == 201
        assert Device.objects.get().mac_address == MAC


class TestNotExpected:
    def test_people_are_told_the_way_once(self, client: Client, organization: Any, committing: Any) -> None:
        with committing():
            make.superuser()
            device = make.config(make.device(organization, name="router", mac_address=MAC, key=KEY)).device
        for _ in range(3):
            with committing():
                assert_text(register(client, key=NEW_KEY, name="another"), 400, MAC_TAKEN)
        notification = Notification.objects.get(level="warning")
        assert "tried to enrol with another key" in notification.message
        assert reverse("admin:config_device_change", args=[device.pk]) in notification.message

    @pytest.mark.parametrize(
        "parameters", [{"mac_address": "02:00:00:00:00:99"}, {"mac_address": MAC + "\x00"}, {"mac_address": "router"}]
    )
    def test_others_with_its_name_are_not_taken_for_it(
        self, client: Client, root: Client, device: Device, parameters: dict[str, str]
    ) -> None:
        expect(root, device)
        assert register(client, key=NEW_KEY, **parameters).status_code == 400
        assert Device.objects.get().key == KEY

    def test_too_late(self, client: Client, root: Client, device: Device) -> None:
        expect(root, device)
        Device.objects.update(reenrolment_expected_until=timezone.now() - timedelta(seconds=1))
        assert_text(register(client, key=NEW_KEY, name="another"), 400, MAC_TAKEN)
        assert "re-enrolment is expected" not in page(root, device)

    def test_no_more(self, client: Client, root: Client, device: Device) -> None:
        expect(root, device)
        assert "Its re-enrolment is expected until" in page(root, device)
        expect(root, device, action="expect_no_reenrolment")
        assert_text(register(client, key=NEW_KEY, name="another"), 400, MAC_TAKEN)

    def test_another_organization(self, client: Client, root: Client, device: Device) -> None:
        """Its secret makes a device of its own, as ever."""
        make.organization(secret="b" * 32)
        expect(root, device)
        assert "is-new: 1" in register(client, key=NEW_KEY, secret="b" * 32).content.decode()
        assert Device.objects.get(pk=device.pk).key == KEY

    @pytest.mark.parametrize("key", ["short", "with space" * 2])
    def test_invalid_key(self, client: Client, root: Client, device: Device, key: str) -> None:
        expect(root, device)
        assert register(client, key=key).status_code == 400
        stored = Device.objects.get()
        assert stored.key == KEY
        assert stored.is_reenrolment_expected()

    def test_deactivated(self, client: Client, root: Client, device: Device) -> None:
        expect(root, device)
        device.deactivate()
        assert register(client, key=NEW_KEY).status_code == 400
        assert "activate router first" in expect(root, device).content.decode()


class TestPage:
    def test_who_may(self, device: Device, organization: Any) -> None:
        member = make.person("member", organization, "Operator", manages=False)
        foreign = make.person("foreign", make.organization("other", secret="b" * 32), "Operator")
        for person in (member, foreign):
            assert expect(person, device).status_code in (403, 404)
        assert Device.objects.get().reenrolment_expected_until is None

    def test_it_is_logged(self, root: Client, device: Device) -> None:
        expect(root, device)
        assert LogEntry.objects.get().change_message == "Expects its re-enrolment with another key."

    def test_many(self, root: Client, device: Device) -> None:
        chosen = {"action": "expect_reenrolment_of_devices", "_selected_action": [str(device.pk)]}
        answer = root.post(reverse("admin:config_device_changelist"), chosen, follow=True)
        assert "1 device was changed." in answer.content.decode()
        assert Device.objects.get().is_reenrolment_expected()

    def test_many_are_logged(self, root: Client, organization: Any) -> None:
        devices = [make.device(organization, name=f"router-{number}") for number in range(3)]
        expect_many(root, devices)
        entries = LogEntry.objects.filter(change_message="Expects its re-enrolment with another key.")
        assert {entry.object_id for entry in entries} == {str(device.pk) for device in devices}

    def test_one_of_many_is_deactivated_meanwhile(self, root: Client, organization: Any) -> None:
        devices = [make.device(organization, name=f"router-{number}") for number in range(3)]
        with another_deactivated_at_the_first_save(devices) as deactivated:
            text = expect_many(root, devices)
        assert f"A deactivated device cannot enrol: activate {deactivated[0]} first." in text
        assert "2 devices were changed." in text
        expected = set(Device.objects.filter(reenrolment_expected_until__isnull=False))
        assert expected == set(devices) - set(deactivated)
        assert LogEntry.objects.count() == 2

    def test_saving_the_page_does_not_end_it(self, root: Client, device: Device) -> None:
        stale = Device.objects.get()
        expect(root, device)
        stale.notes = "edited"
        stale.save()
        assert Device.objects.get().is_reenrolment_expected()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="has a clock of its own")
class TestClock:
    """The clock of the database decides, whatever that of a process says."""

    @pytest.mark.parametrize("hours", [-48, 48])
    def test_of_the_process_that_lets_in(
        self, client: Client, root: Client, device: Device, monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        expect(root, device)
        set_clock(monkeypatch, hours)
        assert register(client, key=NEW_KEY).status_code == 201

    @pytest.mark.parametrize("hours", [-48, 48])
    def test_of_the_process_that_expects(
        self, client: Client, root: Client, device: Device, monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        with monkeypatch.context() as there:
            set_clock(there, hours)
            reenrolment.expect(device)
        until = Device.objects.get().reenrolment_expected_until
        assert until is not None
        assert timedelta(0) < until - database_time() <= timedelta(hours=24)

    def test_of_the_database_was_set_back(self, client: Client, root: Client, device: Device) -> None:
        """What lies further ahead than is ever written is over."""
        Device.objects.update(reenrolment_expected_until=database_time() + timedelta(hours=25))
        assert register(client, key=NEW_KEY).status_code == 400


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    true = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: true() + timedelta(hours=hours))


def expect_many(root: Client, devices: list[Device]) -> str:
    chosen = {"action": "expect_reenrolment_of_devices", "_selected_action": [str(device.pk) for device in devices]}
    return root.post(reverse("admin:config_device_changelist"), chosen, follow=True).content.decode()


@contextmanager
def another_deactivated_at_the_first_save(devices: list[Device]) -> Iterator[list[Device]]:
    """Somebody deactivates another one of these devices when the first of them is saved; yields a list of that one."""
    deactivated: list[Device] = []

    def deactivate(instance: Device, **kwargs: Any) -> None:
        if not deactivated:
            deactivated.append(next(device for device in devices if device != instance))
            Device.objects.filter(pk=deactivated[0].pk).update(_is_deactivated=True)

    post_save.connect(deactivate, sender=Device)
    try:
        yield deactivated
    finally:
        post_save.disconnect(deactivate, sender=Device)


def page(root: Client, device: Device) -> str:
    return root.get(reverse("admin:config_device_change", args=[device.pk])).content.decode()
