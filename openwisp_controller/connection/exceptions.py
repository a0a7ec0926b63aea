"""What can go wrong on the way to a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import DeviceConnection


class NoWorkingDeviceConnectionError(Exception):
    """None of the device's connections works; ``connection`` is the one tried last, None when there was none."""

    def __init__(self, connection: DeviceConnection | None) -> None:
        super().__init__(connection.failure_reason if connection is not None else NO_CONNECTION)
        self.connection = connection


NO_CONNECTION = "The device has no enabled connection over which this could be done."
