"""SSH servers for the devices of a fleet, each on a loopback address of its own."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .device import VirtualDevice
from .events import EventKind
from .seeded_random import SeededRandom
from .ssh import DeviceSshServer, SshFault

_FAULTS = tuple(SshFault)


@dataclass(frozen=True)
class SshOptions:
    """How the devices of a fleet are reached over SSH.

    ``port`` is the same for all of them; their addresses, which they report as management addresses, are taken from
    ``network``, a part of the loopback network, one after the other. ``password`` is that of "root".
    ``fault_rate``, from 0 to 1, is the share of the devices on whose server something is wrong.
    """

    port: int = 2222
    password: str = "openwisp-fleet"
    network: str = "127.77.0.0/16"
    fault_rate: float = 0.0

    def __post_init__(self) -> None:
        if not ipaddress.ip_network(self.network).is_loopback:
            raise ValueError(f"{self.network} is no part of the loopback network")
        if not 0 <= self.fault_rate <= 1:
            raise ValueError(f"fault_rate is a probability from 0 to 1, not {self.fault_rate}")


def make_ssh_server(device: VirtualDevice, number: int, options: SshOptions, seed: int) -> DeviceSshServer:
    """Give a device an SSH server, which is not started yet, and the address of it."""
    device.management_ip = str(ipaddress.ip_network(options.network)[number])

    def wake() -> None:
        device.note(EventKind.PUSHED)
        device.check_now()

    server = DeviceSshServer(options.password, on_wake=wake, on_reboot=device.reboot)
    random = SeededRandom(seed, f"ssh of device {number}")
    if random.happens("ssh fault", options.fault_rate):
        server.fault = random.pick("ssh fault kind", _FAULTS)
        device.note(EventKind.FAULT, server.fault.value)
    return server
