"""Credentials, commands and host keys in a real browser, with real SSH servers behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as db

from openwisp_controller.connection.models import BatchCommand, Command, Credentials, DeviceConnection, HostKey
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from .. import factories as make
from ..ssh import SshServers
from .test_safe_saving import look


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
    assert errors.startswith("Please correct the errors below.")
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


def test_a_mass_command(page: Any, connection: DeviceConnection, face: DeviceSshServer) -> None:
    make.device(connection.device.organization, "bare")
    page.goto("/admin/connection/batchcommand/add/")
    page.fill("#id_label", "look")
    # as the list that loads while one types does it
    organization = connection.device.organization
    page.eval_on_selector(
        "#id_organization",
        "(select, [key, name]) => select.add(new Option(name, key, true, true))",
        [str(organization.pk), organization.name],
    )
    page.select_option("#id_type", "custom")
    page.fill("#id_input", '{"command": "uptime"}')
    with page.expect_navigation():
        page.click("#batchcommand_form input[type=submit]")
    assert page.inner_text("#batch-what") == "look · Custom commands: uptime · acme"
    assert page.inner_text("#batch-plan") == "1 device will execute it."
    assert "bare: Device has no credentials assigned." in page.inner_text("#batch-skipped")
    assert not Command.objects.exists()
    with page.expect_navigation():
        page.click("#batchcommand_form input[name=confirmed]")
    assert "1 of 1 successful, 0 failed, 1 skipped" in page.inner_text("#batch-state")
    assert face.commands == ["uptime"]
    assert "load average" in page.inner_text(".command.success .output")
