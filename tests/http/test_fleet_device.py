"""How a virtual device behaves towards a controller, correct or not, over real HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from openwisp_controller.fleet import Event, EventKind, Fleet, Mix, State
from openwisp_controller.fleet.identity import consistent_key
from openwisp_controller.fleet.transport import ConnectionFailed, Reply, Request, Transport

from .fleet_controller import (
    CONFIGURATION,
    OTHER,
    POLICY,
    SECRET,
    FakeController,
    all_in,
    all_stopped,
    drop,
    make_fleet,
    run_until,
    run_with,
    text,
)


def test_first_boot_registers_downloads_applies_and_reports() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert controller.actions()[:5] == [
            "register",
            "checksum",
            "download-config",
            "checksum",
            "report-status",
        ]
        assert controller.reports() == [{"key": controller.calls[1].query["key"], "status": "applied"}]
        assert fleet.problems() == []
        assert fleet.checksums() == {"device-0001": controller.checksum}
        storage = fleet.devices[0].storage
        assert storage.secret is None
        assert storage.files["etc/config/system"].contents.startswith(
            b"config system 'system'\n\toption hostname 'managed'"
        )
        system = storage.packages["system"].section("system")
        assert system is not None
        assert system.options == {"hostname": "managed", "timezone": "UTC"}

    run_with(scenario)


def test_registration_posts_exactly_what_the_agent_posts() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        identity = fleet.devices[0].identity
        assert controller.calls[0].form == {
            "backend": "netjsonconfig.OpenWrt",
            "key": consistent_key(identity.mac_address, SECRET),
            "management_ip": identity.management_ip,
            "secret": SECRET,
            "name": "device-0001",
            "hardware_id": "",
            "mac_address": identity.mac_address,
            "tags": "",
            "model": identity.model,
            "os": identity.os,
            "system": identity.system,
        }
        assert "mac_address=" + identity.mac_address.replace(":", "%3A") in controller.calls[0].body
        assert "+" not in controller.calls[0].body

    run_with(scenario)


def test_management_address_is_left_out_in_the_first_cycle_only() -> None:
    async def scenario(controller: FakeController) -> None:
        def second_cycle(fleet: Fleet) -> bool:
            return controller.actions().count("checksum") >= 3

        fleet = await run_until(controller, second_cycle)
        checksums = [call for call in controller.calls if call.action == "checksum"]
        assert "management_ip" not in checksums[0].query
        assert checksums[2].query["management_ip"] == fleet.devices[0].identity.management_ip

    run_with(scenario)


def test_reboot_sends_inventory_once_and_does_not_register_again() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        controller.calls.clear()
        await run_until(controller, lambda fleet: controller.actions().count("checksum") >= 2, fleet)
        identity = fleet.devices[0].identity
        assert controller.actions()[0] == "update-info"
        assert set(controller.actions()[1:]) == {"checksum"}
        assert {name: value for name, value in controller.calls[0].form.items() if name != "key"} == {
            "model": identity.model,
            "os": identity.os,
            "system": identity.system,
        }

    run_with(scenario)


def test_failed_report_repeats_the_update() -> None:
    async def scenario(controller: FakeController) -> None:
        lost = 0

        async def lose(request: web.Request) -> web.StreamResponse | None:
            nonlocal lost
            lost += 1
            return drop(request) if lost <= POLICY.attempts else None

        controller.faults["report-status"] = lose
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert controller.actions().count("download-config") == 2
        assert fleet.violations == []

    run_with(scenario)


def test_unknown_device_gives_up_after_its_restarts() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        controller.devices.clear()
        controller.calls.clear()
        await run_until(controller, all_stopped, fleet)
        assert controller.actions().count("checksum") == (1 + POLICY.missing_retries) * 2
        assert controller.actions().count("update-info") == 1
        assert all_in(State.GONE)(fleet)
        assert fleet.devices[0].exit_code == 0
        assert fleet.violations == []

    run_with(scenario)


def test_wrong_secret_is_refused_and_the_reason_kept() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_stopped, make_fleet(controller, secret="wrong"))
        assert fleet.devices[0].state is State.REFUSED
        assert "error: unrecognized secret" in fleet.devices[0].reason
        assert controller.actions() == ["register", "register"]
        assert fleet.devices[0].exit_code == 5
        assert fleet.violations == []

    run_with(scenario)


def test_invalid_registration_is_repeated_until_it_succeeds() -> None:
    async def scenario(controller: FakeController) -> None:
        async def reject_first(request: web.Request) -> web.StreamResponse | None:
            return (
                text("Device with this Name and Organization already exists.", 400)
                if len(controller.calls) < 3
                else None
            )

        controller.faults["register"] = reject_first
        events: list[Event] = []
        fleet = make_fleet(controller, on_event=events.append)
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert controller.actions()[:3] == ["register"] * 3
        assert [event.state for event in events if event.kind is EventKind.STATE] == [
            State.REJECTED,
            State.REGISTERED,
            State.APPLIED,
        ]
        assert fleet.violations == []

    run_with(scenario)


@pytest.mark.parametrize("action", ["register", "checksum", "download-config", "report-status"])
def test_dropped_connection_is_tried_again(action: str) -> None:
    async def scenario(controller: FakeController) -> None:
        async def drop_once(request: web.Request) -> web.StreamResponse | None:
            del controller.faults[action]
            return drop(request)

        controller.faults[action] = drop_once
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert fleet.violations == []
        assert fleet.summary().failures == 1

    run_with(scenario)


def test_push_makes_the_device_poll_at_once() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller, interval=300.0)

        def push_once_applied(fleet: Fleet) -> bool:
            if fleet.devices[0].state is State.APPLIED and controller.archive is CONFIGURATION:
                controller.archive = OTHER
                fleet.devices[0].check_now()
            return len(controller.reports()) == 2

        await run_until(controller, push_once_applied, fleet)

    run_with(scenario)


def test_faults_can_be_put_between_a_device_and_the_network() -> None:
    class Offline:
        """Loses the first requests of a device."""

        def __init__(self, transport: Transport) -> None:
            self._transport, self._left = transport, 2

        async def send(self, request: Request) -> Reply:
            self._left -= 1
            if self._left >= 0:
                raise ConnectionFailed("offline")
            return await self._transport.send(request)

    async def scenario(controller: FakeController) -> None:
        events: list[Event] = []
        fleet = make_fleet(
            controller, on_event=events.append, wrap_transport=lambda device, transport: Offline(transport)
        )
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert [event.detail for event in events if event.kind is EventKind.RETRY] == ["register: offline"] * 2
        assert controller.actions().count("register") == 1

    run_with(scenario)


def test_power_cut_during_a_download_is_made_good_after_boot() -> None:
    async def scenario(controller: FakeController) -> None:
        async def hang(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError("the device waited")

        controller.faults["download-config"] = hang
        fleet = make_fleet(controller)
        await run_until(controller, lambda fleet: "download-config" in controller.actions(), fleet)
        assert fleet.checksums() == {}
        controller.faults.clear()
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert controller.actions().count("register") == 1
        assert fleet.violations == []

    run_with(scenario)


def test_unknown_device_that_is_known_again_goes_on_after_boot() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        known = dict(controller.devices)
        controller.devices.clear()
        await run_until(controller, all_stopped, fleet)
        controller.devices.update(known)
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert controller.actions().count("register") == 1

    run_with(scenario)


def test_device_with_default_hostname_registers_with_its_mac_as_name() -> None:
    async def scenario(controller: FakeController) -> None:
        mix = Mix(mac_name_rate=1, hardware_id_rate=1)
        fleet = await run_until(controller, all_in(State.APPLIED), make_fleet(controller, mix=mix))
        identity = fleet.devices[0].identity
        form = controller.calls[0].form
        assert form["name"] == form["mac_address"] == identity.mac_address
        assert form["hardware_id"] == identity.hardware_id != ""
        assert form["key"] == consistent_key(identity.hardware_id, SECRET)
        assert fleet.checksums() == {identity.mac_address: controller.checksum}

    run_with(scenario)


def test_device_told_to_reapply_does_so_although_nothing_changed() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller, interval=300.0)

        def reapply_once(fleet: Fleet) -> bool:
            if fleet.devices[0].state is State.APPLIED and len(controller.reports()) == 1 and fleet.checksums():
                fleet.devices[0].reapply()
            return len(controller.reports()) >= 2

        await run_until(controller, reapply_once, fleet)
        assert controller.actions().count("download-config") == 2

    run_with(scenario)


def test_restarts_are_counted_within_the_threshold_only() -> None:
    async def scenario(controller: FakeController) -> None:
        policy = replace(POLICY, restarts=2)
        fleet = make_fleet(controller, secret="wrong", policy=policy)
        await run_until(controller, all_stopped, fleet)
        assert controller.actions() == ["register"] * 3
        controller.calls.clear()
        for device in fleet.devices:
            device.policy = replace(policy, restart_threshold=0.0)
        await run_until(controller, lambda fleet: len(controller.calls) > 5, fleet)
        assert not all_stopped(fleet)

    run_with(scenario)
