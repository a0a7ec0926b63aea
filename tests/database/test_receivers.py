"""Receivers of other packages: they save what they are given, ask the database, delete the device, or raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.dispatch import Signal
from openwisp_notifications.models import Notification

from openwisp_controller.config import signals
from openwisp_controller.config.models import Config, Device, Vpn
from openwisp_controller.connection import attempts
from openwisp_controller.connection.models import DeviceConnection
from openwisp_controller.connection.signals import is_working_changed
from openwisp_controller.subnet_division.signals import subnet_provisioned

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import MODIFIED, STATUS, fresh, interface, save, using
from .test_signals import check_consistency

pytestmark = pytest.mark.django_db
ENROLMENT = {"secret": make.SECRET, "name": "new", "mac_address": "02:12:34:56:78:9a", "backend": make.BACKEND}


@contextmanager
def receiving(signal: Signal, receiver: Callable[..., Any]) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def save_it(instance: Any, **kwargs: Any) -> None:
    instance.save()


def save_its_device(instance: Config, **kwargs: Any) -> None:
    instance.device.save()


def delete_device(instance: Any, **kwargs: Any) -> None:
    device = instance if isinstance(instance, Device) else instance.device
    for found in Device.objects.filter(pk=device.pk):
        found.delete(check_deactivated=False)


@pytest.fixture
def everything(organization: Any, client: Any, committing: Any) -> Callable[[], None]:
    """Makes every signal of a device be sent at least once."""

    def run() -> None:
        group = make.group(organization, templates=[make.template(organization)])
        with committing():
            client.post("/controller/register/", ENROLMENT)
        device = Device.objects.filter(name="new").first()
        if device is None:
            return
        Config.objects.update(status="applied")
        for name, value in (("name", "renamed"), ("group", group), ("management_ip", "10.0.0.9")):
            with committing():
                save(device, **{name: value})
        save(fresh(device.config), config=interface("br9"))
        with committing():
            save(group.templates.get(), config=interface("br10"))
        save(fresh(device.config), backend="netjsonconfig.OpenWisp")
        for action in ("checksum", "download-config"):
            client.get(f"/controller/{action}/{device.pk.hex}/", {"key": device.key})
        Device.objects.get(pk=device.pk).deactivate()
        client.get(f"/controller/download-config/{device.pk.hex}/", {"key": device.key})
        client.post(f"/controller/report-status/{device.pk.hex}/", {"key": device.key, "status": "applied"})
        Device.objects.get(pk=device.pk).activate()

    return run


OF_DEVICES = [
    "checksum_requested", "config_download_requested", "device_registered", "device_name_changed",
    "device_group_changed", "device_activated", "device_deactivated", "management_ip_changed",
]  # fmt: skip
OF_CONFIGS = [
    "config_modified", "config_status_changed", "config_backend_changed", "config_deactivating", "config_deactivated",
]  # fmt: skip


@pytest.mark.parametrize("name", [*OF_DEVICES, *OF_CONFIGS])
def test_a_receiver_may_save_what_it_is_given(
    name: str, everything: Callable[[], None], recorded: SignalRecorder
) -> None:
    everything()
    expected = recorded.names
    assert name in expected
    Device.objects.get().delete(check_deactivated=False)
    recorded.clear()
    with receiving(getattr(signals, name), save_it):
        everything()
    assert recorded.names == expected
    check_consistency()


@pytest.mark.parametrize("name", OF_CONFIGS)
def test_a_receiver_may_save_the_device_of_what_it_is_given(
    name: str, everything: Callable[[], None], recorded: SignalRecorder
) -> None:
    everything()
    expected = recorded.names
    Device.objects.get().delete(check_deactivated=False)
    recorded.clear()
    with receiving(getattr(signals, name), save_its_device):
        everything()
    assert recorded.names == expected
    check_consistency()


def test_saving_while_told_of_the_first_of_two_statuses_keeps_the_last(organization: Any) -> None:
    config = make.config(organization, status="applied")
    with receiving(signals.config_deactivating, save_it):
        config.device.deactivate()
    assert fresh(config).status == "deactivated"


@pytest.mark.parametrize("name", ["config_deactivated", "device_deactivated", "config_status_changed"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_receiver_may_delete_a_device_that_is_no_more(name: str, empty: bool, organization: Any, client: Any) -> None:
    config = make.config(organization, status="applied", config={} if empty else interface("eth0"))
    device = Device.objects.get(pk=config.device_id)
    save(device, management_ip="10.0.0.1")
    client.get(f"/controller/download-config/{device.pk.hex}/", {"key": device.key})
    with receiving(getattr(signals, name), delete_device):
        device.deactivate()
        if Device.objects.filter(pk=device.pk).exists():
            client.get(f"/controller/download-config/{device.pk.hex}/", {"key": device.key})
            answer = client.post(
                f"/controller/report-status/{device.pk.hex}/", {"key": device.key, "status": "applied"}
            )
            assert answer.status_code in (200, 404)
    assert not Device.objects.exists()


@pytest.mark.parametrize("name", ["checksum_requested", "config_download_requested"])
def test_a_device_that_is_deleted_by_a_receiver_gets_its_answer(name: str, organization: Any, client: Any) -> None:
    device = make.config(organization).device
    action = "checksum" if name == "checksum_requested" else "download-config"
    with receiving(getattr(signals, name), delete_device):
        assert client.get(f"/controller/{action}/{device.pk.hex}/", {"key": device.key}).status_code == 200
    assert client.get(f"/controller/{action}/{device.pk.hex}/", {"key": device.key}).status_code == 404


@pytest.mark.parametrize("name", [MODIFIED, STATUS])
def test_a_receiver_may_delete_a_device_in_the_background(
    name: str, organization: Any, committing: Any, recorded: SignalRecorder
) -> None:
    template = make.template(organization)
    configs = [make.config(organization, templates=[template], status="applied") for _ in range(2)]

    def delete_first(instance: Config, **kwargs: Any) -> None:
        if instance.pk == configs[0].pk:
            delete_device(instance)

    recorded.clear()
    with receiving(getattr(signals, name), delete_first), committing():
        save(template, config=interface("br9"))
    assert recorded.names.count(MODIFIED) == 2
    assert [config.pk for config in Config.objects.all()] == [configs[1].pk]
    check_consistency()


@pytest.mark.parametrize("name", ["device_name_changed", "device_group_changed", "management_ip_changed", MODIFIED])
def test_a_receiver_that_raises_undoes_the_change_and_it_can_be_made_again(
    name: str, organization: Any, recorded: SignalRecorder
) -> None:
    config = make.config(organization, status="applied", config=using("name"))
    device = Device.objects.get(pk=config.device_id)
    group = make.group(organization)

    def refuse(**kwargs: Any) -> None:
        raise LookupError

    with receiving(getattr(signals, name), refuse), pytest.raises(LookupError):
        save(device, name="other", group=group, management_ip="10.0.0.1")
    assert Device.objects.get().name != "other"
    assert fresh(config).status == "applied"
    check_consistency()
    recorded.clear()
    device.save()
    assert recorded.names == [
        "device_name_changed", MODIFIED, STATUS, "device_group_changed", "management_ip_changed"
    ]  # fmt: skip
    check_consistency()


def test_an_enrolment_that_a_receiver_refuses_leaves_nothing(organization: Any, client: Any) -> None:
    def refuse(**kwargs: Any) -> None:
        raise LookupError

    with receiving(signals.device_registered, refuse), pytest.raises(LookupError):
        client.post("/controller/register/", ENROLMENT)
    assert not Device.objects.exists()
    assert client.post("/controller/register/", ENROLMENT).status_code == 201


class TestIsWorkingChanged:
    @pytest.fixture
    def connection(self, organization: Any) -> DeviceConnection:
        return DeviceConnection.objects.get(pk=make.connection(make.config(organization)).pk)

    def test_a_receiver_may_save_what_it_is_given(self, connection: DeviceConnection) -> None:
        seen = []

        def receive(instance: DeviceConnection, is_working: Any, old_is_working: Any, **kwargs: Any) -> None:
            seen.append((old_is_working, is_working))
            assert len(seen) < 5
            instance.save()

        with receiving(is_working_changed, receive):
            connection.is_working = True
            connection.save()
            connection.is_working, connection.failure_reason = False, "gone"
            connection.save()
        assert seen == [(None, True), (True, False)]

    def test_a_receiver_that_raises_undoes_the_change(self, connection: DeviceConnection) -> None:
        def refuse(**kwargs: Any) -> None:
            raise LookupError

        connection.is_working = True
        with receiving(is_working_changed, refuse), pytest.raises(LookupError):
            connection.save()
        assert DeviceConnection.objects.get().is_working is None
        seen = []
        with receiving(is_working_changed, receive := lambda **kwargs: seen.append(kwargs["old_is_working"])):
            connection.save()
            connection.save()
        assert receive
        assert seen == [None]
        assert DeviceConnection.objects.get().is_working is True

    def test_a_receiver_that_raises_in_a_worker_stops_nobody(
        self, connection: DeviceConnection, committing: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with committing():
            get_user_model().objects.create_superuser("root", "root@example.org", "password")
        DeviceConnection.objects.update(is_working=True)
        seen = []

        def fail(**kwargs: Any) -> None:
            raise LookupError("no such thing")

        def follow(is_working: bool, **kwargs: Any) -> None:
            seen.append(is_working)

        with receiving(is_working_changed, fail), receiving(is_working_changed, follow), committing():
            attempts.store([attempts.Attempt(connection.pk, connection.device_id, "unreachable")])
        assert seen == [False]
        assert "test_a_receiver_that_raises_in_a_worker_stops_nobody" in caplog.text
        assert DeviceConnection.objects.get().failure_reason == "unreachable"
        assert Notification.objects.filter(type="connection_is_not_working").exists()


def test_what_is_sent_after_the_commit_by_workers_survives_a_receiver_that_raises(
    organization: Any, committing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    servers = [make.vpn(organization), make.vpn(organization, subnet=make.subnet(organization, "10.9.0.0/16"))]
    templates = [make.vpn_template(server, default=False) for server in servers]
    group = make.group(organization)
    configs = [make.config(make.device(organization, group=group)) for _ in range(2)]
    seen = []

    def fail(instance: Vpn, **kwargs: Any) -> None:
        seen.append(instance.pk)
        raise LookupError("no such thing")

    with receiving(signals.vpn_peers_changed, fail), committing():
        group.templates.set(templates)
    assert sorted(seen) == sorted(server.pk for server in servers)
    assert all(config.vpnclient_set.filter(ip__isnull=False).count() == 2 for config in configs)
    assert "no such thing" in caplog.text
    check_consistency()


def test_subnet_provisioned_is_sent_when_everything_is_stored(organization: Any, committing: Any) -> None:
    make.division_rule(make.subnet(organization))
    seen = []

    def receive(instance: Config, provisioned: dict[str, Any], **kwargs: Any) -> None:
        instance.save()
        instance.device.save()
        seen.append((len(provisioned["subnets"]), len(provisioned["ip_addresses"])))

    with receiving(subnet_provisioned, receive), committing():
        make.config(organization)
    assert seen == [(2, 4)]
    check_consistency()


def test_a_receiver_of_subnet_provisioned_that_raises_in_a_worker_stops_nobody(
    organization: Any, committing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    master = make.subnet(organization)
    configs = [make.config(organization) for _ in range(2)]
    seen = []

    def fail(**kwargs: Any) -> None:
        raise LookupError("no such thing")

    def follow(instance: Config, **kwargs: Any) -> None:
        seen.append(instance.pk)

    with receiving(subnet_provisioned, fail), receiving(subnet_provisioned, follow), committing():
        make.division_rule(master)
    assert sorted(seen) == sorted(config.pk for config in configs)
    assert "no such thing" in caplog.text
    check_consistency()
