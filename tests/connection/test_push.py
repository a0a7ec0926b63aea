"""Devices are told of changes, once, over real SSH."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from openwisp_notifications.models import Notification

from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection import push, tasks
from openwisp_controller.connection.connectors.openwrt.ssh import APPLYING, RESTART, VERSION, WAKE
from openwisp_controller.connection.models import DeviceConnection, HostKey, Push
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from .. import factories as make
from ..ssh import SshServers

pytestmark = pytest.mark.django_db


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(organization: Any, face: DeviceSshServer) -> DeviceConnection:
    return make.reachable(organization, face, "router")


def edit(device: Device, description: str = "edited") -> None:
    config = Config.objects.get(device=device)
    config.config = {"general": {"description": description}}
    config.full_clean()
    config.save()


def test_no_address_yet(connection: DeviceConnection, face: DeviceSshServer, committing: Any) -> None:
    """It says nothing about the connection, so nobody is told that it is broken; the push is repeated."""
    Device.objects.filter(pk=connection.device_id).update(management_ip=None)
    DeviceConnection.objects.update(is_working=True)
    with committing():
        edit(Device.objects.get(pk=connection.device_id))
    connection.refresh_from_db()
    assert (connection.is_working, connection.failure_reason, connection.last_attempt) == (True, "", None)
    assert Push.objects.get().reason == "No valid IP addresses to initiate connections found"
    assert not Notification.objects.exists()
    Device.objects.filter(pk=connection.device_id).update(management_ip="127.0.0.1")
    Push.objects.update(due=timezone.now())
    tasks.push_due()
    assert face.commands == [VERSION, WAKE]


def test_a_change_wakes_the_agent(connection: DeviceConnection, face: DeviceSshServer, committing: Any) -> None:
    with committing():
        edit(connection.device)
    assert face.commands == [VERSION, WAKE]
    connection.refresh_from_db()
    assert connection.is_working is True
    assert connection.failure_reason == ""
    assert connection.last_attempt is not None
    assert not Push.objects.exists()


def test_two_changes_in_one_transaction_are_one_push(
    connection: DeviceConnection, face: DeviceSshServer, committing: Any
) -> None:
    with committing():
        edit(connection.device, "one")
        edit(connection.device, "two")
    assert face.commands == [VERSION, WAKE]


def test_an_edited_template_reaches_every_device(organization: Any, ssh: SshServers, committing: Any) -> None:
    template = make.template(organization)
    faces = [ssh.start() for _ in range(3)]
    with committing():
        for face in faces:
            connection = make.reachable(organization, face)
            connection.device.config.templates.add(template)
        unreachable = make.config(organization, templates=[template])
    for face in faces:
        face.commands.clear()
    template.config = {"general": {"description": "other"}}
    with committing():
        template.save()
    assert [face.commands for face in faces] == [[VERSION, WAKE]] * 3
    assert not Push.objects.filter(device=unreachable.device).exists()


def test_deactivation_is_pushed(connection: DeviceConnection, face: DeviceSshServer, committing: Any) -> None:
    device = Device.objects.get(pk=connection.device_id)
    with committing():
        edit(device)
    face.commands.clear()
    device = Device.objects.get(pk=device.pk)
    with committing():
        device.deactivate()
    assert device.config.status == "deactivating"
    assert face.commands == [VERSION, WAKE]


def test_a_device_that_says_its_own_new_name_is_not_told(
    connection: DeviceConnection, face: DeviceSshServer, committing: Any
) -> None:
    device = Device.objects.get(pk=connection.device_id)
    device.name, device.skip_next_push = "renamed", True
    with committing():
        device.save()
    assert face.commands == []
    assert not Push.objects.exists()


def test_old_agents_are_restarted(organization: Any, ssh: SshServers, committing: Any) -> None:
    face = ssh.start(version="0.5.9")
    connection = make.reachable(organization, face)
    with committing():
        edit(connection.device, "one")
    assert face.commands == [VERSION, APPLYING, RESTART]
    face.commands.clear()
    face.applying = True
    with committing():
        edit(connection.device, "two")
    assert face.commands == [VERSION, APPLYING]


def test_a_device_that_applied_everything_is_left_alone(connection: DeviceConnection, face: DeviceSshServer) -> None:
    Config.objects.update(status="applied")
    push.request([connection.device_id])
    run()
    assert face.commands == []
    assert not Push.objects.exists()


def test_failures_wait_longer_each_time_and_end(
    connection: DeviceConnection, ssh: SshServers, face: DeviceSshServer, settings: Any
) -> None:
    settings.OPENWISP_CONTROLLER_PUSH_ATTEMPTS = 3
    ssh.stop(face)
    push.request([connection.device_id])
    waits = []
    for attempt in (1, 2):
        started = timezone.now()
        run()
        ended = timezone.now()
        row = Push.objects.get()
        assert row.attempts == attempt
        assert row.claim is None
        assert "Unable to connect to port" in row.reason
        waits.append((row.due - ended, row.due - started))  # at least, at most
        Push.objects.update(due=timezone.now())
    assert waits[1][1] > 2 * waits[0][0] > timedelta(0)
    run()
    assert not Push.objects.exists()


def test_a_change_during_a_push_is_pushed_once_more(connection: DeviceConnection) -> None:
    owner = uuid.uuid4()
    push.request([connection.device_id])
    (task,) = push.claim(owner, 10)
    push.request([connection.device_id])
    assert push.claim(uuid.uuid4(), 10) == [], "somebody is at it"
    push.store(owner, [push.PushOutcome(task)])
    (again,) = push.claim(owner, 10)
    assert again.requested == 2


@pytest.mark.parametrize(("attempts", "ahead"), [(0, timedelta(hours=1)), (1, timedelta(days=1))])
def test_a_push_does_not_wait_until_the_clock_is_where_it_was(
    connection: DeviceConnection, face: DeviceSshServer, attempts: int, ahead: timedelta
) -> None:
    """The clock of the database was set back, so what was due, or to be tried soon, lies far ahead."""
    push.request([connection.device_id])
    Push.objects.update(due=timezone.now() + ahead, attempts=attempts)
    run()
    assert face.commands == [VERSION, WAKE]


@pytest.mark.parametrize("ends", [timedelta(seconds=-1), timedelta(hours=1)], ids=["ran out", "clock was set back"])
def test_a_killed_worker_is_succeeded_when_its_claim_runs_out(
    connection: DeviceConnection, face: DeviceSshServer, ends: timedelta
) -> None:
    push.request([connection.device_id])
    dead = uuid.uuid4()
    (task,) = push.claim(dead, 10)
    run()
    assert face.commands == []
    Push.objects.update(claimed_until=timezone.now() + ends)
    run()
    assert face.commands == [VERSION, WAKE]
    push.store(dead, [push.PushOutcome(task, "too late")])
    assert not Push.objects.exists()


def test_sessions_of_all_processes_are_bounded(organization: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_PUSH_CONCURRENCY_TOTAL = 3
    devices = [make.connection(make.config(organization)).device_id for _ in range(5)]
    push.request(devices)
    assert len(push.claim(uuid.uuid4(), 2)) == 2
    assert len(push.claim(uuid.uuid4(), 2)) == 1
    assert push.claim(uuid.uuid4(), 2) == []


def test_noting_many_devices_is_one_statement(
    organization: Any, django_assert_num_queries: Any, committing: Any
) -> None:
    devices = [make.connection(make.config(organization)).device_id for _ in range(10)]
    with django_assert_num_queries(1):
        assert push.request(devices) == 10
    with django_assert_num_queries(1):
        assert push.request([uuid.uuid4()]) == 0


def test_the_first_connection_that_works_is_used(organization: Any, ssh: SshServers, committing: Any) -> None:
    face = ssh.start()
    device = make.config(make.device(organization, management_ip="127.0.0.1")).device
    wrong = make.connection(device, login={"port": face.port, "password": "wrong-password"})
    right = make.connection(device, login={"port": face.port})
    disabled = make.connection(device, login={"port": face.port}, enabled=False)
    with committing():
        edit(device)
    for row in (wrong, right, disabled):
        row.refresh_from_db()
    assert (wrong.is_working, wrong.failure_reason) == (False, "Authentication failed.")
    assert right.is_working is True
    assert disabled.is_working is None
    face.commands.clear()
    with committing():
        edit(device, "again")
    wrong_attempt = wrong.last_attempt
    wrong.refresh_from_db()
    assert wrong.last_attempt == wrong_attempt, "the one that works is tried first"


def test_a_device_that_says_nothing_costs_no_more_than_the_deadline(
    connection: DeviceConnection, face: DeviceSshServer, settings: Any
) -> None:
    settings.OPENWISP_CONTROLLER_PUSH_DEADLINE = 0.3
    face.fault = SshFault.HANGING
    push.request([connection.device_id])
    run()
    connection.refresh_from_db()
    assert connection.is_working is False
    assert connection.failure_reason == "The device did not answer within 0.3 seconds."
    assert Push.objects.get().attempts == 1


def run() -> None:
    from openwisp_controller.connection import worker

    worker.wake()


def test_a_lost_key_spoils_nothing_else(organization: Any, ssh: SshServers, settings: Any) -> None:
    faces = [ssh.start(), ssh.start()]
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = ["lost-key-of-more-than-thirty-two-characters"]
    lost = make.reachable(organization, faces[0])
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = ["good-key-of-more-than-thirty-two-characters"]
    good = make.reachable(organization, faces[1])
    push.request([lost.device_id, good.device_id])
    run()
    assert [face.commands for face in faces] == [[], [VERSION, WAKE]]
    lost.refresh_from_db()
    assert lost.is_working is False
    assert "not among the configured ones" in lost.failure_reason


def test_a_device_deleted_meanwhile_spoils_nothing_else(
    organization: Any, ssh: SshServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = [ssh.start(), ssh.start()]
    gone, stays = (make.reachable(organization, face) for face in faces)
    push.request([gone.device_id, stays.device_id])
    original = push.store

    def delete_first(*arguments: Any) -> None:
        Device.objects.filter(pk=gone.device_id).delete()
        original(*arguments)

    monkeypatch.setattr(push, "store", delete_first)
    run()
    stays.refresh_from_db()
    assert stays.is_working is True
    assert HostKey.objects.get().device_id == stays.device_id


def test_an_agent_that_is_busy_applying_is_told_again(
    connection: DeviceConnection, face: DeviceSshServer, committing: Any
) -> None:
    config = Config.objects.get(device=connection.device)
    Config.objects.update(status="modified", downloaded=config.released)  # it has not reported yet
    started = timezone.now()
    with committing():
        edit(connection.device)
    assert face.commands == [VERSION, WAKE]
    row = Push.objects.get()
    assert (row.attempts, row.reason, row.claim) == (1, "", None)
    assert started < row.due <= timezone.now() + timedelta(seconds=push.BUSY_PAUSE)
    Config.objects.update(applied=config.released)  # now it has, and looks for the next one
    Push.objects.update(due=timezone.now())
    run()
    assert face.commands == [VERSION, WAKE] * 2
    assert not Push.objects.exists()
