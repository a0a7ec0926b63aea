"""The agent of one device, from its start to its end: registration, polling, update, report.

What it holds in its attributes is lost when it ends; what it puts into the storage stays. So cancelling
``run`` at any moment is a power cut, and a new Agent on the same storage is what comes after.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import NoReturn, Protocol

from . import protocol
from .archive import ArchiveError, Content, InvalidConfiguration, unpack
from .events import Endpoint, EventKind, State
from .identity import Identity
from .policy import AgentPolicy, Pause, draw
from .storage import Credentials, Storage
from .transport import ConnectionFailed, Reply, Request, Transport


class AgentExit(Exception):
    """The agent ended by itself, with an exit code, and leaves the device in a state."""

    def __init__(self, code: int, state: State, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.state = state
        self.reason = reason


class Observer(Protocol):
    """Whom an agent tells what happens."""

    def enter(self, state: State, reason: str = "") -> None:
        """The device is in a state now."""

    def note(self, kind: EventKind, detail: str = "") -> None:
        """Something happened."""

    def violation(self, endpoint: Endpoint, what: str) -> None:
        """The controller broke the protocol."""


class Agent:
    """The state machine. ``find_management_ip`` returns the address to tell, or None when there is none."""

    def __init__(
        self,
        identity: Identity,
        storage: Storage,
        transport: Transport,
        policy: AgentPolicy,
        observer: Observer,
        find_management_ip: Callable[[], str | None],
        source: random.Random,
    ) -> None:
        self._identity = identity
        self._storage = storage
        self._transport = transport
        self._policy = policy
        self._observer = observer
        self._find_management_ip = find_management_ip
        self._random = source
        self._checksum = storage.checksum
        self._mismatches = 0
        self._log: list[str] = []
        self._wake = asyncio.Event()

    async def run(self, after_boot: bool) -> NoReturn:
        """Register if need be, then poll for ever. Raises AgentExit when the agent gives up."""
        credentials = self._storage.credentials
        just_registered = credentials is None
        if credentials is None:
            credentials = await self._register()
        else:
            self._observer.enter(State.APPLIED if self._checksum else State.REGISTERED)
            if after_boot:
                await self._update_info(credentials)
        loop = asyncio.get_running_loop()
        next_cycle = loop.time()
        while True:
            # The shipped agent does not look for its address in the first cycle after a registration.
            management_ip = None if just_registered else self._find_management_ip()
            just_registered = False
            await self._cycle(credentials, management_ip)
            while next_cycle <= loop.time():
                next_cycle += self._policy.interval
            await self._sleep_until(next_cycle)

    def check_now(self) -> None:
        """Run the next cycle at once, as a push of the controller asks for."""
        self._wake.set()

    def reapply(self) -> None:
        """Forget the local checksum and run the next cycle at once."""
        self._checksum = None
        self._wake.set()

    async def _register(self) -> Credentials:
        secret = self._storage.secret
        if not secret:
            raise AgentExit(1, State.WAITING, "neither credentials nor a shared secret are stored")
        while True:
            try:
                reply = await self._send(protocol.register(self._identity, secret, self._find_management_ip()))
            except ConnectionFailed as error:
                self._retry(Endpoint.REGISTER, str(error))
            else:
                self._require_controller(Endpoint.REGISTER, reply)
                if reply.status == 403:
                    raise AgentExit(5, State.REFUSED, f"registration refused: {reply.text.strip()}")
                registration = protocol.parse_registration(reply) if reply.status == 201 else None
                if registration is not None:
                    self._storage.enrol(registration.credentials)
                    self._observer.note(EventKind.REGISTERED, "new" if registration.is_new else "known")
                    self._observer.enter(State.REGISTERED)
                    return registration.credentials
                self._observer.enter(State.REJECTED, f"registration failed ({reply.status}): {reply.text.strip()}")
            await asyncio.sleep(self._policy.register_pause)

    async def _update_info(self, credentials: Credentials) -> None:
        request = protocol.update_info(credentials, self._identity)
        for _ in range(self._policy.attempts):
            try:
                reply = await self._send(request)
            except ConnectionFailed as error:
                self._retry(Endpoint.UPDATE_INFO, str(error))
                await asyncio.sleep(self._policy.update_info_pause)
            else:
                self._require_controller(Endpoint.UPDATE_INFO, reply)
                return

    async def _cycle(self, credentials: Credentials, management_ip: str | None) -> None:
        checksum = await self._fetch_checksum(protocol.checksum(credentials, management_ip))
        if checksum is not None and checksum != self._checksum:
            await self._update(credentials, management_ip, checksum)

    async def _fetch_checksum(self, request: Request) -> str | None:
        """The checksum the controller names; None when it could not be had in this cycle."""
        failures = missing = 0
        while True:
            reply = await self._try(request)
            if reply is not None and reply.status == 200:
                self._require_controller(Endpoint.CHECKSUM, reply)
                return protocol.parse_checksum(reply)
            if reply is not None and reply.status == 404:
                missing += 1
                if missing >= self._policy.missing_attempts:
                    raise AgentExit(0, State.GONE, "the controller does not know this device (404)")
                await self._pause(self._policy.missing_pause)
                continue
            failures += 1
            if failures >= self._policy.attempts:
                return None
            await self._pause(self._policy.retry_pause)

    async def _update(self, credentials: Credentials, management_ip: str | None, checksum: str) -> None:
        self._log = []
        self._say("Local configuration outdated")
        archive = await self._download(protocol.download(credentials, management_ip))
        if archive is None:
            return
        digest = hashlib.md5(archive, usedforsecurity=False).hexdigest()
        if digest != checksum:
            self._mismatch(checksum, digest)
            return
        self._mismatches = 0
        self._say("Configuration downloaded")
        self._observer.note(EventKind.DOWNLOADED, checksum)
        try:
            content = unpack(archive)
        except (ArchiveError, InvalidConfiguration) as error:
            self._say(f"ERROR: invalid configuration: {error}")
            await self._report_error(credentials, checksum)
            return
        await self._apply(credentials, management_ip, checksum, content)

    async def _apply(
        self, credentials: Credentials, management_ip: str | None, checksum: str, content: Content
    ) -> None:
        for warning in content.warnings:
            self._say(f"WARNING: {warning}")
            self._observer.note(EventKind.WARNING, warning)
        backup = self._storage.backup()
        self._storage.apply(content)
        await asyncio.sleep(self._policy.settle)
        if not await self._test(protocol.checksum(credentials, management_ip)):
            self._storage.restore(backup)
            self._say("ERROR: the controller cannot be reached with the new configuration, the old one is restored")
            await self._report_error(credentials, checksum)
            return
        self._storage.checksum = self._checksum = checksum
        if await self._report(protocol.report_status(credentials, "applied")):
            self._observer.note(EventKind.APPLIED, checksum)
            self._observer.enter(State.APPLIED)
        else:
            self._forget_checksums()

    async def _download(self, request: Request) -> bytes | None:
        for _ in range(self._policy.attempts):
            reply = await self._try(request)
            if reply is not None and reply.status < 400:
                return reply.body
            await self._pause(self._policy.retry_pause)
        return None

    def _mismatch(self, expected: str, actual: str) -> None:
        """The archive is not the one announced: benign when a change came in between, not when it goes on."""
        self._checksum = None
        self._mismatches += 1
        detail = f"the archive hashes to {actual}, the checksum is {expected}"
        if self._mismatches > self._policy.max_mismatches:
            self._observer.violation(Endpoint.DOWNLOAD, f"{detail}, for {self._mismatches} cycles in a row")
        else:
            self._retry(Endpoint.DOWNLOAD, detail)

    async def _test(self, request: Request) -> bool:
        """Whether the controller answers anything at all."""
        for _ in range(self._policy.test_attempts):
            if await self._try(request) is not None:
                return True
            await self._pause(self._policy.test_pause)
        return False

    async def _report_error(self, credentials: Credentials, checksum: str) -> None:
        # In memory only: no new attempt until the controller has something else or the agent starts anew.
        self._checksum = checksum
        reason = "\n".join(self._log)
        if await self._report(protocol.report_status(credentials, "error", reason)):
            self._observer.note(EventKind.ERROR, self._log[-1])
            self._observer.enter(State.ERROR, self._log[-1])
        else:
            self._forget_checksums()

    async def _report(self, request: Request) -> bool:
        for _ in range(self._policy.attempts):
            reply = await self._try(request)
            if reply is not None and reply.status == 200:
                self._require_controller(Endpoint.REPORT_STATUS, reply)
                return True
            await self._pause(self._policy.retry_pause)
        return False

    def _forget_checksums(self) -> None:
        """A report that did not arrive: the whole update is repeated in the next cycle."""
        self._storage.checksum = self._checksum = None

    async def _send(self, request: Request) -> Reply:
        reply = await self._transport.send(request)
        for fault in protocol.faults(request.endpoint, reply):
            self._observer.violation(request.endpoint, fault)
        return reply

    async def _try(self, request: Request) -> Reply | None:
        try:
            return await self._send(request)
        except ConnectionFailed as error:
            self._retry(request.endpoint, str(error))
            return None

    def _require_controller(self, endpoint: Endpoint, reply: Reply) -> None:
        if protocol.needs_header(endpoint, reply.status) and not reply.from_controller:
            raise AgentExit(4, State.BROKEN, f"{endpoint}: what answered is not a controller (header missing)")

    def _retry(self, endpoint: Endpoint, detail: str) -> None:
        self._observer.note(EventKind.RETRY, f"{endpoint}: {detail}")

    def _say(self, line: str) -> None:
        self._log.append(f"openwisp-config: {line}")

    async def _pause(self, pause: Pause) -> None:
        await asyncio.sleep(draw(pause, self._random))

    async def _sleep_until(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
