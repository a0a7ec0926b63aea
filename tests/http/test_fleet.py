"""A fleet as a whole: many devices, the background thread, the command."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from openwisp_controller.fleet import AgentPolicy, Endpoint, Fleet, FleetThread, State, cli
from openwisp_controller.fleet.cli import add_arguments, run
from tests.services import free_port

from .fleet_controller import PATIENCE, SECRET, FakeController, make_archive, text


@pytest.fixture
def controller() -> Iterator[FakeController]:
    """A controller in a thread of its own, for callers that are not asynchronous."""
    up: Future[tuple[FakeController, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with FakeController() as controller:
            done = asyncio.Event()
            up.set_result((controller, asyncio.get_running_loop(), done))
            await done.wait()
            async with ClientSession() as last, last.get(controller.url):
                pass  # connections are accepted in order: now none is left that would outlive the loop

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(asyncio.run, serve())
        controller, loop, done = up.result(PATIENCE)
        yield controller
        loop.call_soon_threadsafe(done.set)
        served.result(PATIENCE)


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def command(controller: FakeController, *arguments: str, secret: str = SECRET) -> int:
    return run(parse("--url", controller.url, "--secret", secret, *arguments))


@pytest.fixture
def command_until(controller: FakeController, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command without an end of its own, and stop its fleet, as Ctrl-C does, once something is true of it."""
    made: Future[Fleet] = Future()
    make = cli._make_fleet

    def make_and_tell(args: argparse.Namespace) -> Fleet:
        made.set_result(make(args))
        return made.result()

    def stop_once(done: Callable[[Fleet], bool], ended: threading.Event) -> None:
        fleet = made.result(PATIENCE)
        while not done(fleet) and not ended.wait(0.02):
            pass
        fleet.stop()

    def run_until(done: Callable[[Fleet], bool], *arguments: str) -> int:
        monkeypatch.setattr(cli, "_make_fleet", make_and_tell)
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            stopper = pool.submit(stop_once, done, ended)
            try:
                return command(controller, *arguments, "--duration", str(PATIENCE))
            finally:
                ended.set()
                stopper.result(PATIENCE)

    return run_until


def all_applied(fleet: Fleet) -> bool:
    return fleet.summary().applied == len(fleet.devices)


def test_thread_follows_changes(controller: FakeController) -> None:
    fleet = Fleet(controller.url, SECRET, 20, interval=0.1)
    with FleetThread(fleet) as thread:
        assert thread.wait_for(all_applied, PATIENCE)
        controller.archive = make_archive({"etc/motd": "new"})
        assert thread.wait_for(lambda fleet: set(fleet.checksums().values()) == {controller.checksum}, PATIENCE)
    assert not thread.running
    summary = fleet.summary()
    assert (summary.devices, summary.registered, summary.applied, summary.error) == (20, 20, 20, 0)
    assert summary.violations == 0
    assert summary.states == {State.APPLIED: 20}
    answered = sum(stats.count for stats in summary.endpoints.values())
    assert summary.requests == answered + summary.failures + summary.abandoned
    # Whether a request that was under way when the devices were switched off was received, nobody can tell.
    assert answered <= len(controller.calls) <= summary.requests
    assert summary.endpoints[Endpoint.REGISTER].count == 20
    assert 0 < summary.endpoints[Endpoint.REGISTER].mean <= summary.endpoints[Endpoint.REGISTER].max
    assert len({device.mac_address for device in (device.identity for device in fleet.devices)}) == 20


def test_thread_stops_at_once_and_starts_again(controller: FakeController) -> None:
    fleet = Fleet(controller.url, SECRET, 3, interval=60)
    thread = FleetThread(fleet)
    for _ in range(3):
        thread.start()
        thread.stop()
    thread.start()
    assert thread.wait_for(all_applied, PATIENCE)
    with pytest.raises(RuntimeError, match="running already"):
        thread.start()
    thread.stop()
    thread.stop()


def test_thread_tells_a_defect_of_the_fleet(controller: FakeController) -> None:
    def fail(event: object) -> None:
        raise ZeroDivisionError("in a callback")

    thread = FleetThread(Fleet(controller.url, SECRET, 1, on_event=fail))
    thread.start()
    with pytest.raises(RuntimeError, match="in a callback"):
        thread.wait_for(all_applied, PATIENCE)
    thread.stop()


def test_wait_for_times_out(controller: FakeController) -> None:
    with FleetThread(Fleet(controller.url, "wrong", 1)) as thread:
        assert not thread.wait_for(all_applied, 0.2)


def test_command_succeeds_once_all_have_applied(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(controller, "--devices", "12") == 0
    output = capsys.readouterr().out
    assert "12 devices, 12 registered, 12 applied" in output
    assert "every device has applied its configuration" in output
    assert "report-status" in output


def test_command_goes_on_following_until_it_is_stopped(controller: FakeController, command_until: Any) -> None:
    def polled(fleet: Fleet) -> bool:
        return all_applied(fleet) and controller.actions().count("checksum") >= 8

    assert command_until(polled, "--devices", "2", "--interval", "0.1") == 0
    assert controller.actions().count("register") == 2


def test_command_ends_after_a_duration(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    controller.announced = "0" * 32  # so that nobody ever settles
    assert command(controller, "--devices", "2", "--duration", "0.2") == 1
    assert "gave up" not in capsys.readouterr().err


def test_command_lists_the_first_ten_problems(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    controller.archive = make_archive({"etc/config/x": "nonsense"})
    assert command(controller, "--devices", "12") == 1
    errors = capsys.readouterr().err
    assert "24 problems:" in errors
    assert "violation: device-0010: download-config: etc/config/x: line 1: unknown command 'nonsense'" in errors
    assert "… and 14 more" in errors


def test_command_gives_up(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    controller.announced = "0" * 32
    assert command(controller, "--devices", "1", "--timeout", "0.3") == 1
    assert "gave up after 0.3 s" in capsys.readouterr().err


def test_command_fails_on_a_violation_although_all_have_applied(
    controller: FakeController, capsys: pytest.CaptureFixture[str]
) -> None:
    async def wordy(request: web.Request) -> web.StreamResponse:
        del controller.faults["checksum"]
        return text(controller.checksum + "\n")

    controller.faults["checksum"] = wordy
    assert command(controller, "--devices", "1") == 1
    captured = capsys.readouterr()
    assert "1 applied" in captured.out
    assert "violation: device-0001: checksum: " in captured.err


def test_command_injects_faults_and_succeeds_all_the_same(
    command_until: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def everything_happened(fleet: Fleet) -> bool:
        return all(fleet.summary().faults.values()) and fleet.problems() == []

    rates = ("--fail-rate", "0.5", "--lose-report-rate", "0.2", "--offline-rate", "0.2", "--power-cut", "0.2")
    mix = ("--mac-name-rate", "0.3", "--hardware-id-rate", "0.3", "--overwrite-rate", "0.3")
    assert command_until(everything_happened, "--devices", "20", "--interval", "0.1", *rates, *mix) == 0
    output = capsys.readouterr().out
    assert re.search(r"injected: \d+ failed applications, \d+ lost reports, \d+ offline cycles, \d+ power cuts", output)
    assert "every device has applied its configuration" in output


def test_command_can_wait_as_the_shipped_agent_does(
    controller: FakeController, command_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = AgentPolicy.shipped()
    assert shipped.settle > AgentPolicy().settle
    # services reload for so long that this never ends before we look
    monkeypatch.setattr(AgentPolicy, "shipped", lambda: replace(shipped, settle=2 * PATIENCE))

    def downloaded(fleet: Fleet) -> bool:
        return "download-config" in controller.actions()

    assert command_until(downloaded, "--devices", "1", "--shipped-pauses") == 1
    assert controller.actions() == ["register", "checksum", "download-config"]


def test_command_writes_its_result(
    controller: FakeController, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result.json"
    assert command(controller, "--devices", "3", "--seed", "7", "--json", str(target)) == 0
    written = target.read_text()
    result = json.loads(written)
    assert result["success"] is True
    assert result["options"]["seed"] == 7
    assert SECRET not in written
    assert not any(device.key in written for device in controller.devices.values())
    assert result["counts"]["applied"] == result["counts"]["devices"] == 3
    assert result["states"] == {"applied": 3}
    assert result["faults"] == {"failure": 0, "lost_report": 0, "offline": 0, "power_cut": 0}
    assert result["violations"] == result["problems"] == []
    figures = result["endpoints"]["register"]
    assert figures["count"] == 3
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert 0 < figures["mean_ms"] <= figures["max_ms"]
    first = result["devices"][0]
    assert (first["name"], first["state"], first["checksum"]) == ("device-0001", "applied", controller.checksum)
    assert first["uuid"] in controller.devices
    assert first["current_status"] == "applied"
    assert "applied" in capsys.readouterr().out


def test_command_leaves_the_standard_output_to_the_result(
    controller: FakeController, capsys: pytest.CaptureFixture[str]
) -> None:
    controller.archive = make_archive({"/etc/x": ""})
    assert command(controller, "--devices", "1", "--json", "-") == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["success"] is False
    assert result["violations"] == [
        {"device": "device-0001", "endpoint": "download-config", "what": "the archive has the unsafe path '/etc/x'"}
    ]
    assert "1 devices, 1 registered, 1 applied" in captured.err


def test_command_explains_a_wrong_secret(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(controller, "--devices", "3", secret="wrong") == 1
    assert "does not know this shared secret" in capsys.readouterr().err


def test_command_explains_an_unreachable_controller(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert run(parse("--url", url, "--secret", "s", "--devices", "1")) == 2
    assert f"cannot reach {url}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--url", "controller"), "'controller' is no base URL"),
        (("--url", "http://host:port"), "is no base URL"),
        (("--url", "http://[::1"), "is no base URL"),
        (("--devices", "0"), "'0' is not a whole number from 1"),
        (("--devices", "many"), "'many' is not a whole number from 1"),
        (("--devices", "99999999"), "at most 1000000 devices"),
        (("--secret", ""), "the shared secret is empty"),
        (("--interval", "0"), "'0' is not a number of seconds"),
        (("--duration", "nan"), "'nan' is not a number of seconds"),
        (("--name-prefix", "my device"), "cannot begin a hostname"),
        (("--fail-rate", "1.5"), "argument --fail-rate: '1.5' is not a probability from 0 to 1"),
        (("--lose-report-rate", "-0.1"), "argument --lose-report-rate: '-0.1' is not a probability from 0 to 1"),
        (("--offline-rate", "nan"), "'nan' is not a probability from 0 to 1"),
        (("--power-cut", "often"), "'often' is not a probability from 0 to 1"),
        (("--json", "/no/such/place"), "'/no/such/place' is no file in a directory that exists"),
        (("--json", "/"), "'/' is no file in a directory that exists"),
    ],
)
def test_bad_arguments_are_explained(
    arguments: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("--url", "http://host", "--secret", "s", "--devices", "1", *arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
