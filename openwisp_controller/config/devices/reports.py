"""What devices report about the configuration that they fetched last."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from ...common.sql import update_row, update_unchanged
from ..compiling.compilation import Compilation
from ..models import Config, Notice
from ..models.config import shorten_reason
from ..unit_of_work import unit_of_work
from .stored import locked

Status = Config.Status
UNKNOWN_REASON = "Reason not reported by the device."


class State(NamedTuple):
    """What a report is judged by, and what it may change; the names are those of ``Config``."""

    status: str
    error_reason: str
    compile_error: str
    release_policy: str
    downloaded_id: int | None
    released_id: int | None
    applied_id: int | None
    downloaded_checksum: str | None
    released_checksum: str | None

    @classmethod
    def of(cls, config: Config) -> State:
        """Return the state of a configuration."""
        downloaded, released = config.downloaded, config.released
        return cls(
            config.status, config.error_reason, config.compile_error, config.release_policy,
            config.downloaded_id, config.released_id, config.applied_id,
            downloaded.checksum if downloaded else None, released.checksum if released else None,
        )  # fmt: skip

    @property
    def is_current(self) -> bool:
        """Whether what the device downloaded last is what is released; one that never downloaded here is believed."""
        if self.downloaded_checksum is None or self.released_checksum is None:
            return True
        return self.downloaded_checksum == self.released_checksum

    def after(self, status: str, reason: str | None = None) -> State:
        """Return the state after a report.

        The report proves something about the revision that the device downloaded. When that is not the released one
        any more, the status stays "modified". A device that never downloaded from here is believed.

        Args:
            status: "applied" or "error".
            reason: why it failed, in the words of the device; None = it did not say, empty = as before.
        """
        state = self
        if status == Status.APPLIED:
            state = state._replace(applied_id=self.downloaded_id or self.released_id or self.applied_id)
        if self.status == Status.DEACTIVATING:
            if status == Status.APPLIED and self.is_current:
                return state._replace(status=Status.DEACTIVATED.value, error_reason="")
            return state._replace(error_reason=self._reason(reason)) if status == Status.ERROR else state
        if self.compile_error and self.release_policy == Config.Release.AUTOMATIC:
            return state  # what was wrong before the device came in is still wrong
        if not self.is_current:
            return state._replace(status=Status.MODIFIED.value)
        if status == Status.APPLIED:
            return state._replace(status=Status.APPLIED.value, error_reason="")
        return state._replace(status=Status.ERROR.value, error_reason=self._reason(reason))

    def _reason(self, reason: str | None) -> str:
        if reason is None:
            return UNKNOWN_REASON
        return shorten_reason(reason) if reason else self.error_reason


def report(config: Config, status: str, reason: str | None = None) -> None:
    """Take in what a device reports about the configuration it fetched last; see ``State.after``."""
    with unit_of_work() as unit:
        device = locked(unit, config.device_id)
        if device is not None and device.has_config():
            take_in(device.config, status, reason)
            config.adopt(device.config, "status", "error_reason", "applied_id")


def take_in_at_once(device_id: uuid.UUID, before: State, after: State) -> bool:
    """Store what a report leads to with one statement; False where others have a part in it, or it was changed since.

    For what nobody listens to. Errors are told to people, and deactivated devices lose what they had.

    Args:
        device_id: primary key of the device.
        before: as it was read, without a lock.
        after: what the report leads to.
    """
    if before.status == Status.DEACTIVATING or after.status == Status.ERROR:
        return False
    known = {name: value for name, value in before._asdict().items() if not name.endswith("_checksum")}
    changed = {"status": after.status, "error_reason": after.error_reason, "applied_id": after.applied_id}
    return update_unchanged(Config, {"device_id": device_id, **known}, changed)


def take_in(config: Config, status: str, reason: str | None = None) -> None:
    """Take in a report about a configuration whose row the caller has locked and loaded just now.

    Args:
        config: with device and pointers at hand.
        status: "applied" or "error".
        reason: see ``State.after``.
    """
    before = State.of(config)
    after = before.after(status, reason)
    if after == before:
        return
    config.status, config.error_reason, config.applied_id = after.status, after.error_reason, after.applied_id
    update_row(config, "status", "error_reason", "applied_id")
    config.remember_stored(["status", "error_reason"])
    has_new_status = after.status != before.status
    if has_new_status:
        with unit_of_work() as unit:
            unit.of(Compilation).status_replaced(config, before.status)
    if after.status == Status.ERROR and (has_new_status or after.error_reason != before.error_reason):
        Notice.write("config_error", config.pk)
