"""Background workers: processes for each kind of work, forked from one that has everything loaded.

Nothing urgent waits behind something that is not: compiling configurations has processes of its own, one for each core;
pushes, and all the rest, share one with threads, for they mostly wait for others.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from socket import gethostname
from types import FrameType

from celery.concurrency import get_implementation
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections, connections

from . import environment
from .celery import app
from .queues import COMPILE

logger = logging.getLogger(__name__)
#: Tasks at once in the process for pushes and the rest.
THREADS = 4
_RESTART_AFTER = 1.0


@dataclass(frozen=True)
class Pool:
    """A process that runs tasks of some queues, one at a time or in threads."""

    name: str
    queues: tuple[str, ...]
    threads: int = 1

    def run(self) -> None:
        """Run a Celery worker in this process until it is told to stop."""
        worker = app.Worker(
            pool_cls=get_implementation("solo" if self.threads == 1 else "threads"), concurrency=self.threads,
            queues=self.queues, hostname=f"{self.name}-{os.getpid()}@{gethostname()}",
            loglevel=environment.log_level(), without_gossip=True, without_mingle=True,
        )  # fmt: skip
        worker.start()
        sys.exit(worker.exitcode)


def pools(queues: Sequence[str], processes: int) -> list[Pool]:
    """Return the processes that work off these queues.

    Args:
        queues: some of ``queues.QUEUES``.
        processes: how many compile.
    """
    compiling = [Pool(f"compile-{number}", (COMPILE,)) for number in range(processes)] if COMPILE in queues else []
    others = tuple(queue for queue in queues if queue != COMPILE)
    return [*compiling, *([Pool("rest", others, THREADS)] if others else [])]


def run(wanted: Sequence[Pool]) -> int:
    """Run processes until this one is told to stop; one that ends by itself is started again."""
    _keep_connections()
    _load()
    connections.close_all()
    gc.collect()
    gc.freeze()  # so that what is loaded stays shared, and is not looked through again and again
    return _Supervisor(wanted).run()


def _load() -> None:
    """Load what the processes need while there is one, so that they share it."""
    app.loader.import_default_modules()
    for module in ("celery.apps.worker", "celery.concurrency.solo", "celery.concurrency.thread",
                   "celery.worker.autoscale", "celery.worker.components", "celery.worker.consumer"):  # fmt: skip
        import_module(module)
    app.connection_for_read().get_transport_cls()


def _keep_connections() -> None:
    """Keep connections to the database from one task to the next, as web servers do, and drop those that broke."""
    app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
    for moment in (task_prerun, task_postrun):
        moment.connect(_close_old_connections, weak=False)


def _close_old_connections(sender: object, **kwargs: object) -> None:
    if not getattr(getattr(sender, "request", None), "is_eager", False):
        close_old_connections()


class _Supervisor:
    def __init__(self, wanted: Sequence[Pool]) -> None:
        self._running: dict[int, Pool] = {}
        self._wanted = wanted
        self._stopping = False

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for pool in self._wanted:
            self._start(pool)
        while self._running:
            self._wait()
        return 0

    def _start(self, pool: Pool) -> None:
        pid = os.fork()
        if pid:
            self._running[pid] = pool
            return
        _become(pool.run)

    def _wait(self) -> None:
        pid, status = os.waitpid(-1, 0)
        pool = self._running.pop(pid, None)
        if pool is None or self._stopping:
            return
        logger.error("The worker %s ended (%d), starting it again", pool.name, os.waitstatus_to_exitcode(status))
        time.sleep(_RESTART_AFTER)
        if not self._stopping:
            self._start(pool)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)


def _become(work: Callable[[], None]) -> None:
    """Do nothing but this in a forked process."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        logger.exception("A worker failed")
    finally:
        logging.shutdown()
        os._exit(code)
