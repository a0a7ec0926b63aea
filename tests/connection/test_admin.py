"""The administration pages: who may see and do what."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import pytest
import reversion
from django.test import Client
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.config.models import Device
from openwisp_controller.connection.models import BatchCommand, Command, DeviceConnection, HostKey, Push
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from .. import factories as make
from ..http.forms import form_of
from ..http.test_admin import device_form
from ..ssh import PASSWORD, SshServers

pytestmark = pytest.mark.django_db
ADMIN = "/admin/connection"


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(organization: Organization, face: DeviceSshServer) -> DeviceConnection:
    return make.reachable(organization, face, "router")


def page_of(connection: DeviceConnection) -> str:
    return f"/admin/config/device/{connection.device_id}/change/"


def tab_of(connection: DeviceConnection) -> str:
    return f"/admin/config/device/{connection.device_id}/tab/deviceconnection_set/"


class TestCredentials:
    def test_secrets_are_not_shown(self, root: Client, administrator: Client, organization: Organization) -> None:
        own = make.credentials(organization)
        for client in (root, administrator):
            assert PASSWORD not in client.get(f"{ADMIN}/credentials/{own.pk}/change/").content.decode()

    def test_shared_and_foreign_ones_are_hidden(self, administrator: Client, organization: Organization) -> None:
        make.credentials(organization, "own")
        hidden = [make.credentials(None, "shared"), make.credentials(make.organization("other"), "foreign")]
        listed = administrator.get(f"{ADMIN}/credentials/").content.decode()
        assert "own" in listed
        for credentials in hidden:
            assert credentials.name not in listed
            assert administrator.get(f"{ADMIN}/credentials/{credentials.pk}/change/").status_code == 404

    def test_operators_have_nothing_to_do_here(self, operator: Client) -> None:
        assert operator.get(f"{ADMIN}/credentials/").status_code == 403

    def test_hostile_parameters(self, root: Client) -> None:
        form = {"name": "x", "connector": make.SSH, "organization": ""}
        half = '{"username": "root", "password": "\\ud800----"}'
        for params in ("[" * 100_000, half, "{", "null", '{"username": "a\\u0000"}'):
            answer = root.post(f"{ADMIN}/credentials/add/", {**form, "params": params})
            assert answer.status_code == 200, params
            assert list(answer.context["adminform"].errors) == ["params"], params

    def test_schemas(self, operator: Client) -> None:
        assert make.SSH in operator.get(f"{ADMIN}/credentials/ui/schema.json").json()
        assert Client().get(f"{ADMIN}/credentials/ui/schema.json").status_code == 302

    def test_a_lost_key_spoils_no_list(self, root: Client, organization: Organization, settings: Any) -> None:
        make.credentials(organization)
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = ["another-key-of-more-than-thirty-two-characters"]
        assert root.get(f"{ADMIN}/credentials/").status_code == 200


class TestDevicePage:
    def test_choices(self, operator: Client, connection: DeviceConnection) -> None:
        make.credentials(None, "shared-ones")
        make.credentials(make.organization("other"), "foreign-ones")
        content = operator.get(tab_of(connection)).json()["html"]
        assert "shared-ones" in content
        assert "foreign-ones" not in content

    def test_foreign_credentials_are_refused(self, operator: Client, connection: DeviceConnection) -> None:
        foreign = make.credentials(make.organization("other"))
        device = Device.objects.get(pk=connection.device_id)
        form = device_form(device) | {
            "deviceconnection_set-TOTAL_FORMS": 2, "deviceconnection_set-INITIAL_FORMS": 1,
            "deviceconnection_set-0-id": connection.pk, "deviceconnection_set-0-device": device.pk,
            "deviceconnection_set-0-credentials": connection.credentials_id,
            "deviceconnection_set-0-enabled": "on", "deviceconnection_set-1-device": device.pk,
            "deviceconnection_set-1-credentials": foreign.pk,
        }  # fmt: skip
        assert operator.post(page_of(connection), form).status_code == 200
        assert DeviceConnection.objects.count() == 1

    def test_outputs_of_devices_are_text(self, operator: Client, connection: DeviceConnection) -> None:
        Command.objects.bulk_create(
            [Command(device=connection.device, type="custom", input={"command": "x"}, output="<script>bad()</script>")]
        )
        content = operator.get(page_of(connection)).content.decode()
        assert "&lt;script&gt;bad()" in content
        assert "<script>bad()" not in content

    def test_commands_may_be_sent_by_operators(self, operator: Client, connection: DeviceConnection) -> None:
        assert 'id="send-command"' in operator.get(page_of(connection)).content.decode()

    def test_nothing_can_be_done_without_connection_or_when_deactivated(
        self, operator: Client, connection: DeviceConnection
    ) -> None:
        Device.objects.filter(pk=connection.device_id).update(_is_deactivated=True)
        content = operator.get(page_of(connection)).content.decode()
        assert 'id="send-command"' not in content
        assert "deviceconnection_set-0-DELETE" not in operator.get(tab_of(connection)).json()["html"]
        DeviceConnection.objects.all().delete()
        assert 'id="send-command"' not in operator.get(page_of(connection)).content.decode()

    def test_schemas_of_commands(
        self, operator: Client, stranger: Client, organization: Organization, settings: Any
    ) -> None:
        path = f"/admin/config/device/connection/command/ui/schema.json?organization_id={organization.pk}"
        assert set(operator.get(path).json()) == {"custom", "reboot", "change_password"}
        settings.OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS = {"__all__": ("reboot",)}
        assert set(operator.get(path).json()) == {"reboot"}
        assert stranger.get(path).status_code == 403

    def test_accepting_a_host_key(
        self, operator: Client, stranger: Client, connection: DeviceConnection, face: DeviceSshServer
    ) -> None:
        connection.connect()
        face.fault = SshFault.CHANGED_KEY
        DeviceConnection.objects.get().connect()
        host_key = HostKey.objects.get()
        path = f"/admin/config/device/{connection.device_id}/accept-host-key/"
        data = {"fingerprint": host_key.refused_fingerprint}
        assert stranger.post(path, data).status_code == 404
        assert operator.get(path).status_code == 405
        operator.post(path, {"fingerprint": "SHA256:another"})
        assert HostKey.objects.get().key == face.host_key
        operator.post(path, data)
        assert HostKey.objects.get().fingerprint == host_key.refused_fingerprint
        assert Push.objects.exists(), "it is tried again at once"

    def test_connections_are_recovered_with_the_device(
        self, root: Client, connection: DeviceConnection, committing: Any
    ) -> None:
        make.credentials(connection.device.organization, auto_add=True)
        DeviceConnection.objects.filter(pk=connection.pk).update(is_working=True)
        device = Device.objects.get(pk=connection.device_id)
        with reversion.create_revision():
            reversion.add_to_revision(device)
        device.delete(check_deactivated=False)
        assert not DeviceConnection.objects.exists()
        version = Version.objects.get_deleted(Device).get()
        version.revision.revert()
        row = DeviceConnection.objects.get()
        assert (row.pk, row.credentials_id, row.is_working) == (connection.pk, connection.credentials_id, None)


class TestMassCommands:
    @pytest.fixture
    def form(self, organization: Organization) -> dict[str, Any]:
        return {
            "label": "look", "organization": str(organization.pk), "group": "", "location": "", "type": "custom",
            "input": json.dumps({"command": "uptime"}), "stop_after_failures": "", "notes": "",
            "selected": "", "sealed": "",
        }  # fmt: skip

    def test_a_new_one_is_empty(self, operator: Client) -> None:
        page = operator.get(f"{ADMIN}/batchcommand/add/").content
        assert b'name="input"' in page
        assert b"null</textarea>" not in page

    def test_foreign_devices_cannot_be_named(
        self, stranger: Client, connection: DeviceConnection, form: dict[str, Any]
    ) -> None:
        other = Organization.objects.get(slug="other")
        form |= {"organization": str(other.pk), "confirmed": "1"}
        key = str(connection.device_id)
        for name, text in (
            ("devices", "is not one of the available choices"),
            ("selected", "Some of the devices that were selected do not exist any more."),
        ):
            answer = stranger.post(f"{ADMIN}/batchcommand/add/", form | {name: key})
            assert text in answer.content.decode(), name
            assert connection.device.name not in answer.content.decode()
        assert not BatchCommand.objects.exists()

    def test_foreign_places_cannot_be_named(self, operator: Client, form: dict[str, Any]) -> None:
        place = make.location(make.organization("far"), "hideaway")
        answer = operator.post(f"{ADMIN}/batchcommand/add/", form | {"location": str(place.pk)})
        assert "That choice is not one of the available choices" in answer.content.decode()
        assert "hideaway" not in answer.content.decode()

    def test_devices_at_a_location(
        self, operator: Client, connection: DeviceConnection, organization: Organization, form: dict[str, Any]
    ) -> None:
        place = make.location(organization, "here")
        make.device(organization, "elsewhere")
        page, form = f"{ADMIN}/batchcommand/add/", form | {"location": str(place.pk)}
        assert "No devices match the specified criteria." in operator.post(page, form).content.decode()
        make.position(connection.device, place)
        assert "1 device will execute it." in operator.post(page, form).content.decode()
        operator.post(page, form | {"confirmed": "1"})
        batch = BatchCommand.objects.get()
        assert batch.place == place
        assert "here" in operator.get(f"{ADMIN}/batchcommand/{batch.pk}/change/").content.decode()

    def test_whole_system_is_for_superusers(
        self, operator: Client, root: Client, connection: DeviceConnection, form: dict[str, Any], committing: Any
    ) -> None:
        form |= {"organization": "", "confirmed": "1"}
        operator.post(f"{ADMIN}/batchcommand/add/", form)
        assert not BatchCommand.objects.exists()
        with committing():
            assert root.post(f"{ADMIN}/batchcommand/add/", form).status_code == 302
        batch = BatchCommand.objects.get()
        assert batch.status == "success"
        assert operator.get(f"{ADMIN}/batchcommand/{batch.pk}/change/").status_code == 404

    def test_named_devices_are_of_the_chosen_organization(
        self, root: Client, connection: DeviceConnection, form: dict[str, Any]
    ) -> None:
        foreign = make.device(make.organization("other"), "router")
        page, confirmed = f"{ADMIN}/batchcommand/add/", form | {"confirmed": "1"}
        answer = root.post(page, confirmed | {"devices": [str(foreign.pk), str(connection.device_id)]})
        assert "All devices must belong to the same organization" in answer.content.decode()
        root.post(page, confirmed | {"devices": str(connection.device_id)})
        assert list(BatchCommand.objects.get().devices.all()) == [connection.device]

    def test_devices_selected_in_the_list(
        self, operator: Client, connection: DeviceConnection, form: dict[str, Any]
    ) -> None:
        owner = connection.device.organization
        make.device(owner, "another")
        action = {"action": "send_command", "_selected_action": str(connection.device_id)}
        shown = form_of(operator.post("/admin/config/device/", action))
        assert (shown["selected"], shown["organization"]) == (str(connection.device_id), str(owner.pk))
        page = f"{ADMIN}/batchcommand/add/"
        filled = shown | {name: form[name] for name in ("label", "type", "input")}
        planned = operator.post(page, filled)
        assert "1 device will execute it." in planned.content.decode()
        operator.post(page, form_of(planned) | {"confirmed": "1"})
        assert list(BatchCommand.objects.get().devices.all()) == [connection.device]
        freed = operator.post(page, filled | {"forget": "1"}).content.decode()
        assert 'id="batch-selection"' not in freed

    def test_a_selection_that_cannot_be_read_is_not_everybody(
        self, operator: Client, connection: DeviceConnection, form: dict[str, Any]
    ) -> None:
        for selected in ("nonsense", f"{connection.device_id},nonsense", ",".join([str(uuid.uuid4())] * 20_001)):
            answer = operator.post(f"{ADMIN}/batchcommand/add/", form | {"selected": selected, "confirmed": "1"})
            assert answer.context["form"].errors["selected"], selected[:80]
        assert not BatchCommand.objects.exists()

    def test_all_that_a_list_is_filtered_by_can_be_selected(self, operator: Client, organization: Organization) -> None:
        group = make.group(organization)
        wanted = {make.device(organization, group=group).pk for _ in range(3)}
        make.device(organization)
        some = str(next(iter(wanted)))
        action = {"action": "send_command", "_selected_action": some, "select_across": "1"}
        shown = form_of(operator.post(f"/admin/config/device/?group_id={group.pk}", action))
        assert {uuid.UUID(key) for key in shown["selected"].split(",")} == wanted

    def test_who_may_not_send_commands_has_no_such_action(
        self, operator: Client, connection: DeviceConnection, organization: Organization
    ) -> None:
        looker = make.person("looker", organization)
        make.permit(looker, "view_device", "change_device")
        assert "send_command" in operator.get("/admin/config/device/").content.decode()
        assert "send_command" not in looker.get("/admin/config/device/").content.decode()
        action = {"action": "send_command", "_selected_action": str(connection.device_id)}
        assert 'name="label"' not in looker.post("/admin/config/device/", action, follow=True).content.decode()

    def test_other_devices_than_those_shown_are_shown_first(
        self, operator: Client, connection: DeviceConnection, organization: Organization, form: dict[str, Any]
    ) -> None:
        page = f"{ADMIN}/batchcommand/add/"
        planned = form_of(operator.post(page, form))
        make.device(organization, "newcomer")
        again = operator.post(page, planned | {"confirmed": "1"})
        assert "Look again." in again.content.decode()
        assert not BatchCommand.objects.exists()
        assert operator.post(page, form_of(again) | {"confirmed": "1"}).status_code == 302

    def test_the_plan_puts_reasons_together(
        self, operator: Client, connection: DeviceConnection, organization: Organization, form: dict[str, Any]
    ) -> None:
        for number in range(12):
            make.device(organization, f"bare-{number:02}")
        Device.objects.filter(name="bare-11").update(_is_deactivated=True)
        answer = operator.post(f"{ADMIN}/batchcommand/add/", form)
        assert [(each["reason"], each["count"]) for each in answer.context["skipped"]] == [
            ("Device has no credentials assigned.", 11),
            ("Device is deactivated. Device has no credentials assigned.", 1),
        ]
        text = answer.content.decode()
        assert "12 devices are skipped" in text
        assert "bare-00, " in text
        assert "bare-10" not in text

    def test_secrets_are_never_shown_again(
        self, operator: Client, root: Client, connection: DeviceConnection, form: dict[str, Any], committing: Any
    ) -> None:
        page = f"{ADMIN}/batchcommand/add/"
        value = {"password": "new-secret", "confirm_password": "new-secret"}
        form |= {"type": "change_password", "input": json.dumps(value)}
        refused = operator.post(page, form | {"label": ""})
        assert "new-secret" not in refused.content.decode()
        shown = form_of(refused)
        assert json.loads(shown["input"]) == dict.fromkeys(value, "********")
        planned = operator.post(page, shown | {"label": "look"})
        assert "1 device will execute it." in planned.content.decode()
        assert "new-secret" not in planned.content.decode()
        for client, more in ((root, {}), (operator, {"sealed": "aesgcm:x:y"}), (operator, {"sealed": ""})):
            answer = client.post(page, form_of(planned) | more | {"confirmed": "1"})
            assert "Type this again." in str(answer.context["form"].errors["input"])
        with committing():
            assert operator.post(page, form_of(planned) | {"confirmed": "1"}).status_code == 302
        assert BatchCommand.objects.get().status == "success"
        assert "new-secret" not in operator.get(f"{page.removesuffix('add/')}").content.decode()

    def test_mistakes_stand_at_their_part_of_the_input(self, root: Client, form: dict[str, Any]) -> None:
        for type_, value, found in (
            ("custom", {}, {"command": "This field is required."}),
            ("custom", {"command": ""}, {"command": "This field is required."}),
            ("custom", {"command": "x", "y": 1}, {"": "Additional properties are not allowed ('y' was unexpected)"}),
            ("reboot", {"a": 1}, {"": "{'a': 1} is not of type 'null'"}),
            ("change_password", {"password": "short"},
             {"password": "At least 6 characters.", "confirm_password": "This field is required."}),
            ("change_password", {"password": "secret-1", "confirm_password": "secret-2"},
             {"confirm_password": "The two passwords are not the same."}),
        ):  # fmt: skip
            data = form | {"type": type_, "input": json.dumps(value)}
            answer = root.post(f"{ADMIN}/batchcommand/add/", data)
            assert answer.context["form"].input_errors == found, value

    def test_results_are_filtered_and_downloaded(
        self, operator: Client, stranger: Client, organization: Organization
    ) -> None:
        batch = BatchCommand.objects.create(organization=organization, type="reboot", label="Look, all!")
        rows = [
            Command(device=make.device(organization, f"r{number:02}"), type="reboot", batch_command=batch,
                    status=("failed" if number % 5 == 0 else "success"), output="=1+1")
            for number in range(23)
        ]  # fmt: skip
        Command.objects.bulk_create(rows)
        skipped = make.device(organization, "left-out")
        batch.skipped_devices = {str(skipped.pk): ["Device is deactivated."]}
        batch.save()
        page = f"{ADMIN}/batchcommand/{batch.pk}/change/"

        def names(**query: str) -> list[str]:
            return [each.name for each in operator.get(page, query).context["page"]]

        assert names() == [f"r{number:02}" for number in range(20)]
        assert names(p="2") == ["r20", "r21", "r22", "left-out"]
        assert names(status="failed") == ["r00", "r05", "r10", "r15", "r20"]
        assert names(status="skipped") == ["left-out"]
        assert names(status="skipped", q="r0") == []
        assert names(q="r1", status="failed") == ["r10", "r15"]
        assert names(status="nonsense", q="out") == ["left-out"]
        path = f"{ADMIN}/batchcommand/{batch.pk}/results.csv"
        answer = operator.get(path)
        assert answer["Content-Disposition"] == 'attachment; filename="look-all.csv"'
        lines = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
        assert len(lines) == 24
        assert (lines[0]["device"], lines[0]["status"], lines[0]["output"]) == ("r00", "failed", "'=1+1")
        assert (lines[-1]["device"], lines[-1]["output"]) == ("left-out", "Device is deactivated.")
        assert len(operator.get(path, {"status": "failed"}).getvalue().splitlines()) == 6
        assert stranger.get(path).status_code == 404

    def test_going_back_from_the_plan(self, root: Client, connection: DeviceConnection, form: dict[str, Any]) -> None:
        page = f"{ADMIN}/batchcommand/add/"
        assert 'id="batch-plan"' in root.post(page, form).content.decode()
        again = root.post(page, form | {"back": "Back"}).content.decode()
        assert 'id="batch-plan"' not in again
        assert "uptime" in again

    def test_filter_by_group(self, operator: Client, organization: Organization) -> None:
        ours = make.group(organization, "our-group")
        theirs = make.group(make.organization("other"), "their-group")
        for label, group in (("with", ours), ("without", None)):
            BatchCommand.objects.create(organization=organization, type="reboot", label=label, group=group)
        page = operator.get(f"{ADMIN}/batchcommand/", {"group_id": str(ours.pk)}).content.decode()
        assert "our-group" in page
        assert ">with</a>" in page
        assert ">without</a>" not in page
        for query in ({}, {"group_id": str(theirs.pk)}):
            assert "their-group" not in operator.get(f"{ADMIN}/batchcommand/", query).content.decode()

    def test_filter_by_location(self, operator: Client, root: Client, organization: Organization) -> None:
        far = make.organization("far")
        here, there = make.location(organization, "our roof"), make.location(far, "their cellar")
        make.location(organization, "never used")
        for label, owner, place in (("to here", organization, here), ("to there", far, there), ("to all", None, None)):
            key = place.pk if place is not None else None
            BatchCommand.objects.create(label=label, organization=owner, type="reboot", location=key)

        def listed(client: Client, **query: Any) -> tuple[str, list[str]]:
            answer = client.get(f"{ADMIN}/batchcommand/", query)
            assert answer.status_code == 200
            return answer.content.decode(), sorted(batch.label for batch in answer.context["cl"].result_list)

        page, found = listed(operator, location=str(here.pk))
        assert found == ["to here"]
        assert "our roof" in page
        assert "never used" not in page
        assert "their cellar" not in page
        for senseless in (str(there.pk), str(uuid.uuid4()), "x", "\x00"):
            assert listed(operator, location=senseless)[1] == []
        page, found = listed(root, location=str(there.pk))
        assert found == ["to there"]
        assert "our roof" in page
        page, found = listed(root)
        assert found == ["to all", "to here", "to there"]
        assert "By location" in page

    def test_cancel(
        self, operator: Client, stranger: Client, connection: DeviceConnection, form: dict[str, Any]
    ) -> None:
        operator.post(f"{ADMIN}/batchcommand/add/", form | {"confirmed": "1"})
        path = f"{ADMIN}/batchcommand/{BatchCommand.objects.get().pk}"
        assert stranger.post(f"{path}/cancel/").status_code == 404
        assert stranger.get(f"{path}/change/").status_code == 404
        operator.post(f"{path}/cancel/")
        assert BatchCommand.objects.get().status == "cancelled"
        assert "cancelled" in operator.get(f"{path}/change/").content.decode()

    def test_hostile_texts(self, root: Client, connection: DeviceConnection, form: dict[str, Any]) -> None:
        for hostile in (
            {"selected": "a\0b,1", "label": ""},
            {"label": "a\0b"},
            {"sealed": "aesgcm:\0", "label": ""},
            {"input": '{"command": "\\u0000"}'},
            {"input": "{"},
            {"input": "[" * 100_000},
            {"input": '{"command": "\\ud800"}'},
        ):
            assert root.post(f"{ADMIN}/batchcommand/add/", form | hostile).status_code == 200, hostile
        for relation in ("devices", "location"):
            assert root.post(f"{ADMIN}/batchcommand/add/", form | {relation: "nonsense"}).status_code == 400
        assert not BatchCommand.objects.exists()
        batch = BatchCommand.objects.create(type="reboot", label="x")
        assert root.get(f"{ADMIN}/batchcommand/{batch.pk}/change/", {"q": "a\0b", "p": "nonsense"}).status_code == 200
