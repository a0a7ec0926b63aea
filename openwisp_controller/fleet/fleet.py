"""Many virtual devices in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from .device import VirtualDevice
from .events import Event, Violation
from .faults import Faults, Mix
from .identity import make_identity
from .metrics import Metrics
from .policy import AgentPolicy
from .seeded_random import SeededRandom
from .ssh import DeviceSshServer
from .ssh_fleet import SshOptions, make_ssh_server
from .storage import Storage
from .summary import Summary, problem, summarize
from .transport import HttpTransport, Transport

_STARTS_PER_SECOND = 100
_LOOK_EVERY = 0.05
_LOOK_AT_LEAST_EVERY = 0.5
_KEPT_VIOLATIONS = 1000


class Fleet:
    """A number of virtual devices that enrol at one controller and follow it.

    Everything that is left to chance is a function of ``seed``.

    Args:
        url: base URL of the controller.
        secret: shared secret of an organization.
        devices: how many there are.
        interval: seconds between two polls of a device.
        seed: decides, with ``name_prefix``, who the devices are.
        name_prefix: of their names.
        concurrency: how many requests may be under way at once.
        on_event: called in the thread of the event loop.
        spread: seconds over which the devices are switched on, evenly (default: 100 devices a second, within one
            interval); with ``spread=interval`` their polls stay spread evenly, too.
        policy: patience of the agents; its interval is overridden by ``interval``.
        tags: template tags that they register with.
        verify_tls: whether the certificate of the controller is verified.
        wrap_transport: puts something of the caller's between a device and the network.
        faults: how often devices fail by themselves.
        mix: how many of them are unlike the others.
        ssh: runs a real SSH server for each device.

    Attributes:
        devices: the devices, in the order of their numbers.
        faults: as above; may be set at any time, from any thread.
        ssh_servers: SSH servers by the name of their device.
        violations: the first thousand different violations of the protocol.
        metrics: counters of requests.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        devices: int,
        *,
        interval: float = 120.0,
        seed: int = 1,
        name_prefix: str = "device",
        concurrency: int = 200,
        on_event: Callable[[Event], None] | None = None,
        spread: float | None = None,
        policy: AgentPolicy | None = None,
        tags: str = "",
        verify_tls: bool = True,
        wrap_transport: Callable[[VirtualDevice, Transport], Transport] | None = None,
        faults: Faults | None = None,
        mix: Mix | None = None,
        ssh: SshOptions | None = None,
    ) -> None:
        if devices < 1:
            raise ValueError(f"a fleet has at least one device, not {devices}")
        self.url = url
        self.metrics = Metrics()
        self.faults = faults or Faults()
        self.violations: list[Violation] = []
        self._spread = min(interval, devices / _STARTS_PER_SECOND) if spread is None else spread
        self._concurrency = concurrency
        self._verify_tls = verify_tls
        self._on_event = on_event
        self._wrap_transport = wrap_transport
        self._known_violations: set[Violation] = set()
        self._further_violations = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None
        self._stopping = False
        self._defect: BaseException | None = None
        policy = replace(policy or AgentPolicy(), interval=interval)
        mix = mix or Mix()
        self.devices = [
            self._make_device(number, seed, secret, policy, mix, (name_prefix, tags))
            for number in range(1, devices + 1)
        ]
        self._ssh = ssh
        self.ssh_servers: dict[str, DeviceSshServer] = {}
        if ssh is not None:
            for number, device in enumerate(self.devices, 1):
                self.ssh_servers[device.name] = make_ssh_server(device, number, ssh, seed)

    async def run(self, duration: float | None = None, until: Callable[[Fleet], bool] | None = None) -> None:
        """Switch the devices on and let them work.

        Returns after ``duration`` seconds, or once ``until`` is true of the fleet, or after ``stop``,
        whichever comes first. The devices are switched off then; running again boots them with what their
        storages hold.
        """
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._stopping = False
        self._defect = None
        transport = HttpTransport(self.url, self.metrics, self._concurrency, verify_tls=self._verify_tls)
        tasks: list[asyncio.Task[None]] = []
        try:
            async with transport:
                tasks = [
                    asyncio.create_task(self._power_on(device, transport, self._spread * index / len(self.devices)))
                    for index, device in enumerate(self.devices)
                ]
                for task in tasks:
                    task.add_done_callback(self._look_for_defect)
                with suppress(TimeoutError):
                    async with asyncio.timeout(duration):
                        await self._wait(until)
                await _cancel(tasks)
        finally:
            await _cancel(tasks)
            self._loop = None

    def stop(self) -> None:
        """Let ``run`` return; no effect when it is not running. For any thread and signal handlers."""
        loop, changed = self._loop, self._changed
        if loop is not None and changed is not None:
            self._stopping = True
            with suppress(RuntimeError):  # the loop was closed in between
                loop.call_soon_threadsafe(changed.set)

    def summary(self) -> Summary:
        """Return how the fleet stands now."""
        return summarize(self.devices, self.metrics, len(self.violations) + self._further_violations)

    def checksums(self) -> dict[str, str]:
        """Return, by device name, the checksum of the configuration each device has applied."""
        return {device.name: device.storage.checksum for device in self.devices if device.storage.checksum is not None}

    def problems(self) -> list[str]:
        """Return, for people, why the run is no success: violations, then devices that have not applied.

        A device that did not come to it because of injected faults does not count.
        """
        lines = [f"violation: {violation}" for violation in self.violations]
        if self._further_violations:
            lines.append(f"violation: {self._further_violations} further ones were not kept")
        return lines + list(filter(None, map(problem, self.devices)))

    def _make_device(
        self, number: int, seed: int, secret: str, policy: AgentPolicy, mix: Mix, naming: tuple[str, str]
    ) -> VirtualDevice:
        random = SeededRandom(seed, f"kind of device {number}")
        identity = make_identity(
            number,
            seed,
            *naming,
            has_hostname=not random.happens("mac name", mix.mac_name_rate),
            has_hardware_id=random.happens("hardware id", mix.hardware_id_rate),
        )
        return VirtualDevice(
            identity,
            Storage(secret, overwrite=random.happens("overwrite", mix.overwrite_rate)),
            policy,
            on_event=self._event,
            on_violation=self._violation,
            seed=seed,
            faults=lambda: self.faults,
        )

    async def _power_on(self, device: VirtualDevice, transport: Transport, delay: float) -> None:
        await asyncio.sleep(delay)
        server = self.ssh_servers.get(device.name)
        if server is None or self._ssh is None or device.management_ip is None:
            await self._run(device, transport)
            return
        await server.start(device.management_ip, self._ssh.port)
        try:
            await self._run(device, transport)
        finally:
            await server.stop()

    async def _run(self, device: VirtualDevice, transport: Transport) -> None:
        await device.run(self._wrap_transport(device, transport) if self._wrap_transport else transport)

    def _look_for_defect(self, task: asyncio.Task[None]) -> None:
        """A defect of ours must not look like a device that is quiet."""
        if not task.cancelled() and task.exception() is not None:
            self._defect = task.exception()

    async def _wait(self, until: Callable[[Fleet], bool] | None) -> None:
        assert self._changed is not None
        while not self._stopping and not (until is not None and until(self)):
            if self._defect is not None:
                raise self._defect
            # Changes come in bursts, and looking at a large fleet costs something.
            await asyncio.sleep(_LOOK_EVERY)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AT_LEAST_EVERY):
                    await self._changed.wait()
            self._changed.clear()

    def _event(self, event: Event) -> None:
        if self._changed is not None:
            self._changed.set()
        if self._on_event is not None:
            self._on_event(event)

    def _violation(self, violation: Violation) -> None:
        if violation in self._known_violations:
            return
        if len(self.violations) < _KEPT_VIOLATIONS:
            self._known_violations.add(violation)
            self.violations.append(violation)
        else:
            self._further_violations += 1


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
