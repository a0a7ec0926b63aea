"""Exceptions of connecting to devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import DeviceConnection

NO_CONNECTION = "The device has no enabled connection over which this could be done."


class NoWorkingDeviceConnectionError(Exception):
    """None of the device's connections works; ``connection`` is the one tried last, None when there was none."""

    def __init__(self, connection: DeviceConnection | None) -> None:
        super().__init__(connection.failure_reason if connection is not None else NO_CONNECTION)
        self.connection = connection


class CommandFailedException(Exception):
    """A remote command ended with an unexpected exit status; the text is its output."""


class CommandTimeoutException(Exception):
    """A remote command did not end in time."""


class ConnectionFailed(OSError):
    """A device could not be reached or refused the login; the text says why."""


class DeviceBusy(Exception):
    """A device cannot be told anything right now; it is to be told again later."""


class HostKeyChanged(ConnectionFailed):
    """A device did not identify itself with the key that it is known by."""


def reason_of(error: BaseException) -> str:
    """Return why something failed, never an empty text."""
    return str(error).strip() or type(error).__name__
