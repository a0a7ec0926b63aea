"""What is shown while a fleet runs, and how requests are counted."""

from __future__ import annotations

from dataclasses import replace

from openwisp_controller.fleet import Endpoint, FaultKind, State, Summary
from openwisp_controller.fleet.metrics import Metrics
from openwisp_controller.fleet.progress import PlainProgress, RequestRate, count_line, fault_line

START = Summary(
    devices=3,
    registered=0,
    applied=0,
    error=0,
    states={State.WAITING: 3},
    stopped=0,
    requests=0,
    failures=0,
    abandoned=0,
    bytes=0,
    violations=0,
    faults=dict.fromkeys(FaultKind, 0),
    endpoints={},
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_come_when_something_changed_and_once_a_second_at_most() -> None:
    clock, lines = Clock(), list[str]()
    progress = PlainProgress(lines.append, clock)
    progress.update(START)
    clock.now += 0.5
    one = replace(START, registered=1, states={State.WAITING: 2, State.REGISTERED: 1}, requests=10)
    progress.update(one)
    assert len(lines) == 1
    clock.now += 0.5
    progress.update(one)
    assert lines[1] == "   1.0 s  3 devices, 1 registered, 0 applied, 2 waiting, 10 requests/s"
    clock.now += 5
    progress.update(replace(one, requests=50))
    assert len(lines) == 2


def test_count_line_names_what_is_out_of_order() -> None:
    states = {State.APPLIED: 1, State.ERROR: 1, State.GONE: 1}
    line = count_line(replace(START, registered=3, applied=1, error=1, states=states, stopped=1, violations=2))
    assert line == "3 devices, 3 registered, 1 applied, 1 error, 1 gone, 1 stopped, 2 violations"


def test_long_runs_write_a_line_every_ten_seconds() -> None:
    clock, lines = Clock(), list[str]()
    progress = PlainProgress(lines.append, clock)
    for second in range(1000):
        clock.now += 1
        progress.update(replace(START, registered=second))
    assert 100 < len(lines) < 140


def test_fault_line_counts_what_occurred() -> None:
    faults = {**START.faults, FaultKind.FAILURE: 2, FaultKind.POWER_CUT: 1}
    assert fault_line(replace(START, faults=faults)) == "injected: 2 failed applications, 1 power cuts"


def test_rate_forgets_what_is_long_ago() -> None:
    clock = Clock()
    rate = RequestRate(clock)
    assert rate.update(0) == 0
    clock.now += 1
    assert rate.update(100) == 100
    clock.now += 10
    assert rate.update(100) == 0


def test_latencies_within_two_percent() -> None:
    metrics = Metrics()
    for milliseconds in range(1, 101):
        metrics.answered(Endpoint.CHECKSUM, float(milliseconds), 32)
    metrics.failed()
    stats = metrics.endpoints()[Endpoint.CHECKSUM]
    metrics.cut_off()
    assert (stats.count, stats.max, stats.mean) == (100, 100.0, 50.5)
    for figure, exact in ((stats.p50, 50), (stats.p95, 95), (stats.p99, 99)):
        assert exact <= figure <= exact * 1.02
    assert (metrics.requests, metrics.failures, metrics.abandoned, metrics.bytes) == (102, 1, 1, 3200)
