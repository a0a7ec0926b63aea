"""Connections of devices: validation, addresses, host keys, and the signal about their state."""

from __future__ import annotations

import io
from typing import Any

import asyncssh
import pytest
from django.core.exceptions import ValidationError
from openwisp_notifications.models import Notification

from openwisp_controller.config.models import Device
from openwisp_controller.config.notifications import server_call_failed
from openwisp_controller.connection import notifications
from openwisp_controller.connection.connectors.exceptions import CommandFailedException, CommandTimeoutException
from openwisp_controller.connection.connectors.openwrt.ssh import OpenWrt
from openwisp_controller.connection.exceptions import NoWorkingDeviceConnectionError
from openwisp_controller.connection.models import BatchCommand, Credentials, DeviceConnection, HostKey
from openwisp_controller.connection.signals import is_working_changed
from openwisp_controller.fleet.ssh import HUGE, DeviceSshServer, SshFault

from .. import factories as make
from ..ssh import SshServers

pytestmark = pytest.mark.django_db
OPENWRT = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"
AUTOMATIC = "the update strategy can be determined automatically only if the device has a configuration"


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(organization: Any, face: DeviceSshServer) -> DeviceConnection:
    made = make.reachable(organization, face, "router")
    return DeviceConnection.objects.get(pk=made.pk)


@pytest.fixture
def changes() -> Any:
    seen: list[tuple[Any, ...]] = []

    def receive(sender: Any, instance: Any, is_working: Any, old_is_working: Any, failure_reason: str,
                old_failure_reason: str, **kwargs: Any) -> None:  # fmt: skip
        assert sender is DeviceConnection
        seen.append((old_is_working, is_working, old_failure_reason, failure_reason))

    is_working_changed.connect(receive)
    yield seen
    is_working_changed.disconnect(receive)


class TestValidation:
    def test_strategy_is_inferred(self, organization: Any) -> None:
        assert make.connection(make.config(organization)).update_strategy == OPENWRT

    def test_strategy_needs_a_configuration(self, organization: Any) -> None:
        (message,) = errors(DeviceConnection(device=make.device(organization), credentials=make.credentials()))[
            "update_strategy"
        ]
        assert message.startswith(AUTOMATIC)

    def test_snmp_needs_no_strategy(self, organization: Any) -> None:
        snmp = Credentials(
            name="snmp",
            connector="openwisp_controller.connection.connectors.airos.snmp.AirOsSnmp",
            params={"community": "public", "agent": "x"},
        )
        snmp.save()
        assert errors(DeviceConnection(device=make.device(organization), credentials=snmp)) == {}

    def test_unmapped_backend(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONFIG_UPDATE_MAPPING = {}
        config = make.config(organization)
        (message,) = errors(DeviceConnection(device=config.device, credentials=make.credentials()))["update_strategy"]
        assert message.startswith("could not determine update strategy  automatically, exception: ")

    def test_foreign_credentials(self, organization: Any) -> None:
        foreign = make.credentials(make.organization("other"))
        found = errors(DeviceConnection(device=make.config(organization).device, credentials=foreign))
        assert found == {
            "credentials": ["The organization of these credentials doesn't match the organization of the device"]
        }

    def test_twice(self, connection: DeviceConnection) -> None:
        again = DeviceConnection(device=connection.device, credentials=connection.credentials)
        text = "Device connection with this Device and Credentials already exists."
        assert errors(again) == {"__all__": [text]}

    def test_local_parameters_win_and_are_checked(self, connection: DeviceConnection) -> None:
        connection.params = {"port": 70000}
        assert errors(connection) == {"params": ["70000 is greater than the maximum of 65535"]}
        connection.params = {"port": 2222}
        assert connection.get_params()["port"] == 2222


def errors(connection: DeviceConnection) -> dict[str, list[str]]:
    try:
        connection.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


class TestConnecting:
    def test_commands(self, connection: DeviceConnection, face: DeviceSshServer) -> None:
        assert connection.connect() is True
        connector = connection.connector_instance
        assert connector.is_connected
        assert connector.exec_command("echo hello") == ("hello\n", 0)
        assert connector.exec_command("exit 3", raise_unexpected_exit=False) == ("", 3)
        assert connector.exec_command("exit 3", exit_codes=(3,)) == ("", 3)
        assert connector.exec_command("nonsense", raise_unexpected_exit=False) == ("\nsh: nonsense: not found\n", 127)
        with pytest.raises(CommandFailedException, match="Unexpected exit code: 2"):
            connector.exec_command("exit 2")
        with pytest.raises(CommandFailedException, match="sh: nonsense: not found"):
            connector.exec_command("nonsense")
        with pytest.raises(CommandTimeoutException, match=r"Command timed out after 0\.2 seconds\."):
            connector.exec_command("sleep 3600", timeout=0.2)
        connector.upload(io.BytesIO(b"content"), "/tmp/a-file")
        assert face.files == {"/tmp/a-file": b"content"}
        connection.disconnect()
        assert not connector.is_connected

    def test_large_outputs_do_not_stall(
        self, connection: DeviceConnection, face: DeviceSshServer, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_COMMAND_OUTPUT_LIMIT = 1000
        face.fault = SshFault.HUGE_OUTPUT
        connection.connect()
        output, status = connection.connector_instance.exec_command("echo end")
        assert status == 0
        assert output.endswith("\n[output truncated]\n")
        assert len(output) < 1100 < HUGE

    def test_an_interrupted_command_has_no_status(self, connection: DeviceConnection, face: DeviceSshServer) -> None:
        face.fault = SshFault.DROPPED
        connection.connect()
        output, status = connection.connector_instance.exec_command("echo", raise_unexpected_exit=False)
        assert (output, status) == ("this was printed before", -1)

    def test_refused(self, connection: DeviceConnection, ssh: SshServers, face: DeviceSshServer) -> None:
        ssh.stop(face)
        assert connection.connect() is False
        assert connection.failure_reason == f"[Errno None] Unable to connect to port {face.port} on 127.0.0.1"

    def test_wrong_password(self, connection: DeviceConnection, face: DeviceSshServer) -> None:
        face.fault = SshFault.WRONG_PASSWORD
        assert connection.connect() is False
        assert connection.failure_reason == "Authentication failed."

    def test_silence(self, connection: DeviceConnection, face: DeviceSshServer, settings: Any) -> None:
        settings.OPENWISP_SSH_BANNER_TIMEOUT = 0.2
        face.fault = SshFault.HANGING
        assert connection.connect() is False
        assert connection.failure_reason == "Error reading SSH protocol banner: timed out"

    def test_no_address(self, connection: DeviceConnection) -> None:
        connection.device.management_ip = None
        connection.device.last_ip = "127.0.0.1"
        assert connection.connect() is False
        assert connection.failure_reason == "No valid IP addresses to initiate connections found"

    def test_the_last_known_address_is_tried_where_that_is_wanted(
        self, connection: DeviceConnection, settings: Any
    ) -> None:
        connection.device.management_ip, connection.device.last_ip = "127.0.0.99", "127.0.0.1"
        settings.OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLY = False
        assert connection.get_addresses() == ["127.0.0.99", "127.0.0.1"]
        assert connection.connect() is True

    @pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ssh-rsa"])
    def test_private_keys(self, organization: Any, ssh: SshServers, algorithm: str) -> None:
        key = asyncssh.generate_private_key(algorithm, **({"key_size": 2048} if algorithm == "ssh-rsa" else {}))
        face = ssh.start(authorized=key.export_public_key().decode())
        device = make.config(make.device(organization, management_ip="127.0.0.1")).device
        credentials = Credentials(
            organization=organization, name="key", connector=make.SSH,
            params={"username": "root", "key": key.export_private_key().decode(), "port": face.port},
        )  # fmt: skip
        credentials.full_clean()
        credentials.save()
        assert make.connection(device, credentials).connect() is True

    def test_deactivated(self, connection: DeviceConnection, face: DeviceSshServer) -> None:
        Device.objects.filter(pk=connection.device_id).update(_is_deactivated=True)
        connection.device.config.delete()
        fresh = DeviceConnection.objects.get(pk=connection.pk)
        assert fresh.connect() is False
        fresh.refresh_from_db()
        assert (fresh.is_working, fresh.failure_reason) == (False, "Device is deactivated")
        assert fresh.last_attempt is not None
        assert face.commands == []

    def test_lost_key(self, connection: DeviceConnection, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = ["another-key-of-more-than-thirty-two-characters"]
        fresh = DeviceConnection.objects.get(pk=connection.pk)
        assert fresh.connect() is False
        assert "not among the configured ones" in DeviceConnection.objects.get(pk=connection.pk).failure_reason

    def test_a_deleted_row_stays_deleted(self, connection: DeviceConnection) -> None:
        DeviceConnection.objects.filter(pk=connection.pk).delete()
        assert connection.connect() is True
        assert not DeviceConnection.objects.exists()

    def test_nobody_to_ask(self, organization: Any) -> None:
        with pytest.raises(NoWorkingDeviceConnectionError) as caught:
            DeviceConnection.get_working_connection(make.device(organization))
        assert caught.value.connection is None


class TestHostKeys:
    def test_the_first_one_is_remembered(self, connection: DeviceConnection, face: DeviceSshServer) -> None:
        connection.connect()
        assert HostKey.objects.get().key == face.host_key

    def test_another_one_is_refused_and_announced(
        self, connection: DeviceConnection, face: DeviceSshServer, committing: Any, django_user_model: Any
    ) -> None:
        with committing():
            django_user_model.objects.create_superuser("root", "root@example.org", "x")
        connection.connect()
        face.fault = SshFault.CHANGED_KEY
        again = DeviceConnection.objects.get(pk=connection.pk)
        with committing():
            assert again.connect() is False
        assert again.failure_reason.startswith("The host key of the device changed: expected SHA256:")
        assert face.commands == [], "nothing, least of all the password, went to the impostor"
        host_key = HostKey.objects.get()
        assert host_key.key == face.host_key
        assert host_key.refused_fingerprint.startswith("SHA256:")
        types = set(Notification.objects.values_list("type", flat=True))
        assert types == {"generic_message", "connection_is_not_working"}
        host_key.accept()
        assert DeviceConnection.objects.get(pk=connection.pk).connect() is True

    def test_strict(self, connection: DeviceConnection, face: DeviceSshServer, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_SSH_HOST_KEYS = "strict"
        assert connection.connect() is False
        assert "has not been accepted yet" in connection.failure_reason
        HostKey.objects.get().accept()
        assert HostKey.objects.get().key == face.host_key
        assert DeviceConnection.objects.get(pk=connection.pk).connect() is True

    def test_off(self, connection: DeviceConnection, face: DeviceSshServer, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_SSH_HOST_KEYS = "off"
        connection.connect()
        face.replace_host_key()
        assert DeviceConnection.objects.get(pk=connection.pk).connect() is True
        assert not HostKey.objects.exists()


class TestOtherOrganizations:
    """Credentials of one organization are never given to a device of another."""

    def test_the_address_of_anothers_device(
        self, connection: DeviceConnection, face: DeviceSshServer, other: Any, settings: Any
    ) -> None:
        make.device(other, "theirs", management_ip="127.0.0.1")
        assert connection.connect() is False
        assert connection.failure_reason.startswith(
            "The management address is that of a device of another organization"
        )
        assert face.logins == 0
        settings.OPENWISP_CONTROLLER_SHARED_MANAGEMENT_IP_ADDRESS_SPACE = False
        assert DeviceConnection.objects.get(pk=connection.pk).connect() is True

    def test_the_host_key_of_anothers_device(
        self, connection: DeviceConnection, face: DeviceSshServer, other: Any
    ) -> None:
        """What answers is their router, at an address that nobody knew: it gets no password."""
        HostKey.objects.create(device=make.device(other, "theirs"), key=f"{face.host_key} a comment")
        assert connection.connect() is False
        assert "is that of a device of another organization" in connection.failure_reason
        assert "theirs" not in connection.failure_reason
        assert face.logins == 0
        assert HostKey.objects.filter(device=connection.device, key="").exists()

    def test_the_host_key_of_another_device_of_ours(
        self, connection: DeviceConnection, face: DeviceSshServer, organization: Any
    ) -> None:
        HostKey.objects.create(device=make.device(organization), key=face.host_key)
        assert connection.connect() is True

    def test_pushes(self, connection: DeviceConnection, face: DeviceSshServer, other: Any, committing: Any) -> None:
        HostKey.objects.create(device=make.device(other, "theirs"), key=face.host_key)
        with committing():
            config = connection.device.config
            config.config = {"general": {"description": "edited"}}
            config.save()
        assert face.logins == 0
        connection.refresh_from_db()
        assert "is that of a device of another organization" in connection.failure_reason


class TestSignal:
    def test_transitions(self, connection: DeviceConnection, changes: Any) -> None:
        for value, reason in ((True, ""), (False, "boom"), (False, "other"), (False, "other"), (True, ""), (None, "")):
            connection.is_working, connection.failure_reason = value, reason
            connection.save()
        assert changes == [
            (None, True, "", ""), (True, False, "", "boom"), (False, True, "other", ""), (True, None, "", ""),
        ]  # fmt: skip

    def test_not_on_creation(self, organization: Any, changes: Any) -> None:
        credentials = make.credentials(organization)
        row = DeviceConnection(device=make.config(organization).device, credentials=credentials, is_working=True)
        row.is_working = False
        row.save()
        assert changes == []

    def test_not_while_deactivated(self, connection: DeviceConnection, changes: Any) -> None:
        Device.objects.filter(pk=connection.device_id).update(_is_deactivated=True)
        connection.device.config.delete()
        fresh = DeviceConnection.objects.get(pk=connection.pk)
        fresh.is_working = True
        fresh.save()
        assert changes == []
        assert DeviceConnection.objects.get(pk=connection.pk).is_working is True

    def test_only_what_is_stored(self, connection: DeviceConnection, changes: Any) -> None:
        connection.is_working = True
        connection.save(update_fields=["enabled"])
        assert changes == []
        connection.save()
        assert changes == [(None, True, "", "")], "it was stored only now"

    def test_of_an_instance_that_was_loaded_in_part(self, connection: DeviceConnection, changes: Any) -> None:
        DeviceConnection.objects.update(is_working=True)
        partial = DeviceConnection.objects.only("device").get()
        partial.is_working = True
        partial.save()
        assert changes == [], "it was True already"
        partial = DeviceConnection.objects.defer("failure_reason", "params").get()
        partial.is_working = False
        assert (partial.failure_reason, partial.params) == ("", {}), "which loads them"
        partial.failure_reason = "boom"
        partial.save()
        partial = DeviceConnection.objects.only("device").get()
        partial.is_working, partial.failure_reason = True, ""
        partial.save()
        assert changes == [(True, False, "", "boom"), (False, True, "boom", "")]


class TestNotifications:
    @pytest.fixture(autouse=True)
    def _somebody(self, organization: Any, django_user_model: Any, committing: Any) -> None:
        with committing():
            django_user_model.objects.create_superuser("root", "root@example.org", "x")

    def change(self, connection: DeviceConnection, committing: Any, value: Any, reason: str = "") -> list[str]:
        Notification.objects.all().delete()
        connection.is_working, connection.failure_reason = value, reason
        with committing():
            connection.save()
        return [notification.message for notification in Notification.objects.all()]

    def test_problem_and_recovery(self, connection: DeviceConnection, committing: Any) -> None:
        assert self.change(connection, committing, True) == []
        (problem,) = self.change(connection, committing, False, "timed out")
        assert "router" in problem
        assert "is not working. timed out" in problem
        (recovery,) = self.change(connection, committing, True)
        assert "is working." in recovery
        assert self.change(connection, committing, None) == []

    HOSTILE = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) {notification.pk}"
    SHOWN = "&lt;img src=x onerror=alert(1)&gt; [a]&#40;javascript:alert(1)) &#123;notification.pk&#125;"

    def test_reasons_and_names_are_text(self, connection: DeviceConnection, committing: Any) -> None:
        Credentials.objects.update(name=self.HOSTILE[:64])
        connection.refresh_from_db()
        (problem,) = self.change(connection, committing, False, self.HOSTILE)
        assert problem.startswith(f"<p>{self.SHOWN[:45]}")
        assert problem.endswith(f"is not working. {self.SHOWN}</p>")

    def test_labels_of_mass_commands_are_text(self, organization: Any, committing: Any) -> None:
        batch = BatchCommand.objects.create(organization=organization, type="reboot", label=self.HOSTILE[:64])
        with committing():
            notifications.batch_finished(str(batch.pk))
        message = Notification.objects.get().message
        assert 'The mass command "&lt;img src=x onerror=alert(1)&gt; [a]&#40;' in message

    def test_names_of_vpn_servers_are_text(self, organization: Any, committing: Any) -> None:
        server = make.vpn(organization, name=self.HOSTILE[:64])
        with committing():
            server_call_failed(str(server.pk), "update", "500", self.HOSTILE)
        notification = Notification.objects.get()
        assert "&lt;img src=x onerror=alert(1)&gt; [a]&#40;" in notification.message
        assert notification.rendered_description == f"<p>{self.SHOWN}</p>"

    def test_ignored_reasons(self, connection: DeviceConnection, committing: Any) -> None:
        from django.apps import apps

        ignored = apps.get_app_config("connection")._ignore_connection_notification_reasons
        ignored.append("upgrading")
        try:
            assert self.change(connection, committing, False, "it is upgrading") == []
            assert self.change(connection, committing, True) == []
        finally:
            ignored.clear()


class ThirdParty(OpenWrt):
    """A connector as others write them: synchronous."""

    def update_config(self) -> None:
        self.exec_command("echo third party")


def test_connectors_with_only_the_synchronous_interface(
    connection: DeviceConnection, face: DeviceSshServer, settings: Any
) -> None:
    from openwisp_controller.connection import push, worker

    path = f"{__name__}.ThirdParty"
    settings.OPENWISP_UPDATE_STRATEGIES = ((path, "third"),)
    DeviceConnection.objects.update(update_strategy=path)
    push.request([connection.device_id])
    worker.wake()
    assert face.commands == ["echo third party"]
