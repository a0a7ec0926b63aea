"""Commands: what is accepted, what devices get, what is kept of it, and that none is ever sent twice."""

from __future__ import annotations

import shlex
import uuid
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.utils import timezone

from openwisp_controller.config.models import Device
from openwisp_controller.connection import commands, execution, maintenance, push
from openwisp_controller.connection.models import Command, Credentials, DeviceConnection, Push
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from .. import factories as make
from ..ssh import SshServers

pytestmark = pytest.mark.django_db
PASSWORDS = {"password": "new-Secret'$(reboot)`x`\"", "confirm_password": "new-Secret'$(reboot)`x`\""}


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(organization: Any, face: DeviceSshServer) -> DeviceConnection:
    return make.reachable(organization, face, "router")


@pytest.fixture
def send(connection: DeviceConnection, committing: Any) -> Any:
    def send(type_: str = "custom", value: Any = None, **fields: Any) -> Command:
        with committing():
            command = Command(device=connection.device, type=type_, input=value, **fields)
            command.save()
        return Command.objects.get(pk=command.pk)

    return send


def custom(text: str) -> dict[str, str]:
    return {"command": text}


#: When the claim of a killed worker ends, from now: it ran out, or the clock of the database was set back.
ENDS = [timedelta(seconds=-1), timedelta(hours=1)]


class TestRunning:
    def test_success(self, send: Any, connection: DeviceConnection, face: DeviceSshServer) -> None:
        command = send("custom", custom("echo hello"))
        assert (command.status, command.output) == ("success", "hello\n")
        assert command.connection == connection
        assert face.commands == ["echo hello"]
        assert DeviceConnection.objects.get().is_working is True

    def test_failure(self, send: Any) -> None:
        command = send("custom", custom("exit 3"))
        assert command.status == "failed"
        assert command.output == 'Command "exit 3" returned non-zero exit code: 3\n'

    def test_reboot_breaks_the_connection(self, send: Any) -> None:
        assert send("reboot").status == "success"

    def test_password_change_is_quoted_by_construction_and_masked(
        self, send: Any, face: DeviceSshServer, caplog: Any
    ) -> None:
        caplog.set_level("INFO")
        command = send("change_password", PASSWORDS)
        assert command.status == "success", command.output
        assert face.password == PASSWORDS["password"]
        assert face.commands == ["passwd root"]
        assert command.input == {"password": "********"}
        assert PASSWORDS["password"] not in caplog.text

    def test_failed_password_change_is_masked(self, send: Any, face: DeviceSshServer) -> None:
        face.fault = SshFault.WRONG_PASSWORD
        command = send("change_password", PASSWORDS)
        assert (command.status, command.output) == ("failed", "Authentication failed.")
        assert command.input == {"password": "********"}

    def test_unreachable(self, send: Any, ssh: SshServers, face: DeviceSshServer) -> None:
        ssh.stop(face)
        command = send("custom", custom("uptime"))
        assert command.status == "failed"
        assert command.output == f"[Errno None] Unable to connect to port {face.port} on 127.0.0.1"
        assert command.connection == DeviceConnection.objects.get(is_working=False)

    def test_time_limit(self, send: Any, settings: Any) -> None:
        settings.OPENWISP_SSH_COMMAND_TIMEOUT = 0.2
        command = send("custom", custom("sleep 3600"))
        assert command.status == "failed"
        assert command.output == "The command took longer than expected: Command timed out after 0.2 seconds.\n"

    def test_interrupted(self, send: Any, face: DeviceSshServer) -> None:
        face.fault = SshFault.DROPPED
        command = send("custom", custom("uptime"))
        assert command.status == "failed"
        assert command.output.startswith("this was printed before\n")
        assert command.output.endswith("returned non-zero exit code: -1\n")

    def test_outputs_are_bounded(self, send: Any, face: DeviceSshServer, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_COMMAND_OUTPUT_LIMIT = 500
        face.fault = SshFault.HUGE_OUTPUT
        command = send("custom", custom("echo end"))
        assert command.status == "success"
        assert command.output == "x" * 500 + "\n[output truncated]\n"

    def test_chosen_connection_is_used_even_if_disabled(self, send: Any, connection: DeviceConnection) -> None:
        DeviceConnection.objects.update(enabled=False)
        assert send("custom", custom("uptime")).output == (
            "The device has no enabled connection over which this could be done.\n"
        )
        assert send("custom", custom("uptime"), connection=connection).status == "success"

    def test_output_is_text(self, send: Any) -> None:
        assert send("custom", custom("echo \x01<b>✓</b>")).output == "\x01<b>✓</b>\n"

    def test_text(self, send: Any) -> None:
        command = send("custom", custom("echo " + "long " * 20))
        assert str(command).startswith("«echo long long long long long lo…» sent on ")
        command.input = custom("x" * 33)
        assert str(command).startswith(f"«{'x' * 32}…» sent on ")
        command.input = custom("x" * 32)
        assert str(command).startswith(f"«{'x' * 32}» sent on ")


class TestValidation:
    @pytest.mark.parametrize(
        ("type_", "value", "message"),
        [
            ("custom", None, "None is not of type 'object'"),
            ("custom", {}, "'command' is a required property"),
            ("custom", {"command": ""}, "'' should be non-empty"),
            ("custom", {"command": "\n"}, "'\\n' does not match '.'"),
            ("custom", {"command": "x", "y": 1}, "Additional properties are not allowed ('y' was unexpected)"),
            ("reboot", {"a": 1}, "{'a': 1} is not of type 'null'"),
            ("change_password", {"password": "a", "confirm_password": "a"}, "'********' is too short"),
            ("change_password", {"password": "secret1", "confirm_password": "secret2"},
             "The two passwords are not the same."),
            ("change_password", {"password": "secret\n1", "confirm_password": "secret\n1"},
             "A password must not contain line breaks or other control characters."),
            ("nope", None, '"nope" command is not available for this organization'),
        ],
    )  # fmt: skip
    def test_input(self, send: Any, type_: str, value: Any, message: str) -> None:
        with pytest.raises(ValidationError) as caught:
            send(type_, value)
        assert caught.value.message_dict["input"] == [message]

    def test_without_credentials(self, organization: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            Command(device=make.config(organization).device, type="reboot").save()
        assert caught.value.message_dict == {"device": ["Device has no credentials assigned."]}

    def test_deactivated(self, connection: DeviceConnection, send: Any) -> None:
        waiting = Command(device=connection.device, type="custom", input=custom("uptime"))
        waiting.save()
        connection.device.config.delete()
        Device.objects.update(_is_deactivated=True)
        connection.device = Device.objects.get()
        with pytest.raises(ValidationError) as caught:
            send("reboot")
        assert caught.value.message_dict == {"device": ["Device is deactivated."]}
        run()
        waiting.refresh_from_db()
        assert (waiting.status, waiting.output) == ("failed", "Device is deactivated.\n")

    def test_allow_lists(self, send: Any, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS = {str(organization.pk): ("reboot",)}
        assert commands.allowed_commands(organization.pk) == [("reboot", "Reboot")]
        assert commands.allowed_commands(uuid.uuid4()) == []
        with pytest.raises(ValidationError):
            send("custom", custom("uptime"))

    def test_unknown_names_in_allow_lists_are_reported(self, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS = {"__all__": ("nope",)}
        with pytest.raises(SystemCheckError, match="unknown commands: nope"):
            call_command("check")


class TestRegistry:
    @pytest.fixture(autouse=True)
    def _restore(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(commands, "COMMANDS", dict(commands.COMMANDS))

    def test_user_command(self, send: Any, face: DeviceSshServer) -> None:
        schema = {
            "type": "object",
            "properties": {"text": {"type": "string"}, "pin": {"type": "string", "format": "password"}},
        }
        commands.register_command("say", {"label": "Say", "schema": schema, "callable": say})
        command = send("say", {"text": "hello", "pin": "1234567"})
        assert command.output == "hello ********\n"
        assert command.input == {"text": "hello", "pin": "********"}
        assert command.input_text == "hello, ********"
        assert face.commands == ["echo hello 1234567"]

    SECRETS: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["pin"],
        "properties": {
            "user": {"type": "string"},
            "pin": {"$ref": "#/definitions/secret"},
            "login": {"type": "object", "properties": {"key": {"type": "string", "format": "password"}}},
            "more": {"type": "array", "items": {"oneOf": [{"type": "null"}, {"$ref": "#/definitions/secret"}]}},
        },
        "definitions": {"secret": {"type": "string", "format": "password"}},
    }

    def test_secrets_are_found_wherever_the_schema_says_so(self, send: Any, face: DeviceSshServer, caplog: Any) -> None:
        caplog.set_level("DEBUG")
        commands.register_command("login", {"label": "Log in", "schema": self.SECRETS, "callable": echo})
        secret = "it's-Secret"
        value = {"user": "root", "pin": secret, "login": {"key": f"2{secret}"}, "more": [None, f"3{secret}"]}
        command = send("login", value)
        assert face.commands == [f"echo {shlex.quote(str(value))}"]
        assert command.input == {
            "user": "root", "pin": "********", "login": {"key": "********"}, "more": [None, "********"],
        }  # fmt: skip
        for text in (command.output, command.input_text, caplog.text):
            assert "Secret" not in text
        assert "Executing command: Log in" in caplog.text

    def test_errors_show_no_secrets(self, send: Any, caplog: Any) -> None:
        commands.register_command("login", {"label": "Log in", "schema": self.SECRETS, "callable": fail})
        command = send("login", {"pin": "my-Secret"})
        assert command.output == "Internal system error: cannot use ********\n"
        assert f"executing command {command.pk}: ValueError: cannot use ********" in caplog.text
        assert "my-Secret" not in caplog.text

    def test_commands_that_are_not_registered_any_more(self, connection: DeviceConnection) -> None:
        commands.register_command("login", {"label": "Log in", "schema": self.SECRETS, "callable": echo})
        command = Command(device=connection.device, type="login", input={"pin": "my-Secret", "login": {"key": "x"}})
        command.save()
        commands.unregister_command("login")
        assert command.input_text == "********, {'key': '********'}"
        run()
        command.refresh_from_db()
        assert (command.status, command.output) == ("failed", "Internal system error: No such Command, login\n")
        assert command.input == {"pin": "********", "login": {"key": "********"}}

    def test_callables_by_path_and_without_input(self, send: Any) -> None:
        commands.register_command("up", {"label": "Up", "schema": None, "callable": f"{__name__}.uptime"})
        assert "load average" in send("up").output

    def test_a_callable_that_raises(self, send: Any) -> None:
        commands.register_command("bad", {"label": "Bad", "schema": None, "callable": lambda: 1 / 0})
        command = send("bad")
        assert (command.status, command.output) == ("failed", "Internal system error: division by zero\n")

    @pytest.mark.parametrize(
        ("name", "config", "message"),
        [
            (1, {}, "Command name should be type `str`."),
            ("x", [], "Command configuration should be type `dict`."),
            ("custom", {}, "custom is an already registered Command."),
        ],
    )
    def test_mistakes(self, name: Any, config: Any, message: str) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            commands.register_command(name, config)
        assert str(caught.value) == message

    def test_unregister(self) -> None:
        commands.unregister_command("reboot")
        assert not commands.is_allowed("reboot", None)
        with pytest.raises(ImproperlyConfigured, match="No such Command, reboot"):
            commands.unregister_command("reboot")


def say(text: str, pin: str) -> str:
    return f"echo {text} {pin}"


def echo(**values: Any) -> str:
    return f"echo {shlex.quote(str(values))}"


def fail(**values: Any) -> str:
    raise ValueError(f"cannot use {values['pin']}")


def uptime() -> str:
    return "uptime"


class TestOnce:
    @pytest.fixture
    def waiting(self, connection: DeviceConnection) -> Command:
        command = Command(device=connection.device, type="custom", input=custom("echo once"))
        command.save()
        return command

    @pytest.mark.parametrize("ends", ENDS, ids=["ran out", "clock was set back"])
    def test_a_worker_killed_before_the_start_is_succeeded(
        self, waiting: Command, face: DeviceSshServer, ends: timedelta
    ) -> None:
        execution.claim(uuid.uuid4(), 10)
        run()
        assert face.commands == []
        Command.objects.update(claimed_until=timezone.now() + ends)
        maintenance.reconcile()
        waiting.refresh_from_db()
        assert (waiting.status, waiting.output) == ("success", "once\n")

    @pytest.mark.parametrize("ends", ENDS, ids=["ran out", "clock was set back"])
    def test_a_worker_killed_after_the_start_is_not(
        self, waiting: Command, face: DeviceSshServer, ends: timedelta
    ) -> None:
        dead = uuid.uuid4()
        (task,) = execution.claim(dead, 10)
        assert execution.start(dead, [waiting.pk]) == {waiting.pk}
        Command.objects.update(claimed_until=timezone.now() + ends)
        maintenance.reconcile()
        waiting.refresh_from_db()
        assert waiting.status == "failed"
        assert "was interrupted" in waiting.output
        assert face.commands == []
        # it was not dead after all, only slow
        execution.store(dead, [execution.completed_outcome(execution.CommandOutcome(task), "once", 0)])
        waiting.refresh_from_db()
        assert (waiting.status, waiting.output) == ("success", "once\n")

    def test_a_command_deleted_meanwhile_is_not_sent(self, waiting: Command, face: DeviceSshServer) -> None:
        owner = uuid.uuid4()
        execution.claim(owner, 10)
        waiting.delete()
        assert execution.start(owner, [waiting.pk]) == set()

    def test_an_ending_that_cannot_be_stored_leaves_nothing_in_progress(
        self, waiting: Command, connection: DeviceConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any) -> None:
            raise ValueError

        monkeypatch.setattr(execution, "store", fail)
        push.request([connection.device_id])
        run()
        maintenance.reconcile()
        waiting.refresh_from_db()
        assert waiting.status == "failed"
        assert "was interrupted" in waiting.output
        assert (Push.objects.get().claim, Push.objects.get().attempts) == (None, 1)

    def test_finished_commands_are_not_run_again(self, send: Any) -> None:
        command = send("custom", custom("uptime"))
        with pytest.raises(RuntimeError, match="already been executed, please create a new one"):
            command.execute()

    def test_execute(self, waiting: Command) -> None:
        waiting.execute()
        assert waiting.output == "once\n"

    def test_execute_over_a_chosen_connection(self, waiting: Command, connection: DeviceConnection) -> None:
        waiting.connection = DeviceConnection.objects.get(pk=connection.pk)
        waiting.save()
        Command.objects.get().execute()
        assert Command.objects.get().output == "once\n"

    def test_one_that_cannot_be_prepared_stops_no_other(self, waiting: Command, connection: DeviceConnection) -> None:
        gone = make.connection(connection.device)
        Credentials.objects.filter(pk=gone.credentials_id).update(connector="gone.away.Connector")
        bad = Command(device=connection.device, type="reboot", connection=gone)
        bad.save()
        run()
        bad.refresh_from_db()
        waiting.refresh_from_db()
        assert (bad.status, bad.output) == ("failed", "Internal system error: No module named 'gone'\n")
        assert waiting.status == "success"


def run() -> None:
    from openwisp_controller.connection import worker

    worker.wake()
