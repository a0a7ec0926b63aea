"""The session of one device with its controller: answers are checked, failures noted, attempts counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import protocol, rules
from .events import Endpoint, EventKind, Observer, State
from .policy import AgentPolicy, Pause, draw
from .seeded_random import SeededRandom
from .transport import ConnectionFailed, Reply, Request, Transport


class AgentExit(Exception):
    """The agent ended by itself, with an exit code, and leaves the device in a state."""

    def __init__(self, code: int, state: State, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.state = state
        self.reason = reason


class ControllerSession:
    """Sends the requests of one agent, as patiently as its policy says.

    Args:
        transport: carries the requests to the controller.
        policy: pauses and numbers of attempts.
        observer: is told of retries and of violations of the protocol.
        random: decides how long a pause is.
    """

    __slots__ = ("_observer", "_random", "_transport", "policy")

    def __init__(self, transport: Transport, policy: AgentPolicy, observer: Observer, random: SeededRandom) -> None:
        self.policy = policy
        self._transport = transport
        self._observer = observer
        self._random = random

    async def send(self, request: Request) -> Reply | None:
        """Return the answer to a request, or None when there is none; either way without trying again."""
        try:
            reply = await self._transport.send(request)
        except ConnectionFailed as error:
            self.retry(request.endpoint, str(error))
            return None
        for violation in rules.violations(request.endpoint, reply):
            self._observer.violation(request.endpoint, violation)
        if reply.status == rules.TEMPORARILY_UNAVAILABLE:
            self.retry(request.endpoint, "the controller is temporarily unavailable (503)")
        return reply

    async def repeat(
        self, request: Request, accepts: Callable[[Reply], bool], attempts: int, pause: Pause
    ) -> Reply | None:
        """Send a request until an answer is accepted; None when no attempt had one. Pauses in between."""
        for attempt in range(attempts):
            if attempt:
                await self.pause(pause)
            reply = await self.send(request)
            if reply is not None and accepts(reply):
                return reply
        return None

    def require_controller(self, endpoint: Endpoint, reply: Reply) -> None:
        """Raise AgentExit when the agent has to conclude that what answered is no controller."""
        if protocol.checks_header(endpoint, reply.status) and not reply.from_controller:
            raise AgentExit(4, State.BROKEN, f"{endpoint}: what answered is not a controller (header missing)")

    def retry(self, endpoint: Endpoint, detail: str) -> None:
        """Note that something has to be tried again."""
        self._observer.note(EventKind.RETRY, f"{endpoint}: {detail}")

    async def pause(self, pause: Pause) -> None:
        """Wait for a random time within the bounds."""
        await asyncio.sleep(draw(pause, self._random))
