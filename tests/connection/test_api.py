"""The REST interface: who may do what, what is shown, what is refused with which words."""

from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.connection import batches, execution, maintenance, worker
from openwisp_controller.connection.models import BatchCommand, Command, Credentials, DeviceConnection
from openwisp_controller.fleet.ssh import DeviceSshServer

from .. import factories as make
from ..ssh import PASSWORD, SshServers

pytestmark = pytest.mark.django_db
BASE = "/api/v1/controller"
OPENWRT = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"


@pytest.fixture
def connection(organization: Organization) -> DeviceConnection:
    return make.connection(make.config(make.device(organization, management_ip="127.0.0.1")))


def post(client: Client, path: str, data: Any) -> Any:
    return client.post(BASE + path, json.dumps(data), content_type="application/json")


def patch(client: Client, path: str, data: Any) -> Any:
    return client.patch(BASE + path, json.dumps(data), content_type="application/json")


def paths(connection: DeviceConnection, command: Command, batch: BatchCommand) -> dict[str, str]:
    device = f"/device/{connection.device_id}"
    return {
        "credentials": "/credential/", "credential": f"/credential/{connection.credentials_id}/",
        "connections": f"{device}/connection/", "connection": f"{device}/connection/{connection.pk}/",
        "commands": f"{device}/command/", "command": f"{device}/command/{command.pk}/",
        "batches": "/batch-command/", "batch": f"/batch-command/{batch.pk}/",
    }  # fmt: skip


def test_who_may_read(
    connection: DeviceConnection, organization: Organization, root: Client, administrator: Client, operator: Client,
    stranger: Client,
) -> None:  # fmt: skip
    command = Command.objects.bulk_create([Command(device=connection.device, type="reboot")])[0]
    batch = BatchCommand.objects.create(organization=organization, type="reboot", label="all")
    nobody = make.person("nobody", organization)
    member = make.person("member", organization, "Administrator", manages=False)
    for name, path in paths(connection, command, batch).items():
        lists = name in ("credentials", "batches")
        expected = {
            root: 200, administrator: 200, operator: 403 if name.startswith("cred") else 200,
            stranger: 200 if lists else 404, nobody: 403, member: 403, Client(): 401,
        }  # fmt: skip
        for client, status in expected.items():
            answer = client.get(BASE + path)
            assert answer.status_code == status, (name, status, answer.content)
            if client is stranger and lists:
                assert answer.json()["count"] == 0


class TestCredentials:
    data = {"name": "c", "connector": make.SSH, "params": {"username": "root", "password": "verysecret", "port": 22}}

    def test_create(self, administrator: Client, organization: Organization) -> None:
        answer = post(administrator, "/credential/", {**self.data, "organization": str(organization.pk)})
        assert answer.status_code == 201, answer.content
        assert set(answer.json()) == {
            "id", "connector", "name", "organization", "auto_add", "params", "created", "modified"
        }  # fmt: skip
        assert Credentials.objects.get().params == self.data["params"]

    def test_shared_ones_are_made_by_superusers_only(
        self, root: Client, administrator: Client, other: Organization
    ) -> None:
        assert post(root, "/credential/", self.data).status_code == 201
        for organization, text in (
            ({}, "This field is required."),
            ({"organization": None}, "This field may not be null."),
            ({"organization": str(other.pk)}, f'Invalid pk "{other.pk}" - object does not exist.'),
        ):
            answer = post(administrator, "/credential/", {**self.data, **organization})
            assert (answer.status_code, answer.json()) == (400, {"organization": [text]})

    def test_errors(self, root: Client, organization: Organization) -> None:
        data = {**self.data, "organization": str(organization.pk)}
        assert post(root, "/credential/", data).status_code == 201
        duplicate = post(root, "/credential/", data).json()
        assert duplicate == {"non_field_errors": ["The fields name, organization must make a unique set."]}
        for params, messages in (
            ({"username": "root"}, ["{'username': 'root'} is not valid under any of the given schemas"]),
            ({"username": "root", "password": "pw"}, ["'pw' is too short"]),
            ("x", ["'x' is not of type 'object'"]),
            (None, ["This field may not be null."]),
        ):
            answer = post(root, "/credential/", {**data, "name": "d", "params": params})
            assert (answer.status_code, answer.json()) == (400, {"params": messages})

    def test_secrets(self, administrator: Client, root: Client, organization: Organization) -> None:
        own, shared = make.credentials(organization), make.credentials(None)
        listed = administrator.get(f"{BASE}/credential/")
        assert listed.json()["count"] == 2
        assert PASSWORD not in listed.content.decode()
        assert PASSWORD not in root.get(f"{BASE}/credential/").content.decode()
        detail = administrator.get(f"{BASE}/credential/{shared.pk}/")
        assert detail.status_code == 200
        assert detail.json()["params"] == {"username": "root", "password": "********"}
        assert administrator.get(f"{BASE}/credential/{own.pk}/").json()["params"]["password"] == PASSWORD
        assert PASSWORD not in administrator.get(f"{BASE}/credential/{shared.pk}/?format=api").content.decode()
        assert patch(administrator, f"/credential/{shared.pk}/", {"name": "x"}).status_code == 403

    def test_a_mask_is_not_stored(self, administrator: Client, organization: Organization) -> None:
        own = make.credentials(organization)
        params = {"username": "admin", "password": "********"}
        assert patch(administrator, f"/credential/{own.pk}/", {"params": params}).status_code == 200
        assert Credentials.objects.get().params == {"username": "admin", "password": PASSWORD}


class TestConnections:
    def test_strategy_is_stored(self, administrator: Client, organization: Organization) -> None:
        device = make.config(organization).device
        credentials = make.credentials(None)
        answer = post(administrator, f"/device/{device.pk}/connection/", {"credentials": str(credentials.pk)})
        assert answer.status_code == 201, answer.content
        assert answer.json()["update_strategy"] == OPENWRT
        row = DeviceConnection.objects.get()
        assert row.update_strategy == OPENWRT
        path = f"/device/{device.pk}/connection/{row.pk}/"
        answer = patch(administrator, path, {"update_strategy": "", "failure_reason": "x", "enabled": False})
        assert answer.json()["update_strategy"] == OPENWRT
        row.refresh_from_db()
        assert (row.update_strategy, row.failure_reason, row.enabled) == (OPENWRT, "", False)
        assert administrator.delete(BASE + path).status_code == 204

    def test_errors(
        self, root: Client, administrator: Client, connection: DeviceConnection, other: Organization
    ) -> None:
        path = f"/device/{connection.device_id}/connection/"
        assert post(root, path, {}).json() == {"credentials": ["This field is required."]}
        duplicate = post(root, path, {"credentials": str(connection.credentials_id)}).json()
        assert duplicate == {"__all__": ["Device connection with this Device and Credentials already exists."]}
        foreign = str(make.credentials(other).pk)
        text = "The organization of these credentials doesn't match the organization of the device"
        assert post(root, path, {"credentials": foreign}).json() == {"credentials": [text]}
        text = f'Invalid pk "{foreign}" - object does not exist.'
        assert post(administrator, path, {"credentials": foreign}).json() == {"credentials": [text]}

    def test_two_requests_at_once(
        self, administrator: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = make.config(organization).device
        credentials = make.credentials(organization)
        DeviceConnection(device=device, credentials=credentials, update_strategy=OPENWRT).save()
        check, calls = DeviceConnection.full_clean, itertools.count()

        def too_early(self: DeviceConnection, *args: Any, **kwargs: Any) -> None:
            """Check before the other request stored its connection, and again after it did."""
            if next(calls):
                check(self, *args, **kwargs)

        monkeypatch.setattr(DeviceConnection, "full_clean", too_early)
        answer = post(administrator, f"/device/{device.pk}/connection/", {"credentials": str(credentials.pk)})
        assert answer.status_code == 400
        assert answer.json() == {"__all__": ["Device connection with this Device and Credentials already exists."]}

    def test_parents(self, administrator: Client, connection: DeviceConnection, organization: Organization) -> None:
        other_device = make.device(organization)
        answer = administrator.get(f"{BASE}/device/{other_device.pk}/connection/{connection.pk}/")
        assert (answer.status_code, answer.json()) == (
            404, {"detail": "No DeviceConnection matches the given query."}
        )  # fmt: skip
        for method in ("get", "post"):
            answer = getattr(administrator, method)(f"{BASE}/device/{uuid.uuid4()}/connection/")
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})

    def test_deactivated_devices_are_only_read(self, root: Client, connection: DeviceConnection) -> None:
        Device.objects.update(_is_deactivated=True)
        path = f"/device/{connection.device_id}/connection/{connection.pk}/"
        assert root.get(BASE + path).status_code == 200
        assert patch(root, path, {"enabled": False}).status_code == 403
        assert post(root, f"/device/{connection.device_id}/command/", {}).status_code == 403


class TestCommands:
    def path(self, connection: DeviceConnection) -> str:
        return f"/device/{connection.device_id}/command/"

    @pytest.mark.parametrize("input_", [
        {"password": "Geheim1", "confirm_password": "Geheim1", "more": "Geheim1"}, {"password": "Geheim1"}, "Geheim1",
        {"password": "Geheim1" * 9, "confirm_password": "Geheim1" * 9}, ["Geheim1"], {"confirm_password": "Geheim1"},
        {"password": ["Geheim1"], "confirm_password": {"a": "Geheim1"}},
        {"password": "Geheim1", "confirm_password": "Geheim2"},
        {"password": "Geheim1\n", "confirm_password": "Geheim1\n"},
    ])  # fmt: skip
    def test_refused_passwords_are_not_echoed(
        self, operator: Client, connection: DeviceConnection, input_: Any, caplog: Any
    ) -> None:
        answer = post(operator, self.path(connection), {"type": "change_password", "input": input_})
        assert answer.status_code == 400, answer.content
        assert list(answer.json()) == ["input"]
        assert "Geheim" not in answer.content.decode() + caplog.text

    def test_send(self, operator: Client, connection: DeviceConnection) -> None:
        data = {"type": "custom", "input": {"command": "uptime"}, "status": "success", "output": "forged"}
        answer = post(operator, self.path(connection), data)
        assert answer.status_code == 201, answer.content
        shown = answer.json()
        assert (shown["type"], shown["input"], shown["status"], shown["output"]) == (
            "Custom commands", "uptime", "in-progress", ""
        )  # fmt: skip
        assert shown["device"] == str(connection.device_id)
        assert shown["connection"] is None
        detail = f"{BASE}{self.path(connection)}{shown['id']}/"
        assert operator.get(detail).json() == shown
        for method in ("put", "patch", "delete"):
            assert getattr(operator, method)(detail).status_code in (403, 405)

    def test_result(self, operator: Client, organization: Organization, ssh: SshServers, committing: Any) -> None:
        face: DeviceSshServer = ssh.start()
        connection = make.reachable(organization, face)
        with committing():
            answer = post(operator, self.path(connection), {"type": "reboot", "input": None})
        shown = operator.get(f"{BASE}{self.path(connection)}{answer.json()['id']}/").json()
        assert (shown["status"], shown["type"], shown["input"]) == ("success", "Reboot", "")
        assert shown["connection"] == str(connection.pk)

    def test_passwords_are_never_shown(self, operator: Client, connection: DeviceConnection) -> None:
        value = {"password": "new-secret", "confirm_password": "new-secret"}
        answer = post(operator, self.path(connection), {"type": "change_password", "input": value})
        assert answer.status_code == 201
        assert answer.json()["input"] == "********"
        assert "new-secret" not in operator.get(BASE + self.path(connection)).content.decode()

    def test_errors(self, root: Client, connection: DeviceConnection, organization: Organization) -> None:
        path = self.path(connection)
        foreign = make.connection(make.config(organization))
        for data, errors in (
            ({"type": "reboot"}, {"input": ["This field is required."]}),
            ({"type": "zz", "input": None}, {"type": ['"zz" is not a valid choice.']}),
            ({"type": "custom", "input": {"command": ""}}, {"input": ["'' should be non-empty"]}),
            ({"type": "custom", "input": "ls"}, {"input": ["'ls' is not of type 'object'"]}),
            (
                {"type": "custom", "input": {"command": "\ud800"}},
                {"input": ["Incomplete characters (surrogates) are not allowed."]},
            ),
            ({"type": "custom", "input": {"command": "a\0"}}, {"input": ["Null characters are not allowed."]}),
            (
                {"type": "reboot", "input": None, "connection": str(foreign.pk)},
                {"connection": [f'Invalid pk "{foreign.pk}" - object does not exist.']},
            ),
        ):
            answer = post(root, path, data)
            assert (answer.status_code, answer.json()) == (400, errors)
        for text in ("aesgcm:00000000:AAAA", "aesgcm:x"):
            answer = post(root, path, {"type": "custom", "input": text})
            assert answer.json() == {"input": [f"'{text}' is not of type 'object'"]}
        bare = make.config(organization).device
        answer = post(root, f"/device/{bare.pk}/command/", {"type": "reboot", "input": None})
        assert answer.json() == {"device": ["Device has no credentials assigned."]}


HALF = {"detail": "Incomplete characters (surrogates) are not allowed."}


class TestHostileJson:
    def test_half_characters(self, root: Client, connection: DeviceConnection) -> None:
        device = f"/device/{connection.device_id}"
        for path, data, field in (
            ("/credential/", {"name": "x", "connector": "\ud800", "params": {}}, "connector"),
            (f"{device}/connection/", {"credentials": "\ud800"}, "credentials"),
            (f"{device}/command/", {"type": "\ud800", "input": None}, "type"),
            ("/batch-command/execute/", {"type": "reboot", "label": "\ud800"}, "label"),
        ):
            answer = post(root, path, data)
            assert (answer.status_code, answer.json()) == (400, {field: [HALF["detail"]]})
        for data in (["\ud800"], {"\ud800": "\ud800"}):
            answer = post(root, "/credential/", data)
            assert (answer.status_code, answer.json()) == (400, HALF)

    def test_endless_nesting(self, root: Client) -> None:
        deep = "[" * 100_000
        answers = [
            root.post(f"{BASE}/credential/", deep, content_type="application/json"),
            root.get(f"{BASE}/batch-command/execute/", {"type": "custom", "input": deep}),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()) == (400, {"detail": "The JSON is nested too deeply."})


class TestLostKey:
    """Credentials that were encrypted with a key that is gone spoil nothing but their own use."""

    OTHER = ("another-key-of-more-than-thirty-two-characters",)

    @pytest.fixture(autouse=True)
    def _lost(self, connection: DeviceConnection, settings: Any) -> None:
        self.former = settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = self.OTHER

    def test_connections(self, root: Client, connection: DeviceConnection, organization: Organization) -> None:
        device = make.config(organization).device
        answer = post(root, f"/device/{device.pk}/connection/", {"credentials": str(connection.credentials_id)})
        assert answer.status_code == 201, answer.content
        path = f"/device/{connection.device_id}/connection/{connection.pk}/"
        answer = patch(root, path, {"enabled": False})
        assert (answer.status_code, answer.json()["enabled"]) == (200, False)

    def test_credentials(self, root: Client, connection: DeviceConnection, settings: Any) -> None:
        path = f"/credential/{connection.credentials_id}/"
        assert patch(root, path, {"name": "renamed"}).status_code == 200
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = self.former
        assert root.get(BASE + path).json()["params"] == {"username": "root", "password": PASSWORD}, "still there"
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = self.OTHER
        fresh = {"username": "root", "password": "new-secret"}
        assert patch(root, path, {"params": fresh}).json()["params"] == fresh

    def test_stored_forms_are_no_input(self, root: Client) -> None:
        data = {"name": "x", "connector": make.SSH, "params": "aesgcm:00000000:AAAA"}
        answer = post(root, "/credential/", data)
        assert answer.json() == {"params": ["'aesgcm:00000000:AAAA' is not of type 'object'"]}


class TestMassCommands:
    @pytest.fixture
    def faces(self, organization: Organization, ssh: SshServers) -> list[DeviceSshServer]:
        faces = [ssh.start() for _ in range(3)]
        for number, face in enumerate(faces):
            make.reachable(organization, face, f"router-{number}")
        make.config(make.device(organization, "bare"))
        make.connection(make.config(make.organization("elsewhere")))
        return faces

    def data(self, organization: Organization, text: str = "uptime", **more: Any) -> dict[str, Any]:
        return {
            "organization": str(organization.pk), "type": "custom", "input": {"command": text}, "label": "look", **more,
        }  # fmt: skip

    def test_dry_run(self, operator: Client, organization: Organization, faces: list[DeviceSshServer]) -> None:
        query = {"organization": str(organization.pk), "type": "custom", "input": '{"command": "uptime"}'}
        answer = operator.get(f"{BASE}/batch-command/execute/", query)
        assert answer.status_code == 200, answer.content
        assert len(answer.json()["devices"]) == 4
        bare = Device.objects.get(name="bare")
        assert answer.json()["skipped"] == {str(bare.pk): ["Device has no credentials assigned."]}
        assert all(face.commands == [] for face in faces)
        answer = operator.get(f"{BASE}/batch-command/execute/", {**query, "input": "{}"})
        assert answer.json() == {"input": ["'command' is a required property"]}

    def test_execute(
        self, operator: Client, organization: Organization, faces: list[DeviceSshServer], committing: Any
    ) -> None:
        with committing():
            answer = post(operator, "/batch-command/execute/", self.data(organization))
        assert answer.status_code == 201, answer.content
        assert [face.commands for face in faces] == [["uptime"]] * 3
        shown = operator.get(f"{BASE}/batch-command/{answer.json()['batch']}/").json()
        assert shown["status"] == "success"
        assert shown["counts"] == {"total": 3, "successful": 3, "failed": 0, "skipped": 1}
        assert shown["device_count"] == len(shown["devices"]) == 4
        (command, *_) = Command.objects.all()
        path = f"{BASE}/device/{command.device_id}/command/{command.pk}/"
        assert operator.get(path).json()["batch_command"] == answer.json()["batch"]

    def test_failures_stop_it(
        self, operator: Client, organization: Organization, faces: list[DeviceSshServer], committing: Any, settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_BATCH_CONCURRENCY = 1
        data = self.data(organization, "exit 1", stop_after_failures=1)
        with committing():
            answer = post(operator, "/batch-command/execute/", data)
        shown = operator.get(f"{BASE}/batch-command/{answer.json()['batch']}/").json()
        assert shown["status"] == "failed"
        assert sum(len(face.commands) for face in faces) == 1
        assert Command.objects.filter(output__startswith="Not sent").count() == 2

    def test_cancel(self, operator: Client, organization: Organization, faces: list[DeviceSshServer]) -> None:
        answer = post(operator, "/batch-command/execute/", self.data(organization))
        batches.launch(answer.json()["batch"])
        path = f"/batch-command/{answer.json()['batch']}/"
        assert post(operator, f"{path}cancel/", {}).json()["status"] == "cancelled"
        worker.wake()
        assert all(face.commands == [] for face in faces)
        assert {command.output for command in Command.objects.all()} == {"Cancelled before it was sent.\n"}

    def test_what_is_cancelled_while_a_worker_claims_it_is_not_sent(
        self, operator: Client, organization: Organization, faces: list[DeviceSshServer]
    ) -> None:
        answer = post(operator, "/batch-command/execute/", self.data(organization))
        batches.launch(answer.json()["batch"])
        owner = uuid.uuid4()
        keys = [task.command_id for task in execution.claim(owner, 10)]
        BatchCommand.objects.update(status="cancelled")  # as a cancellation does that passed over locked rows
        assert execution.start(owner, keys) == set()
        assert {(command.status, command.output) for command in Command.objects.all()} == {
            ("failed", "Cancelled before it was sent.\n")
        }

    def test_devices_that_were_not_reached_yet_are_listed(
        self,
        operator: Client,
        organization: Organization,
        faces: list[DeviceSshServer],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(batches, "CHUNK", 2)
        answer = post(operator, "/batch-command/execute/", self.data(organization))
        batches._launch_chunk(answer.json()["batch"])
        shown = post(operator, f"/batch-command/{answer.json()['batch']}/cancel/", {}).json()
        sent = {str(command.device_id) for command in Command.objects.all()}
        assert sorted([*sent, *shown["skipped_devices"]]) == sorted(shown["devices"])
        assert ["Cancelled before it was sent."] in shown["skipped_devices"].values()

    def test_named_devices_are_looked_up_together(
        self, operator: Client, organization: Organization, django_assert_max_num_queries: Any
    ) -> None:
        devices = [make.config(organization).device for _ in range(30)]
        data = self.data(organization, devices=[str(device.pk) for device in devices])
        with django_assert_max_num_queries(25):
            answer = post(operator, "/batch-command/execute/", data)
        assert answer.status_code == 201, answer.content
        for value, error in (
            (["x"], ["“x” is not a valid UUID."]),
            ([{}], ["“{}” is not a valid UUID."]),
            ("x", ['Expected a list of items but got type "str".']),
        ):
            answer = post(operator, "/batch-command/execute/", {**data, "devices": value})
            assert (answer.status_code, answer.json()) == (400, {"devices": error})

    def test_organizations_decide_for_their_devices(
        self, root: Client, organization: Organization, faces: list[DeviceSshServer], settings: Any
    ) -> None:
        settings.OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS = {str(organization.pk): ("custom",)}
        data = {**self.data(organization), "organization": None}
        answer = post(root, "/batch-command/execute/", data)
        assert answer.status_code == 201, answer.content
        batches.launch(answer.json()["batch"])
        assert Command.objects.count() == 3
        elsewhere = Device.objects.get(organization__slug="elsewhere")
        reasons = BatchCommand.objects.get().skipped_devices[str(elsewhere.pk)]
        assert reasons == ['"custom" command is not available for this organization']
        answer = post(root, "/batch-command/execute/", {**data, "type": "reboot", "input": None})
        assert answer.json() == {"type": ['"reboot" command is not available for this organization']}

    def test_an_interrupted_start_is_gone_on_with(
        self,
        operator: Client,
        organization: Organization,
        faces: list[DeviceSshServer],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(batches, "CHUNK", 2)
        post(operator, "/batch-command/execute/", self.data(organization))
        batches._launch_chunk(BatchCommand.objects.get().pk)
        maintenance.reconcile()
        assert [face.commands for face in faces] == [["uptime"]] * 3
        assert BatchCommand.objects.get().status == "success"

    def test_passwords_are_never_shown(self, operator: Client, organization: Organization) -> None:
        make.connection(make.config(organization))
        value = {"password": "new-secret", "confirm_password": "new-secret"}
        data = {**self.data(organization), "type": "change_password", "input": value}
        answer = post(operator, "/batch-command/execute/", data)
        assert answer.status_code == 201, answer.content
        for path in ("/batch-command/", f"/batch-command/{answer.json()['batch']}/"):
            assert "new-secret" not in operator.get(BASE + path).content.decode()

    def test_errors(
        self, operator: Client, organization: Organization, other: Organization, connection: DeviceConnection
    ) -> None:
        path = "/batch-command/execute/"
        data = {name: value for name, value in self.data(organization).items() if name != "organization"}
        assert post(operator, path, data).json() == {
            "non_field_errors": ["Only superusers can execute batch commands without an organization."]
        }
        assert post(operator, path, {**data, "organization": None}).json() == {
            "organization": ["This field may not be null."]
        }
        foreign = make.device(other)
        answer = post(operator, path, self.data(organization, devices=[str(foreign.pk)]))
        assert answer.json() == {"devices": [f'Invalid pk "{foreign.pk}" - object does not exist.']}
        answer = post(operator, path, self.data(organization, group=str(make.group(organization).pk)))
        assert answer.json() == {"devices": ["No devices match the specified criteria."]}

    def test_devices_at_a_location(self, operator: Client, root: Client, organization: Organization) -> None:
        here, elsewhere = make.location(organization, "here"), make.location(make.organization("far"), "far")
        device = make.device(organization, "router")
        make.device(organization, "unplaced")
        make.position(device, here)
        path = f"{BASE}/batch-command/execute/"
        answer = operator.get(path, {"organization": str(organization.pk), "location": str(here.pk)})
        assert answer.json()["devices"] == [str(device.pk)]
        answer = post(operator, "/batch-command/execute/", self.data(organization, location=str(elsewhere.pk)))
        assert answer.json() == {"location": [f'Invalid pk "{elsewhere.pk}" - object does not exist.']}
        answer = post(root, "/batch-command/execute/", self.data(organization, location=str(elsewhere.pk)))
        assert "organization" in answer.json()["location"][0]
        data = {**self.data(organization, location=str(here.pk)), "organization": None}
        batch = post(root, "/batch-command/execute/", data).json()["batch"]
        shown = operator.get(f"{BASE}/batch-command/{batch}/").json()
        assert (shown["organization"], shown["location"]) == (str(organization.pk), str(here.pk))
        assert shown["devices"] == [str(device.pk)]
        here.delete()
        assert operator.get(f"{BASE}/batch-command/{batch}/").json()["location"] is None

    def test_it_cannot_be_edited(self, root: Client, organization: Organization) -> None:
        batch = BatchCommand.objects.create(organization=organization, type="reboot", label="x")
        for method in ("put", "patch", "delete"):
            assert getattr(root, method)(f"{BASE}/batch-command/{batch.pk}/").status_code == 405
