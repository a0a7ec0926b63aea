"""Threads that answer requests for an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

_Job = tuple[Callable[[], None], asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class AnswerThreads:
    """A fixed number of threads, which live as long as the process; cheaper for each request than an executor.

    Args:
        count: how many requests are answered at once.
    """

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"http_{number}", daemon=True).start()

    async def run(self, job: Callable[[], None]) -> None:
        """Run ``job`` in one of the threads and wait for its end; raise what it raises."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._jobs.put((job, loop, done))
        await done

    def _work(self) -> None:
        while True:
            job, loop, done = self._jobs.get()
            try:
                job()
            except BaseException as error:
                loop.call_soon_threadsafe(_fail, done, error)
            else:
                loop.call_soon_threadsafe(_finish, done)
            del job, done


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
