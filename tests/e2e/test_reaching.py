"""Killing and restarting what pushes and commands depend on: nothing is lost, and no command runs twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from openwisp_controller.connection.connectors.openwrt.ssh import WAKE
from openwisp_controller.fleet.ssh import DeviceSshServer, SshFault

from ..services import free_port
from ..ssh import PASSWORD, SshServers
from .deployment import Deployment, Services, wait_until_ready
from .processes import PATIENCE, Process, running, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 12
#: Gives each device the SSH server at its port.
CONNECT = """
from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import Credentials, DeviceConnection
device = Device.objects.first()
credentials = Credentials(
    organization=device.organization, name="all", connector="openwisp_controller.connection.connectors.ssh.Ssh",
    params={{"username": "root", "password": "{password}"}},
)
credentials.save()
Device.objects.update(management_ip="127.0.0.1")
for device, port in zip(Device.objects.order_by("name"), {ports}):
    connection = DeviceConnection(device=device, credentials=credentials, params={{"port": port}})
    connection.full_clean()
    connection.save()
"""
COMMANDS = """
from openwisp_controller.config.models import Device
from openwisp_controller.connection.models import Command
for device in Device.objects.order_by("name"):
    Command(device=device, type="custom", input={{"command": "{text}"}}).save()
"""


@pytest.fixture
def deployed(tmp_path: Path, services: Services) -> Iterator[Deployment]:
    with services.deployed(tmp_path, DEVICES) as result:
        yield result


@pytest.fixture
def faces(deployed: Deployment, ssh: SshServers) -> list[DeviceSshServer]:
    return connect(deployed, ssh, DEVICES)


def connect(deployed: Deployment, ssh: SshServers, devices: int) -> list[DeviceSshServer]:
    """Start an SSH server for each device, and let the controller know it."""
    faces = [ssh.start() for _ in range(devices)]
    deployed.shell(CONNECT.format(password=PASSWORD, ports=[face.port for face in faces]))
    return faces


def pushes_left(deployed: Deployment) -> int:
    return deployed.query("SELECT count(*) FROM connection_push")[0]


def unfinished(deployed: Deployment) -> int:
    return deployed.query("SELECT count(*) FROM connection_command WHERE status = 'in-progress'")[0]


def outputs(deployed: Deployment) -> list[tuple[str, str]]:
    with psycopg.connect(deployed.env["DATABASE_URL"]) as connection:
        return connection.execute("SELECT status, output FROM connection_command").fetchall()


def told(faces: list[DeviceSshServer]) -> list[int]:
    return [face.commands.count(WAKE) for face in faces]


def test_a_worker_killed_in_the_middle_of_pushes(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    for face in faces[: DEVICES // 2]:
        face.fault = SshFault.STUCK
    worker = deployed.process("worker", "--concurrency", "1")
    successor = deployed.process("worker", "--concurrency", "1")
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        with deployed.template_being_edited("1"):
            wait_until(lambda: any(face.commands for face in faces[: DEVICES // 2]), "the first session")
            worker.stop(signal.SIGKILL)
        assert pushes_left(deployed) >= DEVICES // 2
        for face in faces:
            face.fault = None
        deployed.let_claims_lapse()
        successor.start()
        wait_until(lambda: pushes_left(deployed) == 0 and all(told(faces)), "that every device is told")
    assert all(1 <= count <= 2 for count in told(faces))


def test_a_worker_killed_in_the_middle_of_commands(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    for face in faces[: DEVICES // 2]:
        face.fault = SshFault.STUCK
    worker = deployed.process("worker", "--concurrency", "1")
    successor = deployed.process("worker", "--concurrency", "1")
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        deployed.shell(COMMANDS.format(text="echo once"))
        wait_until(lambda: unfinished(deployed) == DEVICES // 2 and all(face.commands for face in faces), "the start")
        worker.stop(signal.SIGKILL)
        deployed.let_claims_lapse()
        successor.start()
        wait_until(lambda: unfinished(deployed) == 0, "that no command is left in progress")
    assert [face.commands for face in faces] == [["echo once"]] * DEVICES, "a command was sent twice"
    results = outputs(deployed)
    assert sum(result == ("success", "once\n") for result in results) == DEVICES // 2
    assert sum(status == "failed" and "was interrupted" in text for status, text in results) == DEVICES // 2


def test_many_workers_share_what_is_to_do(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    workers = [deployed.process("worker", "--concurrency", "2") for _ in range(2)]
    with running(*workers, deployed.process("scheduler")):
        deployed.edit_template("1")
        deployed.shell(COMMANDS.format(text="echo once"))
        # duplicated messages: every process is told again and again
        deployed.shell(
            "from openwisp_controller.connection.tasks import push_due, reconcile\n"
            "for _ in range(20): push_due.delay(); reconcile.delay()"
        )
        wait_until(lambda: unfinished(deployed) == 0 and all(told(faces)), "that everything is done")
        wait_until(lambda: pushes_left(deployed) == 0, "that nothing is left")
    assert [face.commands.count("echo once") for face in faces] == [1] * DEVICES
    assert told(faces) == [1] * DEVICES


def test_the_broker_is_away(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    with running(deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        deployed.broker.stop()
        deployed.edit_template("1")
        deployed.shell(COMMANDS.format(text="echo once"))
        assert unfinished(deployed) == DEVICES
        assert deployed.broker.start()
        wait_until(lambda: unfinished(deployed) == 0 and all(told(faces)), "that everything is made up for")
        wait_until(lambda: pushes_left(deployed) == 0, "that nothing is left")
    assert told(faces) == [1] * DEVICES
    assert [face.commands.count("echo once") for face in faces] == [1] * DEVICES


def test_the_database_is_restarted_while_sessions_are_open(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    for face in faces:
        face.fault = SshFault.SLOW
    with running(deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        deployed.shell(COMMANDS.format(text="echo once"))
        wait_until(lambda: all(face.commands for face in faces), "that all commands run")
        deployed.database.stop()
        assert deployed.database.start()
        wait_until(lambda: unfinished(deployed) == 0, "that every end is stored")
    assert [face.commands for face in faces] == [["echo once"]] * DEVICES
    assert set(outputs(deployed)) == {("success", "once\n")}


def test_live_updates_come_from_a_process_of_their_own(deployed: Deployment, faces: list[DeviceSshServer]) -> None:
    port = free_port()
    login = """
from django.contrib.auth import get_user_model
from django.test import Client
user = get_user_model().objects.create_superuser("root", "root@example.org", "password")
client = Client()
client.force_login(user)
from openwisp_controller.config.models import Device
from pathlib import Path
Path("{path}").write_text(client.cookies["sessionid"].value + " " + str(Device.objects.order_by("name")[0].pk))
"""
    path = deployed.directory / "session"
    deployed.shell(login.format(path=path))
    session, device = path.read_text().split()
    live = deployed.process("live", "--port", str(port), "--workers", "1")
    with running(live, deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        wait_until_ready(f"http://127.0.0.1:{port}")
        address = f"http://127.0.0.1:{port}/ws/controller/device/{device}/command"
        messages = asyncio.run(watch(address, session, deployed))
    assert [message["data"]["output"] for message in messages][-1] == "1\n2\n3\n4\n5\n6\n"
    assert len(messages) > 1, "the output was not shown while the command was running"
    assert {message["data"]["status"] for message in messages[:-1]} == {"in-progress"}


async def watch(address: str, session: str, deployed: Deployment) -> list[Any]:
    cookies = {"sessionid": session}
    messages: list[Any] = []
    async with aiohttp.ClientSession(cookies=cookies) as client:
        for _ in range(100):  # in quick succession, so that each is refused while another is being closed
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(address, origin="http://evil.example.org")
        async with client.ws_connect(address, origin="http://127.0.0.1") as socket:
            with pytest.raises(TimeoutError):  # nothing happens for a while, and the socket stays open
                await socket.receive(timeout=6)
            await asyncio.to_thread(deployed.shell, COMMANDS.format(text="count 6 every 0.4"))
            while not messages or messages[-1]["data"]["status"] == "in-progress":
                messages.append(json.loads((await socket.receive(timeout=PATIENCE)).data))
    return messages


def test_processes_say_what_they_lack(deployed: Deployment, tmp_path: Path) -> None:
    env = {name: value for name, value in deployed.env.items() if name != "ENCRYPTION_KEYS"}
    worker = Process(("worker",), env, tmp_path / "log")
    with running(worker):
        wait_until(lambda: not worker.running, "the refusal")
    assert "ENCRYPTION_KEYS is not set" in worker.output
