"""What a virtual device does with the configurations it gets: merge, restore, refuse, wipe."""

from __future__ import annotations

from aiohttp import web

from openwisp_controller.fleet import EventKind, Fleet, Mix, State
from openwisp_controller.fleet.archive import Content, ExtraFile

from .fleet_controller import (
    OTHER,
    POLICY,
    FakeController,
    all_in,
    all_stopped,
    drop,
    make_archive,
    make_fleet,
    run_until,
    run_with,
)


def test_changed_configuration_is_applied_and_what_is_gone_is_removed() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert "etc/motd" in fleet.devices[0].storage.files
        controller.archive = OTHER
        await run_until(controller, lambda fleet: fleet.checksums().get("device-0001") == controller.checksum, fleet)
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
        assert [str(violation) for violation in fleet.violations] == [
            "device-0001: download-config: etc/config/network: line 2: unterminated '"
        ]
        assert fleet.problems()[1].startswith("device-0001: error: ")
        assert fleet.checksums() == {}

    run_with(scenario, make_archive({"etc/config/network": "config interface 'lan'\n\toption proto 'static\n"}))


def test_deactivated_device_wipes_itself_and_gives_up() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        controller.deactivate()
        await run_until(controller, all_stopped, fleet)
        device = fleet.devices[0]
        assert device.state is State.DEACTIVATED
        assert device.exit_code == 0
        assert fleet.problems() == []
        assert b"'managed'" not in device.storage.files["etc/config/system"].contents
        assert [report["status"] for report in controller.reports()] == ["applied", "applied"]

    run_with(scenario)


def test_local_configuration_comes_back_when_the_controller_takes_its_own_away() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller)
        storage = fleet.devices[0].storage
        storage.local = Content(
            {"network": "config interface 'lan'\n\toption proto 'dhcp'\n\nconfig interface 'guest'\n"},
            {"etc/motd": ExtraFile(b"local\n", 0o600)},
        )
        before = storage.files
        await run_until(controller, all_in(State.APPLIED), fleet)
        lan = storage.packages["network"].section("lan")
        assert lan is not None
        assert lan.options == {"proto": "static"}
        assert storage.packages["network"].section("guest") is not None
        assert storage.files["etc/motd"].contents == b"managed\n"
        controller.archive = make_archive({})
        await run_until(controller, lambda fleet: fleet.checksums() == {"device-0001": controller.checksum}, fleet)
        assert storage.files == before

    remote = {"etc/config/network": "config interface 'lan'\n\toption proto 'static'\n", "etc/motd": "managed\n"}
    run_with(scenario, make_archive(remote))


def test_overwriting_device_keeps_nothing_of_a_file_the_controller_sends() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED), make_fleet(controller, mix=Mix(overwrite_rate=1)))
        storage = fleet.devices[0].storage
        assert storage.files["etc/config/system"].contents == b"config system 'system'\n\toption hostname 'managed'\n"
        assert storage.packages["network"].section("loopback") is not None
        controller.archive = make_archive({})
        await run_until(controller, lambda fleet: fleet.checksums() == {"device-0001": controller.checksum}, fleet)
        assert b"'UTC'" in storage.files["etc/config/system"].contents

    run_with(scenario)


def test_refused_paths_are_skipped_and_told() -> None:
    async def scenario(controller: FakeController) -> None:
        warnings: list[str] = []
        fleet = make_fleet(
            controller,
            on_event=lambda event: warnings.append(event.detail) if event.kind is EventKind.WARNING else None,
        )
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert warnings == ["skipped 'etc/two words': the path has characters other than letters, digits and ._/-"]
        assert "etc/fine" in fleet.devices[0].storage.files
        assert fleet.violations == []

    run_with(scenario, make_archive({"etc/two words": "", "etc/fine": ""}))


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
        assert "cannot be reached with the new configuration" in fleet.devices[0].reason
        assert "The former configuration is restored" in controller.reports()[-1]["error_reason"]
        assert fleet.checksums() == old
        assert fleet.devices[0].storage.files["etc/config/system"].contents.count(b"'managed'") == 1

    run_with(scenario)
