"""Virtual devices with a real SSH server: a push wakes their agents, a reboot boots them again."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest

from openwisp_controller.connection.connectors.openwrt.ssh import VERSION, WAKE
from openwisp_controller.fleet import Event, EventKind, Fleet, SshFault, SshOptions

from ..services import free_port
from .fleet_controller import PATIENCE, SECRET, FakeController, make_archive


def send(fleet: Fleet, number: int, options: SshOptions, command: str) -> Any:
    async def run() -> Any:
        async with asyncssh.connect(
            str(fleet.devices[number].management_ip), options.port, username="root", password=options.password,
            known_hosts=None, client_keys=None, config=None,
        ) as connection:  # fmt: skip
            return await connection.run(command)

    return run()


async def until(done: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():  # noqa: ASYNC110  (what is waited for is no event)
            await asyncio.sleep(0.02)


def test_a_push_makes_devices_look_at_once() -> None:
    events: list[Event] = []

    async def scenario() -> None:
        async with FakeController() as controller:
            options = SshOptions(port=free_port(), password="a-password")
            fleet = Fleet(controller.url, SECRET, 2, interval=600, ssh=options, on_event=events.append)
            running = asyncio.create_task(fleet.run())
            await until(lambda: fleet.summary().applied == 2)
            before = fleet.checksums()

            def is_new(name: str) -> bool:
                return fleet.checksums().get(name, before[name]) != before[name]  # none while it boots

            controller.archive = make_archive({"etc/config/system": "config system 'other'\n"})
            assert (await send(fleet, 0, options, VERSION)).stdout == "openwisp-config 1.3.0a\n"
            assert (await send(fleet, 0, options, WAKE)).exit_status == 0
            told, other = (device.name for device in fleet.devices)
            await until(lambda: is_new(told))
            assert fleet.checksums()[other] == before[other]
            assert (await send(fleet, 1, options, "reboot")).exit_status is None
            await until(lambda: is_new(other))
            fleet.stop()
            await running

    asyncio.run(scenario())
    assert EventKind.PUSHED in {event.kind for event in events}


def test_a_share_of_the_servers_is_faulty_and_repeatable() -> None:
    def faults(seed: int) -> list[SshFault | None]:
        fleet = Fleet("http://127.0.0.1:1", SECRET, 40, seed=seed, ssh=SshOptions(fault_rate=0.5))
        return [server.fault for server in fleet.ssh_servers.values()]

    assert faults(1) == faults(1)
    assert faults(1) != faults(2)
    assert 8 < sum(fault is not None for fault in faults(1)) < 32


def test_addresses_stay_on_this_machine() -> None:
    with pytest.raises(ValueError, match="no part of the loopback network"):
        SshOptions(network="10.0.0.0/8")
