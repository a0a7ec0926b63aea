"""What can be observed of a fleet: states, events, violations of the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Endpoint(StrEnum):
    """The five conversations of a device with its controller."""

    REGISTER = "register"
    UPDATE_INFO = "update-info"
    CHECKSUM = "checksum"
    DOWNLOAD = "download-config"
    REPORT_STATUS = "report-status"


class State(StrEnum):
    """Where a device stands. It changes with results, not while a configuration is on its way."""

    WAITING = "waiting"  # not registered yet
    REJECTED = "rejected"  # invalid registration (400, 404)
    REFUSED = "refused"  # the controller refused the registration (403)
    REGISTERED = "registered"  # has credentials, has applied nothing yet
    APPLIED = "applied"  # runs a configuration and has told so
    ERROR = "error"  # could not apply a configuration and has told so
    GONE = "gone"  # the controller does not know the device (any more)
    BROKEN = "broken"  # what answered is not a controller

    @property
    def is_result(self) -> bool:
        """Whether the device has come to a result, good or bad, and is not merely on its way to one."""
        return self not in (State.WAITING, State.REGISTERED)


class EventKind(StrEnum):
    """The kinds of events."""

    STATE = "state"
    REGISTERED = "registered"
    DOWNLOADED = "downloaded"
    APPLIED = "applied"
    ERROR = "error"
    RETRY = "retry"
    WARNING = "warning"
    VIOLATION = "violation"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Event:
    """Something happened to a device. ``time`` in seconds since the epoch, ``detail`` for people."""

    time: float
    device: str
    kind: EventKind
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Violation:
    """The controller broke the protocol: which device met it, at which endpoint, and what it was."""

    device: str
    endpoint: Endpoint
    what: str

    def __str__(self) -> str:
        return f"{self.device}: {self.endpoint}: {self.what}"
