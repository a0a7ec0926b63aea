"""The worker of this process: claims pushes and commands, runs hundreds of SSH sessions, stores their results.

Database work happens in one thread, sessions run on the event loop (``loop.py``); a queue is between them. Celery tasks
only start the worker, so a slow device blocks no task.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from celery import current_app
from django.db import InterfaceError, OperationalError, connections, transaction

from . import attempts, claims, execution, push, sessions
from .execution import CommandOutcome, CommandTask, Withdrawn
from .loop import sessions as loop_thread
from .models import Command
from .push import PushOutcome
from .settings import settings

logger = logging.getLogger(__name__)
_COLLECT_FOR = 0.02
"""Seconds in which results are collected before they are stored together."""
_LOOK_EVERY = 0.5
_PROGRESS_EVERY = 1.0
_STAY_FOR = 60.0
"""The worker stays for what falls due within so many seconds."""
_DATABASE_PAUSE = 1.0
_STOP_WITHIN = 10.0


@dataclass
class _Results:
    """Results of sessions that are not stored yet."""

    pushed: list[PushOutcome] = field(default_factory=list)
    finished: list[CommandOutcome] = field(default_factory=list)
    starting: list[tuple[CommandTask, asyncio.Future[bool]]] = field(default_factory=list)
    printed: dict[Any, tuple[CommandTask, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pushed or self.finished or self.starting or self.printed)


class Worker:
    """Runs what it claims; to be used by one thread."""

    def __init__(self) -> None:
        self.owner = uuid.uuid4()
        self.woken = threading.Event()
        self.stopping = False
        self._results = _Results()
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._running = 0
        self._commands = 0
        self._renewed = self._looked = self._progress_stored = 0.0

    def run_until_idle(self) -> None:
        """Run everything that is due, then return."""
        try:
            while self._cycle(eager=True):
                pass
        finally:
            if self._running:
                self.release_claims()

    def run_until_unneeded(self) -> None:
        """Run what is due now or soon; an unavailable database is tried again until it is back."""
        while True:
            try:
                busy = self._cycle()
                if not busy and (self.stopping or not self._expects_more()):
                    return
            except (OperationalError, InterfaceError) as error:
                logger.warning("The database is not available, the worker of sessions tries again: %s", error)
                connections.close_all()
                time.sleep(_DATABASE_PAUSE)
                if self.stopping:
                    return

    def run_command(self, command_id: Any) -> None:
        """Run one command to its end."""
        task = execution.claim_one(self.owner, command_id)
        if task is not None:
            self._start_command(task)
            while self._running or self._results:
                self._receive(_LOOK_EVERY)
                self._store()
                self._renew()

    def _cycle(self, eager: bool = False) -> bool:
        """Run one cycle; return False when no session is open and nothing is due."""
        if self._running:
            self._receive(_LOOK_EVERY)
        self._store()
        self._renew()
        started = 0
        if not self.stopping and (eager or self._is_time_to_look()):
            started = self._start_more()
        return bool(started or self._running or self._results)

    def _is_time_to_look(self) -> bool:
        now = time.monotonic()
        if self.woken.is_set() or now - self._looked >= _LOOK_EVERY or not self._running:
            self.woken.clear()
            self._looked = now
            return True
        return False

    def _expects_more(self) -> bool:
        """Wait for work that is about to fall due; return False when there is none."""
        seconds = push.seconds_until_due(within=_STAY_FOR)
        if seconds is None:
            return self.woken.wait(1.0)
        self.woken.wait(min(_STAY_FOR, max(0.05, seconds)))
        return True

    # sessions

    def _start_more(self) -> int:
        most = settings.CONTROLLER_PUSH_CONCURRENCY
        commands = execution.claim(self.owner, most - self._commands)
        for command in commands:
            self._start_command(command)
        pushes = push.claim(self.owner, most - (self._running - self._commands))
        for task in pushes:
            self._spawn(self._push(task))
        return len(commands) + len(pushes)

    def _start_command(self, task: CommandTask) -> None:
        if task.refusal:
            self._results.finished.append(CommandOutcome(task).failed(task.refusal))
        else:
            self._commands += 1
            self._spawn(self._command(task))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._running += 1
        asyncio.run_coroutine_threadsafe(work, loop_thread.loop)

    async def _push(self, task: push.Task) -> None:
        self._messages.put(("pushed", await sessions.push(task)))

    async def _command(self, task: CommandTask) -> None:
        printed = partial(self._printed, task)
        try:
            outcome = await sessions.command(task, partial(self._starting, task), printed)
        except Withdrawn:
            self._messages.put(("withdrawn", task))
        except BaseException as error:
            execution.log_failure(task.command_id, error, task.secrets)
            self._messages.put(("finished", CommandOutcome(task).failed(f"Internal system error: {error}\n")))
        else:
            self._messages.put(("finished", outcome))

    async def _starting(self, task: CommandTask) -> None:
        """Wait until the start is stored; called on the event loop."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._messages.put(("starting", (task, stored)))
        if not await stored:
            raise Withdrawn

    def _printed(self, task: CommandTask, text: str) -> None:
        self._messages.put(("printed", (task, text)))

    # the database

    def _receive(self, wait: float) -> None:
        """Receive results of sessions, waiting for the first one."""
        until = time.monotonic() + _COLLECT_FOR
        try:
            self._sort_in(*self._messages.get(timeout=wait))
            while True:
                self._sort_in(*self._messages.get(timeout=max(0, until - time.monotonic())))
        except queue.Empty:
            pass

    def _sort_in(self, kind: str, what: Any) -> None:
        if kind == "starting":
            self._results.starting.append(what)
            return
        if kind == "printed":
            self._results.printed[what[0].command_id] = what
            return
        self._running -= 1
        if kind != "pushed":
            self._commands -= 1
        if kind == "pushed":
            self._results.pushed.append(what)
        elif kind == "finished":
            self._results.printed.pop(what.task.command_id, None)
            self._results.finished.append(what)

    def _store(self) -> None:
        """Store results; what cannot be stored now stays for the next cycle."""
        results = self._results
        if results.starting:
            stored = execution.start(self.owner, [task.command_id for task, _ in results.starting])
            for task, future in results.starting:
                future.get_loop().call_soon_threadsafe(_resolve, future, task.command_id in stored)
            results.starting.clear()
        if results.pushed or results.finished:
            self._store_results(results.pushed, results.finished)
            results.pushed.clear()
            results.finished.clear()
        if results.printed and time.monotonic() - self._progress_stored >= _PROGRESS_EVERY:
            self._progress_stored = time.monotonic()
            execution.progress(self.owner, list(results.printed.values()))
            results.printed.clear()
        elif not self._running:
            results.printed.clear()

    def _store_results(self, pushed: list[PushOutcome], finished: list[CommandOutcome]) -> None:
        """Store results together; one that cannot be stored is logged and spoils none of the others."""
        try:
            with transaction.atomic():
                done: list[PushOutcome | CommandOutcome] = [*pushed, *finished]
                attempts.store([each for one in done for each in one.attempts])
                push.store(self.owner, pushed)
                execution.store(self.owner, finished)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            if len(pushed) + len(finished) == 1:
                devices = [one.task.device_id for one in pushed] + [one.task.device_id for one in finished]
                logger.exception("What came of a session with device %s could not be stored", devices[0])
                for push_outcome in pushed:
                    push.disown(self.owner, push_outcome.task)
                for command_outcome in finished:
                    execution.disown(self.owner, command_outcome.task.command_id)
                return
            for push_outcome in pushed:
                self._store_results([push_outcome], [])
            for command_outcome in finished:
                self._store_results([], [command_outcome])

    def _renew(self) -> None:
        if self._running and time.monotonic() - self._renewed >= claims.RENEW_EVERY:
            self._renewed = time.monotonic()
            claims.renew(self.owner)

    def release_claims(self) -> None:
        """Release the claims on what was not started, so that other processes can take it."""
        try:
            push.release(self.owner)
            execution.release(self.owner)
        except (OperationalError, InterfaceError) as error:
            logger.warning("What this worker held is done by others after a while: %s", error)


def _resolve(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


class _Background:
    """The thread of this process in which a worker runs while something is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        with self._lock:
            if self._worker is not None and self._thread is not None and self._thread.is_alive():
                self._worker.woken.set()
                return
            self._worker = Worker()
            self._thread = threading.Thread(target=self._work, args=(self._worker,), name="sessions", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Claim nothing more, and wait some seconds for open sessions."""
        with self._lock:
            worker, thread = self._worker, self._thread
        if worker is not None and thread is not None:
            worker.stopping = True
            worker.woken.set()
            thread.join(_STOP_WITHIN)
            if thread.is_alive():
                worker.release_claims()

    def _work(self, worker: Worker) -> None:
        try:
            while True:
                worker.run_until_unneeded()
                with self._lock:
                    if worker.stopping or not worker.woken.is_set():
                        self._worker = None
                        return
        except Exception:
            logger.exception("The worker of sessions stopped; what it held is done by another one")
        finally:
            connections.close_all()


_background = _Background()
_inline = threading.local()


def wake() -> None:
    """Start the worker: in the thread of this process, or here and now if Celery tasks run eagerly."""
    if not current_app.conf.task_always_eager:
        _background.wake()
    elif not getattr(_inline, "running", False):
        _inline.running = True
        try:
            Worker().run_until_idle()
        finally:
            _inline.running = False


def run_now(command: Command) -> None:
    """Run one command in this thread and wait for its end.

    Raises:
        RuntimeError: it was run already.
    """
    if command.is_finished:
        raise RuntimeError("This command has already been executed, please create a new one.")
    Worker().run_command(command.pk)
    command.refresh_from_db()


def stop(**kwargs: Any) -> None:
    """End the worker of this process."""
    _background.stop()


def is_needed() -> bool:
    """Tell whether something is due that no process has claimed."""
    if push.due_now().exists():
        return True
    return Command.objects.filter(claims.free(), status=Command.Status.IN_PROGRESS).exists()


def _after_fork() -> None:
    global _background
    _background = _Background()


os.register_at_fork(after_in_child=_after_fork)
