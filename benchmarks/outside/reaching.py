"""Devices told of changes over SSH, devices that cannot be reached, and urgent work behind less urgent work."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ..push import PASSWORD, PORT
from . import load
from .deployment import registration, wait_until
from .operations import Bench, Row, count

TOLD = 200
UNREACHABLE = 500
WATCHED = 60
"""Seconds."""
ENROLLED = 300
_SILENT = PORT + 1


def run(bench: Bench, devices: int) -> Iterator[Row]:
    """Measure them, with that many devices in the database."""
    from openwisp_controller.config.models import Device

    keys = list(Device.objects.order_by("pk").values_list("pk", flat=True)[: TOLD + UNREACHABLE])
    yield _told(bench, keys[:TOLD])
    yield _unreachable(bench, keys[TOLD:])
    yield _urgent(bench, devices)


def _told(bench: Bench, keys: Sequence[Any]) -> Row:
    """All are told over SSH, by real servers, which are not counted."""
    from openwisp_controller.connection.models import Push

    _connect(keys, 88, PORT)

    def tell() -> None:
        _request(keys)
        wait_until(lambda: not Push.objects.exists(), "all are told")

    with _servers(len(keys)):
        tell()  # host keys are learnt
        row = bench.measure("push, per device", len(keys), tell, target=3)
    working = count("SELECT COUNT(*) FROM connection_deviceconnection WHERE is_working")
    if working != len(keys):
        raise RuntimeError(f"{working} of {len(keys)} devices were told")
    return row


def _unreachable(bench: Bench, keys: Sequence[Any]) -> Row:
    """Their machines take the connection and never say a word."""
    _connect(keys, 98, _SILENT)
    failed = "SELECT COUNT(*) FROM connection_deviceconnection WHERE is_working IS FALSE"
    told = "SELECT COUNT(*) FROM openwisp_notifications_notification WHERE type = 'connection_is_not_working'"

    def watch() -> None:
        _request(keys)
        time.sleep(WATCHED)
        wait_until(lambda: count(failed) == len(keys), "all are known to be unreachable")

    with ExitStack() as stack:
        for number in range(len(keys)):
            stack.enter_context(_silent(_address(98, number)))
        row = bench.measure("", 1, watch)
    cpu = {name: used / row.wall for name, used in row.cpu.items()}
    operation = f"{len(keys)} unreachable, a second; {count(told)} notifications"
    return Row(operation, round(row.wall), cpu, row.calibration, row.wall, target=50)


def _urgent(bench: Bench, devices: int) -> Row:
    """Many devices have just enrolled, about which people are to be told; a template is edited."""
    from openwisp_controller.config.models import Template
    from openwisp_controller.config.unit_of_work import unit_of_work

    fresh = [load.Request("/controller/register/", registration(4 * devices + number)) for number in range(ENROLLED)]
    compiled = "SELECT COUNT(*) FROM config_revision WHERE cause = 'related_template_changed'"
    waited: list[float] = []

    def edit() -> load.Run:
        run = load.run(bench.deployment.port, fresh).require(201)
        before = count(compiled)
        start = time.perf_counter()
        with unit_of_work():
            template = Template.objects.get(name="template 1")
            template.config = {**template.config, "general": {"description": str(start)}}
            template.save()
        wait_until(lambda: count(compiled) > before, "the first device is compiled")
        waited.append(time.perf_counter() - start)
        return run

    row = bench.measure("", 1, edit)
    operation = f"edit after {ENROLLED} enrolments, first device: {waited[0]:.2f} s"
    return Row(operation, 1, row.cpu, row.calibration, waited[0])


def _request(keys: Sequence[Any]) -> None:
    """Have devices told as after a change; who is known to have it already is not."""
    from openwisp_controller.config.models import Config
    from openwisp_controller.connection import push

    Config.objects.filter(device_id__in=keys).update(status=Config.Status.MODIFIED)
    push.request(keys)


def _connect(keys: Sequence[Any], network: int, port: int) -> None:
    """Give devices addresses on this machine and credentials."""
    from openwisp_users.models import Organization

    from openwisp_controller.config.models import Device
    from openwisp_controller.connection.models import Credentials, DeviceConnection

    ssh = "openwisp_controller.connection.connectors.ssh.Ssh"
    credentials = Credentials(
        organization=Organization.objects.get(slug="benchmark"), name=f"port {port}", connector=ssh,
        params={"username": "root", "password": PASSWORD, "port": port},
    )  # fmt: skip
    credentials.save()
    for number, key in enumerate(keys):
        Device.objects.filter(pk=key).update(management_ip=_address(network, number))
    strategy = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"
    DeviceConnection.objects.bulk_create(
        [DeviceConnection(device_id=key, credentials=credentials, update_strategy=strategy) for key in keys]
    )


def _address(network: int, number: int) -> str:
    return f"127.{network}.{number >> 7}.{(number & 127) + 1}"


@contextmanager
def _servers(number: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.outside.reaching", str(number)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _silent(address: str) -> Iterator[None]:
    with socket.create_server((address, _SILENT), backlog=16):
        yield


async def _serve(number: int) -> None:
    import asyncio

    from openwisp_controller.fleet.ssh import DeviceSshServer

    for device in range(number):
        await DeviceSshServer(PASSWORD).start(_address(88, device), PORT)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import asyncio

    asyncio.run(_serve(int(sys.argv[1])))
