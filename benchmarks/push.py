"""How long it takes to tell many devices over SSH: real servers, a simulated round trip, one worker process.

    python -m benchmarks.push [DEVICES] [ROUND_TRIP_MS]

The servers, whose CPU counts as well, share two processes; every packet that reaches them is held back for one round
trip. Everything runs on this machine, PostgreSQL included.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

from tests.services import postgresql, redis

PASSWORD = "benchmark-password"
PORT = 22022
PROCESSES = 2


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its line."""
    devices = int(arguments[0]) if arguments else 1000
    round_trip = float(arguments[1]) / 1000 if len(arguments) > 1 else 0.2
    with ExitStack() as stack:
        os.environ["DATABASE_URL"] = stack.enter_context(postgresql())
        os.environ["REDIS_URL"] = stack.enter_context(redis())
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        servers = [_servers(number, devices, round_trip, stack) for number in range(PROCESSES)]
        for server in servers:
            assert server.stdout is not None
            server.stdout.readline()
        _measure(devices, round_trip)
    return 0


def _measure(devices: int, round_trip: float) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    _prepare(devices)
    from django.db import connections

    from openwisp_controller.config.models import Device
    from openwisp_controller.connection import push, worker
    from openwisp_controller.connection.models import DeviceConnection, Push

    peak = _watch_concurrency()
    for title in ("first time, host keys are learnt", "again"):
        push.request(list(Device.objects.values_list("pk", flat=True)))
        cpu, wall = time.process_time(), time.perf_counter()
        worker.Worker().run_until_idle()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        told = DeviceConnection.objects.filter(is_working=True).count()
        assert (told, Push.objects.count()) == (devices, 0), (told, Push.objects.count())
        print(
            f"{devices} devices, round trip {round_trip * 1000:.0f} ms ({title}): {wall:.1f} s,"
            f" {cpu / devices * 1000:.1f} ms CPU each, up to {peak()} sessions at once,"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"
        )
    connections.close_all()


def _watch_concurrency() -> Any:
    from openwisp_controller.connection import sessions

    running = highest = 0
    original = sessions.push

    async def counted(task: Any) -> Any:
        nonlocal running, highest
        running += 1
        highest = max(highest, running)
        try:
            return await original(task)
        finally:
            running -= 1

    sessions.push = counted
    return lambda: highest


def _prepare(devices: int) -> None:
    from openwisp_users.models import Organization

    from openwisp_controller.config.models import Config, Device
    from openwisp_controller.connection import auto_add
    from openwisp_controller.connection.models import Credentials

    organization = Organization.objects.create(name="bench", slug="bench")
    rows = [
        Device(
            organization=organization, name=f"router-{number}", management_ip=_address(number), key=f"{number:032d}",
            mac_address=f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        )
        for number in range(devices)
    ]  # fmt: skip
    Device.objects.bulk_create(rows)
    Config.objects.bulk_create([Config(device=row, backend="netjsonconfig.OpenWrt") for row in rows])
    credentials = Credentials(
        organization=organization, name="all", auto_add=True,
        connector="openwisp_controller.connection.connectors.ssh.Ssh",
        params={"username": "root", "password": PASSWORD, "port": PORT},
    )  # fmt: skip
    credentials.save()
    auto_add.attach_to_devices(credentials.pk)


def _address(number: int) -> str:
    return f"127.88.{number >> 8}.{number & 255}" if number & 255 else f"127.89.{number >> 8}.1"


def _servers(number: int, devices: int, round_trip: float, stack: ExitStack) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.push", "serve", str(number), str(devices), str(round_trip)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


async def _serve(number: int, devices: int, round_trip: float) -> None:
    """Be every second of the devices."""
    from asyncssh.connection import SSHServerConnection

    from openwisp_controller.fleet.ssh import DeviceSshServer

    at_once = SSHServerConnection.data_received

    def delayed(self: Any, data: bytes, datatype: Any = None) -> None:
        asyncio.get_running_loop().call_later(round_trip, at_once, self, data)

    SSHServerConnection.data_received = delayed
    faces = [DeviceSshServer(PASSWORD) for _ in range(number, devices, PROCESSES)]
    for face, device in zip(faces, range(number, devices, PROCESSES), strict=True):
        await face.start(_address(device), PORT)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        asyncio.run(_serve(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        sys.exit(main(sys.argv[1:]))
