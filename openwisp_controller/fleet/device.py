"""A virtual device: hardware with an identity and a storage, on which a supervisor runs the agent."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from .agent import Agent, AgentExit
from .events import Endpoint, Event, EventKind, State, Violation
from .identity import Identity
from .policy import AgentPolicy
from .storage import Storage
from .transport import Transport


class VirtualDevice:
    """One device. ``run`` is power on, cancelling it is power off; identity and storage outlive both.

    ``on_event`` is told every event and ``on_violation`` every violation, in the thread of the event loop;
    ``seed`` makes the lengths of its pauses repeatable.
    """

    def __init__(
        self,
        identity: Identity,
        storage: Storage,
        policy: AgentPolicy | None = None,
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        on_violation: Callable[[Violation], None] = lambda violation: None,
        seed: int = 1,
    ) -> None:
        self.identity = identity
        self.storage = storage
        self.policy = policy or AgentPolicy()
        self.state = State.WAITING
        self.reason = ""
        self.stopped = False
        self.management_ip: str | None = identity.management_ip
        self._agent: Agent | None = None
        self._on_event = on_event
        self._on_violation = on_violation
        self._random = random.Random(f"{seed} {identity.mac_address}")

    @property
    def name(self) -> str:
        """The name the device registers with."""
        return self.identity.name

    async def run(self, transport: Transport) -> None:
        """Boot, and keep the agent running; returns when the supervisor has given up on it."""
        self.stopped = False
        after_boot = True
        restarts = 0
        try:
            while True:
                started = time.monotonic()
                ended = await self._run_agent(transport, after_boot)
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
        finally:
            self._agent = None

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
            transport,
            self.policy,
            observer=self,
            find_management_ip=lambda: self.management_ip,
            source=self._random,
        )
        try:
            await self._agent.run(after_boot)
        except AgentExit as ended:
            return ended

    def enter(self, state: State, reason: str = "") -> None:
        """Take a state, and tell when that is a change."""
        changed = (state, reason) != (self.state, self.reason)
        self.state, self.reason = state, reason
        if changed:
            self.note(EventKind.STATE, reason)

    def note(self, kind: EventKind, detail: str = "") -> None:
        """Tell an event."""
        self._on_event(Event(time.time(), self.name, kind, self.state, detail))

    def violation(self, endpoint: Endpoint, what: str) -> None:
        """Tell that the controller broke the protocol."""
        violation = Violation(self.name, endpoint, what)
        self._on_violation(violation)
        self.note(EventKind.VIOLATION, str(violation))
