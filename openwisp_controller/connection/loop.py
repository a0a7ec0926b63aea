"""The event loop of this process for all SSH sessions: one thread, started at the first use."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a daemon thread. A forked child starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._process = os.getpid()
                threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True).start()
            return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result. Not to be called on the loop itself."""
        loop = self.loop
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is loop:
            work.close()
            raise RuntimeError("The synchronous connector interface cannot be used on the event loop of the sessions.")
        return asyncio.run_coroutine_threadsafe(work, loop).result()


sessions = LoopThread()
run = sessions.run


def _fork() -> None:
    sessions.__init__()  # type: ignore[misc]  # locks of the parent mean nothing here


os.register_at_fork(after_in_child=_fork)
