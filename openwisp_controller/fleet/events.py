"""What can be observed of a fleet: states, events, violations of the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .faults import FaultKind


class Endpoint(StrEnum):
    """The five requests that a device makes to its controller."""

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
    DEACTIVATED = "deactivated"  # has applied the empty configuration, and the controller is done with it
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
    PUSHED = "pushed"
    DOWNLOADED = "downloaded"
    APPLIED = "applied"
    ERROR = "error"
    RETRY = "retry"
    WARNING = "warning"
    FAULT = "fault"
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


class Observer(Protocol):
    """Whom an agent tells what happens."""

    def enter(self, state: State, reason: str = "") -> None:
        """The device is in a state now."""

    def note(self, kind: EventKind, detail: str = "") -> None:
        """Something happened."""

    def fault(self, kind: FaultKind, detail: str = "") -> None:
        """An injected fault hit the device."""

    def violation(self, endpoint: Endpoint, what: str) -> None:
        """The controller broke the protocol."""
