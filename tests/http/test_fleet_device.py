"""How a virtual device behaves towards a controller, correct or not, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from aiohttp import web

from openwisp_controller.fleet import AgentPolicy, Event, EventKind, Fleet, State
from openwisp_controller.fleet.identity import consistent_key
from openwisp_controller.fleet.transport import ConnectionFailed, Reply, Request, Transport

from .fleet_controller import CONFIGURATION, HEADER, SECRET, FakeController, make_archive, text

T = TypeVar("T")

POLICY = AgentPolicy(
    attempts=3,
    retry_pause=(0.01, 0.02),
    update_info_pause=0.01,
    missing_attempts=3,
    missing_pause=(0.01, 0.02),
    test_attempts=2,
    test_pause=(0.01, 0.02),
    restarts=1,
    restart_pause=0.01,
)
OTHER = make_archive({"etc/config/system": "config system 'system'\n\toption hostname 'renamed'\n"})


def make_fleet(controller: FakeController, devices: int = 1, secret: str = SECRET, **options: object) -> Fleet:
    settings: dict[str, object] = {"interval": 0.1, "policy": POLICY, "spread": 0.0, **options}
    return Fleet(controller.url, secret, devices, **settings)  # type: ignore[arg-type]


def run_with(scenario: Callable[[FakeController], Awaitable[T]], archive: bytes = CONFIGURATION) -> T:
    """Run a scenario with a controller, in a new event loop."""

    async def main() -> T:
        async with FakeController(archive) as controller, asyncio.timeout(30):
            return await scenario(controller)

    return asyncio.run(main())


def run_until(
    controller: FakeController, until: Callable[[Fleet], bool], fleet: Fleet | None = None
) -> Awaitable[Fleet]:
    """Run a fleet until something is true, which has to happen within seconds."""

    async def follow(fleet: Fleet) -> Fleet:
        await fleet.run(10, until)
        assert until(fleet), fleet.problems()
        return fleet

    return follow(fleet or make_fleet(controller))


def all_in(state: State) -> Callable[[Fleet], bool]:
    return lambda fleet: all(device.state is state for device in fleet.devices)


def all_stopped(fleet: Fleet) -> bool:
    return all(device.stopped for device in fleet.devices)


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


def test_changed_configuration_is_applied_and_what_is_gone_is_removed() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert "etc/motd" in fleet.devices[0].storage.files
        controller.archive = OTHER
        await run_until(controller, lambda fleet: fleet.checksums()["device-0001"] == controller.checksum, fleet)
        storage = fleet.devices[0].storage
        assert "etc/motd" not in storage.files
        assert storage.files["etc/banner"].contents == b"OpenWrt\n"

    archive = make_archive({"etc/motd": "hello", "etc/banner": "ours"})
    run_with(scenario, archive)


def test_invalid_uci_is_reported_as_error_and_not_tried_again() -> None:
    async def scenario(controller: FakeController) -> None:
        def polled_again(fleet: Fleet) -> bool:
            return all_in(State.ERROR)(fleet) and controller.actions().count("checksum") >= 3

        fleet = await run_until(controller, polled_again)
        assert controller.actions().count("download-config") == 1
        assert controller.reports()[0]["status"] == "error"
        assert "etc/config/network: line 2" in controller.reports()[0]["error_reason"]
        assert fleet.violations == []
        assert fleet.problems()[0].startswith("device-0001: error: ")
        assert fleet.checksums() == {}

    run_with(scenario, make_archive({"etc/config/network": "config interface 'lan'\n\toption proto 'static\n"}))


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
        assert controller.actions().count("checksum") == POLICY.missing_attempts * 2
        assert controller.actions().count("update-info") == 1
        assert all_in(State.GONE)(fleet)
        assert fleet.violations == []

    run_with(scenario)


def test_wrong_secret_is_refused_and_the_reason_kept() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_stopped, make_fleet(controller, secret="wrong"))
        assert fleet.devices[0].state is State.REFUSED
        assert "error: unrecognized secret" in fleet.devices[0].reason
        assert controller.actions() == ["register", "register"]
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


@pytest.mark.parametrize("action", ["register", "checksum"])
def test_missing_header_is_a_violation_and_ends_the_agent(action: str) -> None:
    async def scenario(controller: FakeController) -> None:
        controller.strip_header.add(action)
        fleet = await run_until(controller, all_stopped)
        assert fleet.devices[0].state is State.BROKEN
        assert [violation.endpoint for violation in fleet.violations] == [action]
        assert "X-Openwisp-Controller" in fleet.violations[0].what

    run_with(scenario)


def test_missing_header_of_a_report_is_a_violation() -> None:
    async def scenario(controller: FakeController) -> None:
        controller.strip_header.add("report-status")
        fleet = await run_until(controller, lambda fleet: bool(fleet.violations))
        assert "X-Openwisp-Controller" in fleet.violations[0].what

    run_with(scenario)


def test_download_needs_no_header() -> None:
    async def scenario(controller: FakeController) -> None:
        controller.strip_header.add("download-config")
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert fleet.violations == []

    run_with(scenario)


def test_mismatch_is_a_violation_only_when_it_persists() -> None:
    async def scenario(controller: FakeController) -> None:
        controller.announced = "0" * 32
        fleet = await run_until(controller, lambda fleet: bool(fleet.violations))
        assert controller.actions().count("download-config") == 3
        assert "3 cycles in a row" in fleet.violations[0].what
        assert controller.reports() == []

    run_with(scenario)


def test_mismatch_of_one_cycle_is_benign() -> None:
    async def scenario(controller: FakeController) -> None:
        async def change_in_between(request: web.Request) -> web.StreamResponse | None:
            controller.archive = OTHER
            return None

        controller.faults["download-config"] = change_in_between
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert fleet.violations == []
        assert controller.actions().count("download-config") == 2

    run_with(scenario)


@pytest.mark.parametrize(
    ("action", "answer", "what"),
    [
        ("checksum", lambda: text("None"), "'None' is no checksum"),
        ("checksum", lambda: text("0" * 32 + "\r\n"), "is no checksum"),
        ("checksum", lambda: text("error: wrong key\n", 403), "unexpected status 403"),
        ("checksum", lambda: web.Response(body=b"0" * 32, headers=HEADER), "content type"),
        ("download-config", lambda: text("oops"), "content type 'text/plain'"),
        ("download-config", lambda: web.Response(status=500), "unexpected status 500"),
        ("report-status", lambda: text("ok"), "malformed body 'ok'"),
        ("register", lambda: text("uuid: 1\nkey: 2\n", 201), "malformed registration body"),
        ("register", lambda: text("nothing", 201), "malformed registration body"),
        (
            "register",
            lambda: web.Response(status=301, headers={**HEADER, "Location": "/"}),
            "unexpected status 301",
        ),
    ],
)
def test_broken_rule_is_a_violation(action: str, answer: Callable[[], web.Response], what: str) -> None:
    async def scenario(controller: FakeController) -> None:
        async def wrong(request: web.Request) -> web.StreamResponse:
            return answer()

        controller.faults[action] = wrong
        fleet = await run_until(controller, lambda fleet: bool(fleet.violations))
        assert fleet.violations[0].endpoint == action
        assert what in fleet.violations[0].what
        assert fleet.problems()[0].startswith("violation: device-0001: ")

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


def test_unreachable_controller_after_applying_restores_the_old_configuration() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        old = fleet.checksums()
        controller.archive = OTHER
        calls_before_download = 0

        async def remember(request: web.Request) -> web.StreamResponse | None:
            nonlocal calls_before_download
            calls_before_download = len(controller.calls)
            return None

        async def drop_test(request: web.Request) -> web.StreamResponse | None:
            testing = 0 < calls_before_download >= len(controller.calls) - POLICY.test_attempts
            return drop(request) if testing else None

        controller.faults = {"download-config": remember, "checksum": drop_test}
        await run_until(controller, all_in(State.ERROR), fleet)
        assert "the old one is restored" in fleet.devices[0].reason
        assert fleet.checksums() == old
        assert fleet.devices[0].storage.files["etc/config/system"].contents.count(b"'managed'") == 1

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
            await asyncio.sleep(60)
            raise AssertionError("the device waited")

        controller.faults["download-config"] = hang
        fleet = make_fleet(controller)
        await fleet.run(10, lambda fleet: "download-config" in controller.actions())
        assert fleet.checksums() == {}
        controller.faults.clear()
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert controller.actions().count("register") == 1
        assert fleet.violations == []

    run_with(scenario)


def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
