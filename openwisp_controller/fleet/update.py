"""How an agent follows the controller: download, verify, back up, apply, test, report."""

from __future__ import annotations

import asyncio
import hashlib

from . import protocol
from .archive import ArchiveError, Content, InvalidConfiguration, unpack
from .events import Endpoint, EventKind, Observer, State
from .faults import CutPoint, FaultKind, FaultPlan, Loss
from .session import ControllerSession
from .storage import Credentials, Storage
from .transport import Reply, Request


class Updater:
    """Brings the configuration the controller names into force.

    ``checksum`` is what the agent holds in memory: the archive that is in force, or the one that could not be
    applied; None when the next poll has to lead to an update.
    """

    __slots__ = ("_credentials", "_log", "_mismatches", "_observer", "_plan", "_session", "_storage", "checksum")

    def __init__(
        self,
        credentials: Credentials,
        storage: Storage,
        session: ControllerSession,
        plan: FaultPlan,
        observer: Observer,
    ) -> None:
        self.checksum = storage.checksum
        self._credentials = credentials
        self._storage = storage
        self._session = session
        self._plan = plan
        self._observer = observer
        self._mismatches = 0
        self._log: list[str] = []

    async def follow(self, checksum: str, management_ip: str | None) -> None:
        """Update if the controller names a checksum other than the one in memory."""
        if checksum != self.checksum:
            self._plan.reach(CutPoint.POLLED)
            await self._update(checksum, management_ip)
        elif checksum == self._storage.checksum:
            self._observer.enter(State.APPLIED)

    def forget(self) -> None:
        """Delete the checksums: the whole update is repeated after the next poll."""
        self._storage.checksum = self.checksum = None

    async def _update(self, checksum: str, management_ip: str | None) -> None:
        self._log = []
        self._say("Local configuration outdated")
        archive = await self._download(protocol.download(self._credentials, management_ip))
        if archive is None or not self._verify(archive, checksum):
            return
        self._say("Configuration downloaded")
        self._observer.note(EventKind.DOWNLOADED, checksum)
        self._plan.reach(CutPoint.DOWNLOADED)
        content = self._unpack(archive)
        if content is None:
            await self._report_error(checksum)
        elif await self._apply(content, management_ip):
            self._plan.reach(CutPoint.APPLIED)
            await self._report_applied(checksum)
        else:
            self._plan.reach(CutPoint.APPLIED)
            await self._report_error(checksum)

    async def _download(self, request: Request) -> bytes | None:
        policy = self._session.policy
        reply = await self._session.repeat(
            request, lambda reply: reply.status < 400, policy.attempts, policy.retry_pause
        )
        return None if reply is None else reply.body

    def _verify(self, archive: bytes, expected: str) -> bool:
        """Whether the archive is the one announced. A change in between explains a mismatch, but not several."""
        actual = hashlib.md5(archive, usedforsecurity=False).hexdigest()
        if actual == expected:
            self._mismatches = 0
            return True
        self.checksum = None
        self._mismatches += 1
        detail = f"the archive hashes to {actual}, the checksum is {expected}"
        limit = self._session.policy.max_mismatches
        if self._mismatches == limit + 1:
            self._observer.violation(Endpoint.DOWNLOAD, f"{detail}, for {self._mismatches} cycles in a row")
        else:
            self._session.retry(Endpoint.DOWNLOAD, detail)
        return False

    def _unpack(self, archive: bytes) -> Content | None:
        """The content of an archive; None when the agent cannot accept it."""
        try:
            content = unpack(archive)
        except (ArchiveError, InvalidConfiguration) as error:
            self._observer.violation(Endpoint.DOWNLOAD, str(error))
            self._say(f"ERROR: invalid configuration: {error}")
            return None
        for fault in content.faults:
            self._observer.violation(Endpoint.DOWNLOAD, fault)
        for warning in content.warnings:
            self._say(f"WARNING: {warning}")
            self._observer.note(EventKind.WARNING, warning)
        return content

    async def _apply(self, content: Content, management_ip: str | None) -> bool:
        """Put a configuration into force and test it; otherwise the former one is in force again."""
        backup = self._storage.backup()
        if self._storage.apply(content):
            await asyncio.sleep(self._session.policy.settle)  # services reload
        failure = self._plan.failure()
        if failure:
            self._observer.fault(FaultKind.FAILURE, failure[-1])
            for line in failure:
                self._say(line)
        elif await self._test(protocol.checksum(self._credentials, management_ip)):
            return True
        else:
            self._say("ERROR: the controller cannot be reached with the new configuration")
        self._storage.restore(backup)
        self._say("The former configuration is restored")
        return False

    async def _test(self, request: Request) -> bool:
        """Whether the controller answers anything at all."""
        policy = self._session.policy
        return await self._session.repeat(request, lambda _: True, policy.test_attempts, policy.test_pause) is not None

    async def _report_applied(self, checksum: str) -> None:
        self.checksum = checksum
        if await self._report(protocol.report_status(self._credentials, "applied")):
            # Only now: an update that was interrupted anywhere before is repeated.
            self._storage.checksum = checksum
            self._observer.note(EventKind.APPLIED, checksum)
            deactivated = self._storage.current_status == "deactivated"
            self._observer.enter(State.DEACTIVATED if deactivated else State.APPLIED)
        else:
            self.forget()

    async def _report_error(self, checksum: str) -> None:
        # In memory only: no new attempt until the controller has something else or the agent starts anew.
        self.checksum = checksum
        reason = next((line for line in self._log if "ERROR: " in line), self._log[-1])
        if await self._report(protocol.report_status(self._credentials, "error", "\n".join(self._log))):
            self._observer.note(EventKind.ERROR, reason)
            self._observer.enter(State.ERROR, reason)
        else:
            self.forget()

    async def _report(self, request: Request) -> bool:
        """Whether a report arrived, as far as the device knows."""
        loss = self._plan.loss()
        if loss is not None:
            self._observer.fault(FaultKind.LOST_REPORT, f"{loss} got lost")
            if loss is Loss.ANSWER:
                await self._session.send(request)
            return False
        policy = self._session.policy
        reply = await self._session.repeat(request, _is_ok, policy.attempts, policy.retry_pause)
        if reply is None:
            return False
        self._plan.reach(CutPoint.REPORTED)
        self._session.require_controller(Endpoint.REPORT_STATUS, reply)
        self._storage.current_status = protocol.parse_status(reply)
        return True

    def _say(self, line: str) -> None:
        self._log.append(f"openwisp-config: {line}")


def _is_no_error(reply: Reply) -> bool:
    return reply.status < 400


def _is_ok(reply: Reply) -> bool:
    return reply.status == 200
