"""Methods that the field knows on models and that are use cases: each calls one function.

This is the only module where models look upward, so it alone imports inside functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from .command import Command
    from .connection import DeviceConnection


class CommandInterface:
    """What can be done with a command."""

    def execute(self) -> None:
        """Run this command now and wait for its end.

        Raises:
            RuntimeError: it was run already.
        """
        from ..worker import run_now

        run_now(cast("Command", self))


class ConnectionInterface:
    """What can be done with a connection."""

    def connect(self) -> bool:
        """Connect to the device, store whether that worked and return it."""
        from ..attempts import connect

        return connect(cast("DeviceConnection", self))
