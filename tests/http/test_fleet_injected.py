"""Injected faults: what a device does when it fails, is away or loses its power, and that chance can be repeated."""

from __future__ import annotations

from collections import defaultdict

import pytest

from openwisp_controller.fleet import Event, EventKind, FaultKind, Faults, Fleet, Mix, State
from openwisp_controller.fleet.faults import CutPoint

from .fleet_controller import OTHER, FakeController, all_in, make_archive, make_fleet, run_until, run_with

ALL = Faults(fail_rate=0.3, lose_report_rate=0.3, offline_rate=0.3, power_cut=0.3)


def checksums_agree(controller: FakeController, fleet: Fleet) -> bool:
    return all_in(State.APPLIED)(fleet) and set(fleet.checksums().values()) == {controller.checksum}


def test_failed_application_restores_and_reports_and_waits_for_a_change() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        before = fleet.devices[0].storage.files, fleet.checksums()
        fleet.faults = Faults(fail_rate=1)
        controller.archive = OTHER
        controller.calls.clear()
        await run_until(controller, lambda fleet: controller.actions().count("checksum") >= 4, fleet)
        assert controller.actions().count("download-config") == 1
        assert fleet.devices[0].state is State.ERROR
        assert (fleet.devices[0].storage.files, fleet.checksums()) == before
        report = controller.reports()[-1]
        assert report["status"] == "error"
        assert "ERROR: " in report["error_reason"]
        assert len(report["error_reason"].encode()) <= 1024
        assert fleet.problems() == []
        assert fleet.summary().faults == {**dict.fromkeys(FaultKind, 0), FaultKind.FAILURE: 1}

        fleet.faults = Faults()
        await run_until(controller, lambda fleet: checksums_agree(controller, fleet), fleet)

    run_with(scenario)


def test_failed_application_is_tried_again_when_the_checksum_changes() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller, faults=Faults(fail_rate=1))

        def mend(fleet: Fleet) -> bool:
            if all_in(State.ERROR)(fleet):
                fleet.faults = Faults()
                controller.archive = OTHER
            return checksums_agree(controller, fleet)

        await run_until(controller, mend, fleet)
        assert [report["status"] for report in controller.reports()] == ["error", "applied"]

    run_with(scenario)


def test_lost_reports_repeat_the_update() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller, 4, faults=Faults(lose_report_rate=1))
        await run_until(controller, lambda fleet: fleet.summary().faults[FaultKind.LOST_REPORT] >= 12, fleet)
        assert fleet.checksums() == {}
        # Some are lost on their way to the controller, of some just the answer is.
        assert 0 < len(controller.reports()) < controller.actions().count("download-config")
        fleet.faults = Faults()
        await run_until(controller, lambda fleet: checksums_agree(controller, fleet), fleet)

    run_with(scenario)


def test_offline_device_does_nothing_and_a_push_does_not_reach_it() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        fleet.faults = Faults(offline_rate=1)
        controller.calls.clear()

        def push(fleet: Fleet) -> bool:
            fleet.devices[0].check_now()
            return fleet.summary().faults[FaultKind.OFFLINE] >= 5

        await run_until(controller, lambda fleet: fleet.summary().faults[FaultKind.OFFLINE] > 0 and push(fleet), fleet)
        assert controller.actions() == ["update-info"]
        assert fleet.devices[0].state is State.APPLIED

    run_with(scenario)


def test_offline_device_does_not_register() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = make_fleet(controller, faults=Faults(offline_rate=1))
        await run_until(controller, lambda fleet: fleet.summary().faults[FaultKind.OFFLINE] >= 3, fleet)
        assert controller.calls == []
        assert fleet.devices[0].state is State.WAITING

    run_with(scenario)


def test_power_is_cut_at_every_point_and_everything_is_made_good() -> None:
    async def scenario(controller: FakeController) -> None:
        points: set[str] = set()
        fleet = make_fleet(
            controller,
            30,
            faults=Faults(power_cut=0.7),
            on_event=lambda event: points.add(event.detail) if event.kind is EventKind.FAULT else None,
        )
        await run_until(controller, lambda _: points == {f"power cuts: {point}" for point in CutPoint}, fleet)
        fleet.faults = Faults()
        controller.archive = OTHER
        await run_until(controller, lambda fleet: checksums_agree(controller, fleet), fleet)
        # Who lost its credentials before they were stored was recognised by its key.
        assert controller.actions().count("register") > len(controller.devices) == 30
        assert controller.actions().count("update-info") > 0
        assert fleet.violations == []

    run_with(scenario)


@pytest.mark.parametrize("point", [CutPoint.DOWNLOADED, CutPoint.APPLIED, CutPoint.REPORTED])
def test_interrupted_update_is_repeated_after_boot(point: CutPoint, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(controller: FakeController) -> None:
        monkeypatch.setattr("openwisp_controller.fleet.faults._CUT_POINTS", (point,))
        fleet = await run_until(controller, all_in(State.APPLIED))
        controller.archive = OTHER
        controller.calls.clear()

        def cut_once(event: Event) -> None:
            if event.kind is EventKind.FAULT:
                fleet.faults = Faults()

        fleet._on_event = cut_once
        fleet.faults = Faults(power_cut=1)
        await run_until(controller, lambda fleet: checksums_agree(controller, fleet), fleet)
        assert fleet.summary().faults == {**dict.fromkeys(FaultKind, 0), FaultKind.POWER_CUT: 1}
        first = ["update-info", "checksum", "download-config"]
        applied = [] if point is CutPoint.DOWNLOADED else ["checksum"]
        reported = ["report-status"] if point is CutPoint.REPORTED else []
        assert controller.actions()[:11] == [*first, *applied, *reported, *first, "checksum", "report-status"]

    run_with(scenario)


def test_everything_at_once_ends_well_when_the_faults_end() -> None:
    async def scenario(controller: FakeController) -> None:
        mix = Mix(mac_name_rate=0.3, hardware_id_rate=0.3, overwrite_rate=0.3)
        fleet = make_fleet(controller, 30, faults=ALL, mix=mix)
        await run_until(
            controller, lambda fleet: all(fleet.summary().faults.values()) and fleet.problems() == [], fleet
        )
        assert fleet.violations == []
        names = {device.name for device in fleet.devices}
        assert 0 < len([name for name in names if ":" in name]) < len(names) == 30
        fleet.faults = Faults()
        controller.archive = make_archive({"etc/config/system": "config system 'system'\n"})
        await run_until(controller, lambda fleet: checksums_agree(controller, fleet), fleet)

    run_with(scenario)


def test_same_seed_meets_the_same_faults() -> None:
    async def scenario(controller: FakeController) -> dict[str, list[str]]:
        histories: dict[str, list[str]] = defaultdict(list)
        fleet = make_fleet(
            controller,
            10,
            faults=ALL,
            on_event=lambda event: (
                histories[event.device].append(f"{event.kind} {event.state} {event.detail}")
                if event.kind is not EventKind.RETRY
                else None
            ),
        )
        await run_until(controller, lambda _: all(len(histories[d.name]) >= 15 for d in fleet.devices), fleet)
        return {name: lines[:15] for name, lines in histories.items()}

    assert run_with(scenario) == run_with(scenario)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_no_probability_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="power_cut is a probability from 0 to 1, not"):
        Faults(power_cut=rate)
    with pytest.raises(ValueError, match="overwrite_rate is a probability"):
        Mix(overwrite_rate=rate)
