"""What a device tells about its model and software."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Device

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import NO_NUL, PEER, assert_text, update_info

pytestmark = pytest.mark.django_db
SUCCESS = "update-info: success"
INVENTORY = {"model": "TP-Link", "os": "OpenWrt 23.05.3", "system": "MT7621"}


@pytest.fixture
def device(organization: Any) -> Device:
    return make.config(make.device(organization, "router", model="old", os="", system="chip")).device


def inventory(device: Device) -> dict[str, str]:
    device.refresh_from_db()
    return {"model": device.model, "os": device.os, "system": device.system}


def test_values_are_stripped_and_stored(client: Any, device: Device, recorded: SignalRecorder) -> None:
    assert_text(update_info(client, device, **{name: f" {value}\n" for name, value in INVENTORY.items()}), 200, SUCCESS)
    assert inventory(device) == INVENTORY
    assert recorded.names == []


@pytest.mark.parametrize("form", [{}, {"model": "", "system": "  "}])
def test_empty_values_are_ignored(client: Any, device: Device, form: dict[str, str]) -> None:
    assert_text(update_info(client, device, **form), 200, SUCCESS)
    assert inventory(device) == {"model": "old", "os": "", "system": "chip"}


def test_nothing_new_writes_nothing(client: Any, device: Device) -> None:
    modified = Device.objects.get().modified
    assert_text(update_info(client, device, model="old"), 200, SUCCESS)
    assert Device.objects.get().modified == modified


def test_everything_else_is_ignored(client: Any, device: Device, recorded: SignalRecorder) -> None:
    before = Device.objects.values().get()
    form = {
        "name": "other", "mac_address": "02:00:00:00:00:99", "management_ip": "10.0.0.1", "last_ip": "10.0.0.2",
        "hardware_id": "1", "notes": "x", "_is_deactivated": "1", "organization": "x", "status": "applied",
    }  # fmt: skip
    assert_text(update_info(client, device, **form), 200, SUCCESS)
    assert Device.objects.values().get() == before
    assert before["last_ip"] != PEER
    assert recorded.names == []


def test_invalid_values(client: Any, device: Device) -> None:
    """All problems are told, and nothing is stored."""
    response = update_info(client, device, model="m" * 65, system="s" * 129, os="fine")
    body = {
        "model": ["Ensure this value has at most 64 characters (it has 65)."],
        "system": ["Ensure this value has at most 128 characters (it has 129)."],
    }
    assert_text(response, 400, json.dumps(body, indent=4))
    assert inventory(device) == {"model": "old", "os": "", "system": "chip"}


@pytest.mark.parametrize("name", INVENTORY)
def test_nul(client: Any, device: Device, name: str) -> None:
    response = update_info(client, device, **{name: "a\x00b"})
    assert_text(response, 400, json.dumps({name: [NO_NUL]}, indent=4))


def test_invalid_utf8_is_replaced(client: Any, device: Device) -> None:
    response = client.post(
        f"/controller/update-info/{device.pk.hex}/",
        f"key={device.key}&model=a%ffb",
        content_type="application/x-www-form-urlencoded",
    )
    assert_text(response, 200, SUCCESS)
    assert inventory(device)["model"] == "a\ufffdb"


def test_change_of_syntax(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    """An operating system that wants another syntax changes the configuration."""
    bridge = {"name": "br-lan", "type": "bridge", "bridge_members": ["eth0"]}
    config = make.config(
        make.device(organization, os="OpenWrt 19.07.1"), config={"interfaces": [bridge]}, status="applied"
    )
    recorded.clear()
    assert_text(update_info(client, config.device, os="OpenWrt 22.03.5"), 200, SUCCESS)
    assert recorded.names == ["config_modified", "config_status_changed"]
    emission = recorded.only("config_modified")
    assert (emission.action, emission.previous_status) == ("config_changed", "applied")
    before = config.checksum
    config.refresh_from_db()
    assert config.status == "modified"
    assert config.checksum != before


def test_deactivating(client: Any, organization: Any) -> None:
    device = make.config(organization, templates=[make.template(organization)]).device
    device.deactivate()
    assert_text(update_info(client, device, model="new"), 403, "error: device deactivated")
    assert Device.objects.get().model == ""
