"""Telling the agent to look: tried with the shell of OpenWrt and a process that behaves like the agent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from openwisp_controller.config.models import Config
from openwisp_controller.connection import push, tasks
from openwisp_controller.connection.connectors.openwrt.ssh import BUSY, REFETCH, VERSION, WAKE
from openwisp_controller.connection.models import DeviceConnection, Push
from openwisp_controller.fleet.ssh import DeviceSshServer

from .. import factories as make
from ..ssh import SshServers

BUSYBOX = shutil.which("busybox")
#: Says that it is there, then does what the agent does in one of its phases.
AGENT = """#!{shell}
{trap}
echo ready
while :; do read -r _ <{never} & wait $!; done
"""
WAITING = "trap 'echo USR1' USR1; trap 'echo USR2' USR2"
APPLYING = Path("/tmp/openwisp/applying_conf")


class Router:
    """A shell, and processes that run in it."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory, self._stack = directory, stack
        self.shell = directory / "sh"
        self.shell.symlink_to(str(BUSYBOX))
        self._never = directory / "never"
        subprocess.run(["mkfifo", str(self._never)], check=True)

    def start(self, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._stack.enter_context(process)
        self._stack.callback(os.killpg, process.pid, signal.SIGKILL)
        return process

    def agent(self, trap: str, name: str = "openwisp-config") -> subprocess.Popen[str]:
        script = self.directory / name
        script.write_text(AGENT.format(shell=self.shell, trap=trap, never=self._never))
        script.chmod(0o755)
        process = self.start(str(script), "--url", "http://controller")
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.shell), "-c", command], capture_output=True, text=True, check=False)


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    if BUSYBOX is None:
        pytest.skip("busybox, whose shell routers have, is not installed")
    with ExitStack() as stack:
        yield Router(tmp_path, stack)


def heard(agent: subprocess.Popen[str]) -> str:
    """What a process says next."""
    assert agent.stdout is not None
    return agent.stdout.readline().strip()


@pytest.mark.parametrize("name", ["openwisp-config", "openwisp_config"])
def test_an_agent_that_waits(router: Router, name: str) -> None:
    agent = router.agent(WAITING, name)
    for command, number in ((WAKE, "USR1"), (REFETCH, "USR2"), (WAKE, "USR1")):
        result = router.run(command)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        assert heard(agent) == number
    assert agent.poll() is None


@pytest.mark.parametrize("trap", [":", "trap '' USR1 USR2"], ids=["starting", "at work"])
def test_an_agent_that_cannot_listen_is_left_alone(router: Router, trap: str) -> None:
    """Before it set its trap the signal would end it, while it works it is ignored: it is told again later."""
    agent = router.agent(trap)
    result = router.run(WAKE)
    assert (result.returncode, result.stderr) == (BUSY, "")
    assert agent.poll() is None


def test_an_agent_that_applies_a_configuration(router: Router) -> None:
    agent = router.agent(WAITING)
    APPLYING.parent.mkdir(exist_ok=True)
    APPLYING.touch()
    try:
        assert router.run(WAKE).returncode == BUSY
    finally:
        APPLYING.unlink()
    assert router.run(WAKE).returncode == 0
    assert heard(agent) == "USR1", "once, not twice"


def test_bystanders(router: Router) -> None:
    """Whatever else has the agent's name in its arguments gets no signal."""
    log = router.directory / "openwisp-config.log"
    log.touch()
    bystanders = [
        router.start("tail", "-f", str(log)),
        router.start(str(BUSYBOX), "tail", "-f", str(log)),
        router.start(str(router.shell), "-c", "sleep 1000; : /usr/sbin/openwisp-config"),
        router.start("sleep", "1000"),
    ]
    result = router.run(WAKE)
    assert (result.returncode, result.stderr) == (1, "The agent (openwisp-config) is not running.\n")
    agent = router.agent(WAITING)
    assert router.run(WAKE).returncode == 0
    assert heard(agent) == "USR1"
    assert [process.poll() for process in bystanders] == [None] * 4


@pytest.fixture
def face(ssh: SshServers) -> DeviceSshServer:
    return ssh.start()


@pytest.fixture
def connection(organization: Any, face: DeviceSshServer) -> DeviceConnection:
    return make.reachable(organization, face, "router")


@pytest.mark.django_db
def test_a_busy_agent_is_told_again(connection: DeviceConnection, face: DeviceSshServer) -> None:
    face.applying = True
    push.request([connection.device_id])
    tasks.push_due()
    row = Push.objects.get()
    assert (row.attempts, row.reason) == (1, "")
    connection.refresh_from_db()
    assert (connection.is_working, connection.failure_reason) == (True, ""), "nothing is wrong with it"
    face.applying = False
    again()
    assert face.commands == [VERSION, WAKE] * 2
    assert not Push.objects.exists()


@pytest.mark.django_db
def test_a_device_that_never_reported_fetches_again_in_the_end(
    connection: DeviceConnection, face: DeviceSshServer, settings: Any, committing: Callable[[], Any]
) -> None:
    """Its report was lost: it has what is released, so only fetching it again makes it report."""
    settings.OPENWISP_CONTROLLER_PUSH_ATTEMPTS = 3
    config = Config.objects.get(device=connection.device)
    config.downloaded = config.released
    Config.objects.update(status="modified", downloaded=config.released)
    with committing():
        config.config = {"general": {"description": "edited"}}
        config.save()
    for _ in range(2):
        again()
    assert face.commands == [VERSION, WAKE] * 2 + [VERSION, REFETCH]
    assert not Push.objects.exists()


def again() -> None:
    """Let the time until the next try pass."""
    Push.objects.update(due=timezone.now())
    tasks.push_due()
