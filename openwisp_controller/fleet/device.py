"""A virtual device: hardware with an identity and a storage, on which a supervisor runs the agent."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from .agent import Agent
from .events import Endpoint, Event, EventKind, State, Violation
from .faults import FaultKind, FaultPlan, Faults, PowerCut
from .identity import Identity
from .policy import AgentPolicy
from .seeded_random import SeededRandom
from .session import AgentExit, ControllerSession
from .storage import Storage
from .transport import Transport


class VirtualDevice:
    """One device. ``run`` is power on, cancelling it is power off; identity and storage outlive both.

    Args:
        identity: who it is.
        storage: its flash memory.
        policy: patience of its agent.
        on_event: is told every event, in the thread of the event loop.
        on_violation: is told every violation of the protocol, in the thread of the event loop.
        seed: makes pauses and injected faults repeatable.
        faults: returns how often faults occur just now.

    Attributes:
        state: where it stands.
        reason: why it stands there.
        stopped: whether the supervisor has given up.
        exit_code: how its agent ended last.
        injected: how many faults hit it so far.
        disturbed: whether one did since it applied a configuration.
    """

    __slots__ = (
        "_agent",
        "_life",
        "_on_event",
        "_on_violation",
        "_plan",
        "_random",
        "_rebooting",
        "disturbed",
        "exit_code",
        "identity",
        "injected",
        "management_ip",
        "policy",
        "reason",
        "state",
        "stopped",
        "storage",
    )  # fmt: skip

    def __init__(
        self,
        identity: Identity,
        storage: Storage,
        policy: AgentPolicy | None = None,
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        on_violation: Callable[[Violation], None] = lambda violation: None,
        seed: int = 1,
        faults: Callable[[], Faults] = Faults,
    ) -> None:
        self.identity = identity
        self.storage = storage
        self.policy = policy or AgentPolicy()
        self.state = State.WAITING
        self.reason = ""
        self.stopped = False
        self.exit_code: int | None = None
        self.disturbed = False
        self.injected: Counter[FaultKind] = Counter()
        self.management_ip: str | None = identity.management_ip
        self._agent: Agent | None = None
        self._life: asyncio.Future[None] | None = None
        self._rebooting = False
        self._on_event = on_event
        self._on_violation = on_violation
        self._random = SeededRandom(seed, identity.mac_address)
        self._plan = FaultPlan(self._random, faults)

    @property
    def name(self) -> str:
        """The name the device registers with."""
        return self.identity.name

    async def run(self, transport: Transport) -> None:
        """Boot, and keep the agent running; returns when the supervisor has given up on it.

        A power cut ends everything but the storage, and is followed by another boot.
        """
        self.stopped = False
        try:
            while True:
                self._life = asyncio.ensure_future(self._supervise(transport))
                try:
                    await self._life
                except PowerCut as cut:
                    self._agent = None
                    self.fault(FaultKind.POWER_CUT, str(cut.point))
                except asyncio.CancelledError:
                    if not self._rebooting:
                        raise
                    self._rebooting = False
                    self._agent = None
                else:
                    return
                await asyncio.sleep(self.policy.boot_pause)
        finally:
            self._agent = None
            if self._life is not None:
                self._life.cancel()

    def reboot(self) -> None:
        """End everything but the storage and boot again. Call it in the event loop's thread."""
        if self._life is not None and not self._life.done():
            self._rebooting = True
            self._life.cancel()

    async def _supervise(self, transport: Transport) -> None:
        """Start the agent, and again when it ended, until it has ended too soon too often."""
        after_boot = True
        restarts = 0
        while True:
            started = time.monotonic()
            ended = await self._run_agent(transport, after_boot)
            self.exit_code = ended.code
            self.enter(ended.state, ended.reason)
            after_boot = False
            if time.monotonic() - started > self.policy.restart_threshold:
                restarts = 0
            if restarts >= self.policy.restarts:
                self.stopped = True
                self.note(EventKind.STOPPED, ended.reason)
                return
            restarts += 1
            await asyncio.sleep(self.policy.restart_pause)

    def check_now(self) -> None:
        """Let the agent poll at once, as a controller's push does. Call it in the event loop's thread."""
        if self._agent is not None:
            self._agent.check_now()

    def reapply(self) -> None:
        """Let the agent forget its checksum and apply once more. Call it in the event loop's thread."""
        if self._agent is not None:
            self._agent.reapply()

    async def _run_agent(self, transport: Transport, after_boot: bool) -> AgentExit:
        self._agent = Agent(
            self.identity,
            self.storage,
            ControllerSession(transport, self.policy, self, self._random),
            self._plan,
            self,
            lambda: self.management_ip,
        )
        try:
            await self._agent.run(after_boot)
        except AgentExit as ended:
            return ended

    def enter(self, state: State, reason: str = "") -> None:
        """Take a state, and tell when that is a change."""
        changed = (state, reason) != (self.state, self.reason)
        self.state, self.reason = state, reason
        if state is State.APPLIED and self.storage.checksum is not None:
            self.disturbed = False
        if changed:
            self.note(EventKind.STATE, reason)

    def note(self, kind: EventKind, detail: str = "") -> None:
        """Tell an event."""
        self._on_event(Event(time.time(), self.name, kind, self.state, detail))

    def fault(self, kind: FaultKind, detail: str = "") -> None:
        """Count an injected fault and tell it."""
        self.injected[kind] += 1
        self.disturbed = True
        self.note(EventKind.FAULT, f"{kind}: {detail}" if detail else str(kind))

    def violation(self, endpoint: Endpoint, what: str) -> None:
        """Tell that the controller broke the protocol."""
        violation = Violation(self.name, endpoint, what)
        self._on_violation(violation)
        self.note(EventKind.VIOLATION, str(violation))
