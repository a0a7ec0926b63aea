"""Credentials, commands and host keys in a real browser, with real SSH servers behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as db
from openwisp_users.models import Organization

from openwisp_controller.connection.models import BatchCommand, Command, Credentials, DeviceConnection, HostKey
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from .. import factories as make
from ..ssh import SshServers
from .test_safe_saving import SIZES, look


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(page: Any, face: DeviceSshServer) -> DeviceConnection:
    return make.reachable(make.organization("acme"), face, "router")


def open_device(page: Any, connection: DeviceConnection) -> None:
    page.goto(f"/admin/config/device/{connection.device_id}/change/#deviceconnection_set-group")


def choose(page: Any, name: str) -> None:
    page.click("#send-command")
    page.click(f".send-command-menu button[data-command={name}]")
    page.wait_for_selector("#send-command-dialog[open]")


def test_every_page_opens(page: Any, connection: DeviceConnection) -> None:
    batch = BatchCommand.objects.create(organization=connection.device.organization, type="reboot", label="all")
    for path in (
        "connection/credentials/", "connection/credentials/add/",
        f"connection/credentials/{connection.credentials_id}/change/", "connection/batchcommand/",
        "connection/batchcommand/add/", f"connection/batchcommand/{batch.pk}/change/",
        f"config/device/{connection.device_id}/change/",
    ):  # fmt: skip
        assert page.goto(f"/admin/{path}").status == 200, path


def test_a_command_is_sent_and_its_output_shown_as_text(
    page: Any, connection: DeviceConnection, face: DeviceSshServer
) -> None:
    open_device(page, connection)
    assert page.is_hidden("#command_set-2-group")
    choose(page, "custom")
    page.fill("#send-command-dialog input[name=command]", "echo <b>hello</b>")
    page.click("#send-command-dialog .execute")
    page.wait_for_selector(".command.success")
    assert page.inner_text(".command.success .output") == "<b>hello</b>\n"
    assert page.inner_text(".command.success .input") == "echo <b>hello</b>"
    assert page.inner_text(".command.success .type") == "Custom commands"
    assert face.commands == ["echo <b>hello</b>"]


def test_what_is_wrong_is_said_in_the_dialog(page: Any, connection: DeviceConnection) -> None:
    open_device(page, connection)
    choose(page, "change_password")
    page.fill("#send-command-dialog input[name=password]", "secret-1")
    page.fill("#send-command-dialog input[name=confirm_password]", "secret-2")
    assert page.get_attribute("#send-command-dialog input[name=password]", "type") == "password"
    assert page.is_hidden("#send-command-dialog .cancel"), "there is no question to say no to"
    with page.expect_response("**/command/"):
        page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#send-command-dialog .errors').textContent")
    errors = page.inner_text("#send-command-dialog .errors")
    assert errors.startswith("The command was not sent")
    assert "The two passwords are not the same." in errors
    page.keyboard.press("Escape")
    assert not Command.objects.exists()


def test_a_reboot_is_confirmed(page: Any, connection: DeviceConnection, face: DeviceSshServer) -> None:
    open_device(page, connection)
    choose(page, "reboot")
    assert page.inner_text("#send-command-dialog .question") == "Are you sure you want to reboot this device?"
    page.click("#send-command-dialog .cancel")
    assert face.commands == []
    choose(page, "reboot")
    page.click("#send-command-dialog .execute")
    page.wait_for_selector(".command.success")
    assert face.commands == ["reboot"]


def test_a_changed_host_key_is_shown_and_accepted(
    page: Any, connection: DeviceConnection, face: DeviceSshServer
) -> None:
    # the loop of the browser's driver is in this thread
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: (connection.connect(), db.close())).result()
        face.fault = SshFault.CHANGED_KEY
        thread.submit(lambda: (DeviceConnection.objects.get().connect(), db.close())).result()
    refused = HostKey.objects.get().refused_fingerprint
    open_device(page, connection)
    assert refused in page.inner_text("#host-key-refused")
    page.click("#host-key-refused button")
    page.wait_for_selector(".messagelist .success")
    assert HostKey.objects.get().fingerprint == refused
    assert page.locator("#host-key-refused").count() == 0


def test_credentials_are_entered_in_fields_and_not_shown_again(page: Any) -> None:
    page.goto("/admin/connection/credentials/add/")
    editor = page.locator("#id_params_jsoneditor")
    page.select_option("#id_connector", make.SSH)
    page.fill("#id_name", "routers")
    editor.get_by_label("username").fill("root")
    editor.get_by_label("password", exact=True).fill("verysecret")
    assert editor.get_by_label("password", exact=True).get_attribute("type") == "password"
    look(page, "credentials")
    with page.expect_navigation():
        page.click("input[name=_continue]")
    credentials = Credentials.objects.get()
    assert credentials.params == {"username": "root", "password": "verysecret"}
    assert "verysecret" not in page.content()
    editor.get_by_label("username").fill("admin")
    assert editor.locator(".cfg-problems").is_hidden(), "a mask is as good as a secret"
    with page.expect_navigation():
        page.click("input[name=_continue]")
    credentials.refresh_from_db()
    assert credentials.params == {"username": "admin", "password": "verysecret"}


def test_a_connection_is_added_on_the_page_of_the_device(page: Any, connection: DeviceConnection) -> None:
    shared = make.credentials(None, "shared")
    open_device(page, connection)
    page.click("#deviceconnection_set-group .add-row a")
    page.select_option("[name=deviceconnection_set-1-credentials]", str(shared.pk))
    with page.expect_navigation():
        page.click("input[name=_continue] >> nth=0")
    added = DeviceConnection.objects.get(credentials=shared)
    assert added.update_strategy.endswith("openwrt.ssh.OpenWrt")


def begin(page: Any, organization: Organization) -> None:
    page.goto("/admin/connection/batchcommand/add/")
    page.fill("#id_label", "look")
    # as the list that loads while one types does it
    page.eval_on_selector(
        "#id_organization",
        "(select, [key, name]) => { select.add(new Option(name, key, true, true));"
        " django.jQuery(select).trigger('change'); }",
        [str(organization.pk), organization.name],
    )


def submit(page: Any, name: str = "") -> None:
    with page.expect_navigation():
        page.click(f"#batchcommand_form .submit-row input{f'[name={name}]' if name else ''} >> nth=0")


@pytest.mark.parametrize("size", SIZES)
def test_a_mass_command(page: Any, connection: DeviceConnection, face: DeviceSshServer, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    make.device(connection.device.organization, "bare")
    begin(page, connection.device.organization)
    assert page.is_hidden("#id_input")
    page.select_option("#id_type", "reboot")
    assert page.inner_text("#command-fields") == "This command takes no input."
    page.select_option("#id_type", "custom")
    look(page, f"mass-form-{size}")
    page.click("#batchcommand_form input[type=submit]")
    assert page.inner_text("#command-fields .command-error") == "This field is required."
    page.get_by_label("Command", exact=True).fill("uptime")
    submit(page)
    look(page, f"mass-plan-{size}")
    assert "Custom commands: uptime" in page.inner_text("#batch-what")
    assert page.inner_text("#batch-plan") == "1 device will execute it."
    assert page.inner_text("#batch-first").startswith("router.")
    assert page.locator("#batch-skipped tbody td").all_inner_texts() == [
        "Device has no credentials assigned.", "1", "bare",
    ]  # fmt: skip
    assert not Command.objects.exists()
    submit(page, "confirmed")
    page.wait_for_selector("#batch-live[data-finished]")
    look(page, f"mass-page-{size}")
    assert "1 of 2 successful, 0 failed, 1 skipped" in page.inner_text("#batch-state")
    assert face.commands == ["uptime"]
    assert "load average" in page.inner_text(".command.success .output")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_passwords_of_mass_commands_are_typed_once_and_never_shown(
    page: Any, connection: DeviceConnection, face: DeviceSshServer
) -> None:
    begin(page, connection.device.organization)
    page.select_option("#id_type", "change_password")
    first, second = page.get_by_label("Password", exact=True), page.get_by_label("Confirm Password")
    assert first.get_attribute("type") == "password"
    first.fill("new-secret")
    second.fill("another-1")
    submit(page)
    assert page.inner_text("#command-fields .command-error >> nth=1") == "The two passwords are not the same."
    assert "new-secret" not in page.content()
    second.fill("new-secret")
    submit(page)
    assert page.inner_text("#batch-plan") == "1 device will execute it."
    assert "new-secret" not in page.content()
    submit(page, "back")
    assert "new-secret" not in page.content()
    submit(page)
    submit(page, "confirmed")
    page.wait_for_selector("#batch-live[data-finished]")
    assert len(face.commands) == 1
    assert "passwd" in face.commands[0]
    assert "new-secret" not in page.content()


def test_the_page_of_a_mass_command_follows_it_until_it_ends(page: Any, connection: DeviceConnection) -> None:
    batch = BatchCommand.objects.create(
        organization=connection.device.organization, type="reboot", label="all", status="in-progress"
    )
    batch.devices.add(connection.device)
    page.goto(f"/admin/connection/batchcommand/{batch.pk}/change/")
    assert page.inner_text("#batch-empty") == "The command is about to be sent."
    command = Command(device=connection.device, type="reboot", batch_command=batch)
    Command.objects.bulk_create([command])
    page.wait_for_selector(".command.in-progress")
    assert page.get_attribute("#batch-progress", "value") == "0"
    Command.objects.update(status="success", output="done <b>here</b>")
    BatchCommand.objects.update(status="success")
    page.wait_for_selector("#batch-live[data-finished]")
    assert page.inner_text(".command.success .output") == "done <b>here</b>"
    assert page.get_attribute("#batch-progress", "value") == "1"
    page.click(".batch-filter a:has-text('Failed')")
    assert page.inner_text("#batch-empty").startswith("There are no such results.")


def test_devices_selected_in_the_list_get_a_command(
    page: Any, connection: DeviceConnection, face: DeviceSshServer
) -> None:
    make.device(connection.device.organization, "other")
    page.goto("/admin/config/device/?q=router")
    page.check("#action-toggle")
    page.select_option("select[name=action]", "send_command")
    with page.expect_navigation():
        page.click("button[name=index]")
    assert "router" in page.inner_text("#batch-selection")
    assert page.input_value("#id_organization") == str(connection.device.organization_id)
    page.fill("#id_label", "look")
    page.select_option("#id_type", "custom")
    page.get_by_label("Command", exact=True).fill("uptime")
    submit(page)
    assert page.inner_text("#batch-plan") == "1 device will execute it."
    submit(page, "confirmed")
    page.wait_for_selector("#batch-live[data-finished]")
    assert face.commands == ["uptime"]
