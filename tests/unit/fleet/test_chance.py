"""Chance that can be repeated, and the plan of faults drawn from it."""

from __future__ import annotations

import pytest

from openwisp_controller.fleet.faults import CutPoint, FaultPlan, Faults, PowerCut
from openwisp_controller.fleet.protocol import REASON_LIMIT, TRUNCATED, truncate_reason
from openwisp_controller.fleet.seeded_random import SeededRandom


def test_draws_depend_on_seed_owner_and_purpose_only() -> None:
    one, other = SeededRandom(1, "a"), SeededRandom(1, "a")
    other.draw("elsewhere")
    draws = [one.draw("x") for _ in range(1000)]
    assert draws == [other.draw("x") for _ in range(1000)]
    assert len(set(draws)) == 1000
    assert all(0 <= draw < 1 for draw in draws)
    assert 0.45 < sum(draws) / 1000 < 0.55
    assert draws[0] not in (
        SeededRandom(2, "a").draw("x"),
        SeededRandom(1, "b").draw("x"),
        SeededRandom(1, "a").draw("y"),
    )


def test_certain_and_impossible_events() -> None:
    random = SeededRandom(1, "a")
    assert all(random.happens("x", 1.0) for _ in range(1000))
    assert not any(random.happens("x", 0.0) for _ in range(1000))
    assert {random.pick("x", "abc") for _ in range(100)} == set("abc")
    assert all(2.0 <= random.between("x", 2.0, 3.0) < 3.0 for _ in range(1000))


def plan_of(faults: Faults, cycles: int = 500) -> list[tuple[bool, str]]:
    """Whether the device is offline and where its power goes, by cycle; each cycle passes all points."""
    plan = FaultPlan(SeededRandom(1, "a"), lambda: faults)
    result = []
    for _ in range(cycles):
        plan.next_cycle()
        cut = ""
        for point in CutPoint:
            try:
                plan.reach(point)
            except PowerCut as error:
                cut = str(error)
        result.append((plan.offline, cut))
    return result


def test_switching_one_fault_on_does_not_move_the_others() -> None:
    both = plan_of(Faults(offline_rate=0.3, power_cut=0.2))
    assert [offline for offline, _ in both] == [offline for offline, _ in plan_of(Faults(offline_rate=0.3))]
    cuts = [cut for _, cut in both]
    assert cuts == [cut for _, cut in plan_of(Faults(power_cut=0.2))]
    assert set(cuts) == {"", *map(str, CutPoint)}
    assert 60 < sum(map(bool, cuts)) < 140


def test_cut_planned_for_a_point_that_is_not_passed_happens_at_the_end_of_the_cycle() -> None:
    plan = FaultPlan(SeededRandom(1, "a"), lambda: Faults(power_cut=1))
    for _ in range(50):
        plan.next_cycle()
        with pytest.raises(PowerCut) as cut:
            plan.reach(CutPoint.IDLE)
        assert cut.value.point is CutPoint.IDLE
        plan.reach(CutPoint.START)  # the power goes once


def test_reasons_are_short_and_long_and_cut_as_the_agent_cuts_them() -> None:
    plan = FaultPlan(SeededRandom(1, "a"), lambda: Faults(fail_rate=1))
    reasons = {truncate_reason("\n".join(plan.failure())) for _ in range(100)}
    assert len(reasons) > 3
    assert any(reason.endswith(TRUNCATED) for reason in reasons)
    assert any("ERROR: " in reason for reason in reasons)
    assert all(len(reason.encode()) <= REASON_LIMIT + len(TRUNCATED) == 1024 for reason in reasons)
    assert FaultPlan(SeededRandom(1, "a"), Faults).failure() == ()
