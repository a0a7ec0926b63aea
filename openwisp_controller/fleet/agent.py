"""The agent of one device, from its start to its end: registration, inventory, polling.

What it holds in its attributes is lost when it ends; what it puts into the storage stays. So cancelling
``run`` at any moment is a power cut, and a new Agent on the same storage is what comes after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from . import protocol
from .events import Endpoint, EventKind, Observer, State
from .faults import CutPoint, FaultKind, FaultPlan
from .identity import Identity
from .session import AgentExit, ControllerSession
from .storage import Credentials, Storage
from .transport import Reply, Request
from .update import Updater


class Agent:
    """The state machine of one agent.

    Args:
        identity: of the device.
        storage: of the device.
        session: with the controller.
        plan: of the faults of the device.
        observer: is told of states, events and faults.
        find_management_ip: returns the address to send, None when there is none.
    """

    __slots__ = ("_find_management_ip", "_identity", "_observer", "_plan", "_session", "_storage", "_updater", "_wake")

    def __init__(
        self,
        identity: Identity,
        storage: Storage,
        session: ControllerSession,
        plan: FaultPlan,
        observer: Observer,
        find_management_ip: Callable[[], str | None],
    ) -> None:
        self._identity = identity
        self._storage = storage
        self._session = session
        self._plan = plan
        self._observer = observer
        self._find_management_ip = find_management_ip
        self._updater: Updater | None = None
        self._wake = asyncio.Event()

    async def run(self, after_boot: bool) -> NoReturn:
        """Register if need be, then poll for ever.

        Raises:
            AgentExit: the agent gives up.
            PowerCut: the device loses its power.
        """
        credentials = self._storage.credentials
        just_registered = credentials is None
        if credentials is None:
            credentials = await self._register()
        elif after_boot:
            await self._update_info(credentials)
        self._updater = Updater(credentials, self._storage, self._session, self._plan, self._observer)
        loop = asyncio.get_running_loop()
        next_cycle = loop.time()
        while True:
            self._plan.next_cycle()
            if self._plan.offline:
                self._observer.fault(FaultKind.OFFLINE)
            else:
                # The shipped agent does not look for its address in the first cycle after a registration.
                await self._cycle(credentials, self._updater, None if just_registered else self._find_management_ip())
            just_registered = False
            self._plan.reach(CutPoint.IDLE)
            while next_cycle <= loop.time():
                next_cycle += self._session.policy.interval
            await self._sleep_until(next_cycle)

    def check_now(self) -> None:
        """Run the next cycle at once, as a push of the controller asks for; it does not reach a device offline."""
        if not self._plan.offline:
            self._wake.set()

    def reapply(self) -> None:
        """Forget the local checksum and run the next cycle at once."""
        if self._updater is not None:
            self._updater.forget()
        self.check_now()

    async def _register(self) -> Credentials:
        secret = self._storage.secret
        if not secret:
            raise AgentExit(1, State.WAITING, "neither credentials nor a shared secret are stored")
        while True:
            self._plan.next_cycle()
            if self._plan.offline:
                self._observer.fault(FaultKind.OFFLINE)
            else:
                self._plan.reach(CutPoint.START)
                request = protocol.register(self._identity, secret, self._find_management_ip())
                credentials = self._enrol(await self._session.send(request))
                if credentials is not None:
                    self._plan.reach(CutPoint.IDLE)
                    return credentials
            self._plan.reach(CutPoint.IDLE)
            await asyncio.sleep(self._session.policy.register_pause)

    def _enrol(self, reply: Reply | None) -> Credentials | None:
        """Store what an answer to a registration gives; None when the device has to try again."""
        if reply is None:
            return None
        self._session.require_controller(Endpoint.REGISTER, reply)
        if reply.status == 403:
            raise AgentExit(5, State.REFUSED, f"registration refused: {reply.text.strip()}")
        registration = protocol.parse_registration(reply) if reply.status == 201 else None
        if registration is None:
            self._observer.enter(State.REJECTED, f"registration failed ({reply.status}): {reply.text.strip()}")
            return None
        self._plan.reach(CutPoint.REGISTERED)
        self._storage.enrol(registration.credentials)
        self._observer.note(EventKind.REGISTERED, "new" if registration.is_new else "known")
        self._observer.enter(State.REGISTERED)
        return registration.credentials

    async def _update_info(self, credentials: Credentials) -> None:
        policy = self._session.policy
        request = protocol.update_info(credentials, self._identity)
        pause = (policy.update_info_pause, policy.update_info_pause)
        reply = await self._session.repeat(request, lambda _: True, policy.attempts, pause)
        if reply is not None:
            self._session.require_controller(Endpoint.UPDATE_INFO, reply)

    async def _cycle(self, credentials: Credentials, updater: Updater, management_ip: str | None) -> None:
        self._plan.reach(CutPoint.START)
        checksum = await self._fetch_checksum(protocol.checksum(credentials, management_ip))
        if checksum is not None:
            await updater.follow(checksum, management_ip)

    async def _fetch_checksum(self, request: Request) -> str | None:
        """The checksum the controller names; None when it could not be had in this cycle."""
        policy = self._session.policy
        failures = missing = 0
        while True:
            reply = await self._session.send(request)
            if reply is not None and reply.status == 200:
                self._session.require_controller(Endpoint.CHECKSUM, reply)
                return protocol.parse_checksum(reply)
            if reply is not None and reply.status == 404:
                missing += 1
                if missing > policy.missing_retries:
                    raise self._unknown()
                await self._session.pause(policy.missing_pause)
                continue
            failures += 1
            if failures >= policy.attempts:
                return None
            await self._session.pause(policy.retry_pause)

    def _unknown(self) -> AgentExit:
        """The end of an agent whose device counts as deleted; a deactivated one is expected to end so."""
        deactivated = self._storage.current_status == "deactivated"
        state = State.DEACTIVATED if deactivated else State.GONE
        return AgentExit(0, state, "the controller does not know this device (404)")

    async def _sleep_until(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
