"""Threads that answer requests for an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

#: Values for which the first frame of a thread asks for room: a little more than 256 KiB, so that CPython reserves 512.
_ROOM = 33_000
_Job = tuple[Callable[[], None], asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class AnswerThreads:
    """A fixed number of threads, which live as long as the process; cheaper for each request than an executor.

    CPython (3.11 and later) keeps the frames of a thread in pieces of 16 KiB, and gives a piece back to the system as
    soon as it is left: where a loop happens to call functions across the end of a piece, each call costs a system call
    and a page fault, and a page twice its time. So each thread begins with a frame that reserves one large piece.

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


AnswerThreads._work.__code__ = AnswerThreads._work.__code__.replace(co_stacksize=_ROOM)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
