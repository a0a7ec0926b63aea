"""A fleet as a whole: many devices, the background thread, the command."""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web

from openwisp_controller.fleet import Endpoint, Fleet, FleetThread, State
from openwisp_controller.fleet.cli import add_arguments, run
from tests.services import free_port

from .fleet_controller import SECRET, FakeController, make_archive, text


@pytest.fixture
def controller() -> Iterator[FakeController]:
    """A controller in a thread of its own, for callers that are not asynchronous."""
    controllers: list[FakeController] = []
    up, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with FakeController() as controller:
            controllers.append(controller)
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(10)
    yield controllers[0]
    loop.call_soon_threadsafe(done.set)
    thread.join(10)
    loop.close()


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def command(controller: FakeController, *arguments: str, secret: str = SECRET) -> int:
    return run(parse("--url", controller.url, "--secret", secret, *arguments))


def all_applied(fleet: Fleet) -> bool:
    return fleet.summary().applied == len(fleet.devices)


def test_thread_follows_changes(controller: FakeController) -> None:
    fleet = Fleet(controller.url, SECRET, 20, interval=0.1)
    with FleetThread(fleet) as thread:
        assert thread.wait_for(all_applied, 20)
        controller.archive = make_archive({"etc/motd": "new"})
        assert thread.wait_for(lambda fleet: set(fleet.checksums().values()) == {controller.checksum}, 20)
    assert not thread.running
    summary = fleet.summary()
    assert (summary.devices, summary.registered, summary.applied, summary.error) == (20, 20, 20, 0)
    assert summary.violations == 0
    assert summary.states == {State.APPLIED: 20}
    assert summary.requests == sum(stats.count for stats in summary.endpoints.values()) == len(controller.calls)
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
    assert thread.wait_for(all_applied, 20)
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
        thread.wait_for(all_applied, 20)
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


def test_command_follows_for_a_duration(controller: FakeController) -> None:
    assert command(controller, "--devices", "2", "--duration", "1", "--interval", "0.2") == 0
    assert controller.actions().count("checksum") >= 8


def test_command_lists_the_first_ten_problems(controller: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    controller.archive = make_archive({"etc/config/x": "nonsense"})
    assert command(controller, "--devices", "12") == 1
    errors = capsys.readouterr().err
    assert "12 problems:" in errors
    assert "device-0010: error: openwisp-config: ERROR: invalid configuration: etc/config/x: line 1" in errors
    assert "… and 2 more" in errors


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
    ],
)
def test_bad_arguments_are_explained(
    arguments: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("--url", "http://host", "--secret", "s", "--devices", "1", *arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
