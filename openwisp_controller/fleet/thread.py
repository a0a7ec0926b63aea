"""Runs a fleet in a background thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .fleet import Fleet


class FleetError(RuntimeError):
    """Something inside a fleet went wrong."""


class FleetThread:
    """A fleet at work in the background; also a context manager that starts and stops it.

    An exception inside the fleet is raised by ``wait_for`` and ``stop``, as ``FleetError``.

    Args:
        fleet: one that is not running.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._up = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the devices are switched on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, timeout: float = 30.0) -> None:
        """Switch the devices on.

        Raises:
            RuntimeError: they are on already.
            TimeoutError: the thread did not begin to work within ``timeout`` seconds.
        """
        if self.running:
            raise RuntimeError("the fleet is running already")
        self._error = None
        self._up.clear()
        self._thread = threading.Thread(target=self._work, name="fleet", daemon=True)
        self._thread.start()
        if not self._up.wait(timeout):  # a stop that follows at once must find something to stop
            raise TimeoutError(f"the fleet did not start within {timeout} seconds")

    def stop(self, timeout: float = 30.0) -> None:
        """Switch the devices off and wait, at most ``timeout`` seconds, until they are. Harmless when off.

        Raises:
            TimeoutError: they are not off by then.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            if thread.is_alive():
                self.fleet.stop()
            thread.join(timeout)
            if thread.is_alive():
                self._thread = thread
                raise TimeoutError(f"the fleet did not stop within {timeout} seconds")
        self._raise_error()

    def wait_for(self, predicate: Callable[[Fleet], bool], timeout: float) -> bool:
        """Wait until the predicate is true of the fleet and return True, or False after ``timeout`` seconds.

        Returns early, with what the predicate says then, when the fleet is not running any more.
        """
        deadline = time.monotonic() + timeout
        while True:
            running = self.running
            if predicate(self.fleet):
                return True
            self._raise_error()
            if not running or time.monotonic() >= deadline:
                return False
            time.sleep(0.02)

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # handed to the thread that waits
            self._error = error
        finally:
            self._up.set()

    async def _run(self) -> None:
        running = asyncio.create_task(self.fleet.run())
        await asyncio.sleep(0)
        self._up.set()
        await running

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise FleetError(f"the fleet failed: {error}") from error
