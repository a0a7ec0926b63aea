"""Clocks that are set by an hour, forward and back, while all runs: nothing stands still, nothing is done twice."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from ..ssh import SshServers
from .deployment import Deployment, Services, wait_until_ready, web
from .processes import PATIENCE, running, wait_until
from .test_reaching import COMMANDS, connect, pushes_left, told, unfinished

SOURCE = Path(__file__).with_name("clock.c")
COMPILER = shutil.which("tcc") or shutil.which("cc")
pytestmark = [
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis"),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler, such as tcc"),
]
DEVICES = 12
STUCK = DEVICES // 2
HOUR = timedelta(hours=1)
#: What only the reconcilers find: marks and pushes without a message; none to devices that are stuck.
LOSE_MESSAGES = """
UPDATE config_config SET stale_since = now(), stale_cause = 'inputs_changed', stale_detail = '';
INSERT INTO connection_push (device_id, requested, since, due, attempts, reason)
SELECT device_id, 1, now(), now(), 0, '' FROM config_config
WHERE device_id NOT IN (SELECT device_id FROM connection_command WHERE status = 'in-progress') ON CONFLICT DO NOTHING
"""


class Clock:
    """The clock of the processes of a deployment, and of no other: not of the database, not of the test."""

    def __init__(self, directory: Path) -> None:
        library = directory / "clock.so"
        subprocess.run([str(COMPILER), "-shared", "-nostdlib", "-fPIC", "-o", library, SOURCE], check=True)
        self._file = directory / "clock"
        self._file.touch()
        self.set(timedelta(0))
        self.settings = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set(self, ahead: timedelta) -> None:
        """Set it so far ahead of the true time, at once and everywhere."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", int(ahead.total_seconds())))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def deployed(tmp_path: Path, services: Services, clock: Clock) -> Iterator[Deployment]:
    with services.deployed(tmp_path, DEVICES, **clock.settings) as result:
        yield result


@pytest.fixture
def faces(deployed: Deployment, ssh: SshServers) -> list[DeviceSshServer]:
    return connect(deployed, ssh, DEVICES)


def test_clocks_are_set(deployed: Deployment, faces: list[DeviceSshServer], clock: Clock) -> None:
    server, url = web(deployed)
    worker, successor = (deployed.process("worker", "--concurrency", "1") for _ in range(2))
    with running(server, worker, successor, deployed.process("scheduler")):
        wait_until_ready(url)
        hold(deployed, faces, "held by a worker that lives")
        clock.set(HOUR)
        assert ahead(url) > HOUR / 2
        reconcile(deployed)
        assert unfinished(deployed) == STUCK, "a command was taken from a worker that lives"
        release(faces)
        wait_until(lambda: unfinished(deployed) == 0, "that held commands end")
        check_that_all_works(deployed, faces, "after the clock was set forward")
        check_that_each_was_sent_once(deployed, faces)

        successor.stop()
        hold(deployed, faces, "held by a worker that dies")
        clock.set(timedelta(0))
        worker.stop(signal.SIGKILL)
        assert ahead(url) < HOUR / 2
        release(faces)
        successor.start()
        wait_until(
            lambda: unfinished(deployed) == 0, "that somebody sees to the commands of the dead", HOUR.seconds / 4
        )
        check_that_all_works(deployed, faces, "after the clock was set back")
        reconcile(deployed)
        check_that_each_was_sent_once(deployed, faces)
        assert deployed.query("SELECT count(*) FROM connection_command WHERE status = 'failed'") == (STUCK,)
    assert "Traceback" not in server.output


def ahead(url: str) -> timedelta:
    """By how much the clock of a running web process is ahead, told by when a cookie expires."""
    with urllib.request.urlopen(f"{url}/admin/login/", timeout=PATIENCE) as answer:
        (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return parsedate_to_datetime(cookie["expires"]) - timedelta(seconds=int(cookie["max-age"])) - datetime.now(UTC)


def check_that_all_works(deployed: Deployment, faces: list[DeviceSshServer], when: str) -> None:
    """Devices follow a template and are told of it, and commands run."""
    before = told(faces)
    deployed.edit_template(when)
    deployed.wait_until_all_followed(DEVICES)
    wait_until(lambda: all(now > then for now, then in zip(told(faces), before, strict=True)), f"the pushes {when}")
    wait_until(lambda: pushes_left(deployed) == 0, f"that nothing is left {when}")
    deployed.shell(COMMANDS.format(text=f"echo {when}"))
    wait_until(lambda: unfinished(deployed) == 0, f"the commands {when}")


def hold(deployed: Deployment, faces: list[DeviceSshServer], text: str) -> None:
    """Send a command to all devices, half of which do not come to its end."""
    for face in faces[:STUCK]:
        face.fault = SshFault.STUCK
    deployed.shell(COMMANDS.format(text=f"echo {text}"))
    command = f"echo {text}"
    wait_until(lambda: unfinished(deployed) == STUCK and all(command in face.commands for face in faces), "the start")


def release(faces: list[DeviceSshServer]) -> None:
    for face in faces[:STUCK]:
        face.fault = None


def reconcile(deployed: Deployment) -> None:
    """Wait for what the reconcilers alone can find."""
    deployed.execute(LOSE_MESSAGES)
    wait_until(lambda: deployed.state().stale == 0, "that the reconciler finds the mark")
    wait_until(lambda: pushes_left(deployed) == 0, "that the reconciler finds the push")


def check_that_each_was_sent_once(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    for face in faces:
        commands = [command for command in face.commands if command.startswith("echo")]
        assert len(commands) == len(set(commands)), "a command was sent twice"
