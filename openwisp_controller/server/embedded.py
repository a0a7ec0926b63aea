"""The embedded server process: HTTP, WebSockets, a worker and a scheduler in one, sharing the in-memory broker."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from celery.beat import Service

from .asgi import websockets
from .bridge import AsgiBridge
from .celery import app
from .garbage import collect_in_own_thread
from .processes import THREADS
from .scheduler import SteadyScheduler
from .wsgi import application as wsgi_application

logger = logging.getLogger(__name__)
_RESTART_AFTER = 2.0
_http = AsgiBridge(wsgi_application, int(os.environ.get(THREADS, "4")))


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer HTTP with the WSGI application, which is the cheaper way, and WebSockets besides it."""
    await (websockets if scope["type"] == "websocket" else _http)(scope, receive, send)


def run_worker() -> None:
    """Run a Celery worker in this thread until it fails."""
    worker = app.WorkController(
        app=app,
        pool="solo",
        hostname="embedded@localhost",
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()


def run_scheduler() -> None:
    """Run Celery's scheduler in this thread until it fails."""
    Service(app, scheduler_cls=SteadyScheduler).start(embedded_process=False)


def keep_running(name: str, run: Callable[[], None]) -> None:
    """Run something in a daemon thread, again and again."""

    def loop() -> None:
        while True:
            try:
                run()
            except BaseException:
                logger.exception("The %s of the embedded server stopped, starting it again", name)
            time.sleep(_RESTART_AFTER)

    threading.Thread(target=loop, name=name, daemon=True).start()


collect_in_own_thread()
keep_running("worker", run_worker)
keep_running("scheduler", run_scheduler)

__all__ = ["application"]
