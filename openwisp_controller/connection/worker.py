"""The worker of this process: claims pushes and commands, drives hundreds of sessions, stores what came of them.

Database work happens in one thread, sessions live on the event loop (``loop.py``); a queue is between them. Tasks of
the broker only see to it that the worker runs, so a slow device keeps no task waiting.
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
from datetime import timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from . import attempts, claims, execution, push, sessions
from .execution import CommandTask, Ending, Withdrawn
from .loop import sessions as loop_thread
from .models import Command, Push
from .push import Outcome
from .settings import settings

logger = logging.getLogger(__name__)
_GATHER = 0.02
"""Seconds in which results are gathered before they are stored together."""
_LOOK_EVERY = 0.5
_PROGRESS_EVERY = 1.0
_LINGER = 60.0
"""The worker stays for what falls due within so many seconds."""
_DATABASE_PAUSE = 1.0
_STOP_WITHIN = 10.0


@dataclass
class _Inbox:
    """What came from the sessions and is not stored yet."""

    pushed: list[Outcome] = field(default_factory=list)
    ended: list[Ending] = field(default_factory=list)
    starting: list[tuple[CommandTask, asyncio.Future[bool]]] = field(default_factory=list)
    printed: dict[Any, tuple[CommandTask, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pushed or self.ended or self.starting or self.printed)


class Worker:
    """Drives what it claims; to be used by one thread."""

    def __init__(self) -> None:
        self.owner = uuid.uuid4()
        self.woken = threading.Event()
        self.stopping = False
        self._inbox = _Inbox()
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._running = 0
        self._commands = 0
        self._renewed = self._looked = self._told = 0.0

    def run_until_idle(self) -> None:
        """Do everything that is due, then return."""
        try:
            while self._cycle(eager=True):
                pass
        finally:
            if self._running:
                self.give_back()

    def run_until_unneeded(self) -> None:
        """Do what is due and what soon will be, whatever happens to the database meanwhile."""
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
            while self._running or self._inbox:
                self._receive(_LOOK_EVERY)
                self._store()
                self._renew()

    def _cycle(self, eager: bool = False) -> bool:
        """Go round once; return False when nothing is under way and nothing due."""
        if self._running:
            self._receive(_LOOK_EVERY)
        self._store()
        self._renew()
        started = 0
        if not self.stopping and (eager or self._is_time_to_look()):
            started = self._start_more()
        return bool(started or self._running or self._inbox)

    def _is_time_to_look(self) -> bool:
        now = time.monotonic()
        if self.woken.is_set() or now - self._looked >= _LOOK_EVERY or not self._running:
            self.woken.clear()
            self._looked = now
            return True
        return False

    def _expects_more(self) -> bool:
        """Wait for work that is about to fall due; return False when there is none."""
        soon = timezone.now() + timedelta(seconds=_LINGER)
        due = Push.objects.filter(claims.free(), due__lte=soon).order_by("due").values_list("due", flat=True).first()
        if due is None:
            return self.woken.wait(1.0)
        self.woken.wait(min(_LINGER, max(0.05, (due - timezone.now()).total_seconds())))
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
            self._inbox.ended.append(Ending(task).failed(task.refusal))
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
            ending = await sessions.command(task, partial(self._starting, task), printed)
        except Withdrawn:
            self._messages.put(("withdrawn", task))
        except BaseException as error:
            execution.log_failure(task.command_id, error, task.secrets)
            self._messages.put(("ended", Ending(task).failed(f"Internal system error: {error}\n")))
        else:
            self._messages.put(("ended", ending))

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
        """Take what the sessions report, waiting for the first of it."""
        until = time.monotonic() + _GATHER
        try:
            self._take(*self._messages.get(timeout=wait))
            while True:
                self._take(*self._messages.get(timeout=max(0, until - time.monotonic())))
        except queue.Empty:
            pass

    def _take(self, kind: str, what: Any) -> None:
        if kind == "starting":
            self._inbox.starting.append(what)
            return
        if kind == "printed":
            self._inbox.printed[what[0].command_id] = what
            return
        self._running -= 1
        if kind != "pushed":
            self._commands -= 1
        if kind == "pushed":
            self._inbox.pushed.append(what)
        elif kind == "ended":
            self._inbox.printed.pop(what.task.command_id, None)
            self._inbox.ended.append(what)

    def _store(self) -> None:
        """Store what was reported; what cannot be stored now stays for the next time."""
        inbox = self._inbox
        if inbox.starting:
            stored = execution.start(self.owner, [task.command_id for task, _ in inbox.starting])
            for task, future in inbox.starting:
                future.get_loop().call_soon_threadsafe(_answer, future, task.command_id in stored)
            inbox.starting.clear()
        if inbox.pushed or inbox.ended:
            self._store_results(inbox.pushed, inbox.ended)
            inbox.pushed.clear()
            inbox.ended.clear()
        if inbox.printed and time.monotonic() - self._told >= _PROGRESS_EVERY:
            self._told = time.monotonic()
            execution.progress(self.owner, list(inbox.printed.values()))
            inbox.printed.clear()
        elif not self._running:
            inbox.printed.clear()

    def _store_results(self, pushed: list[Outcome], ended: list[Ending]) -> None:
        """Store results together; one that cannot be stored is logged and spoils none of the others."""
        try:
            with transaction.atomic():
                done: list[Outcome | Ending] = [*pushed, *ended]
                attempts.store([each for one in done for each in one.attempts])
                push.store(self.owner, pushed)
                execution.store(self.owner, ended)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            if len(pushed) + len(ended) == 1:
                devices = [one.task.device_id for one in pushed] + [one.task.device_id for one in ended]
                logger.exception("What came of a session with device %s could not be stored", devices[0])
                for outcome in pushed:
                    push.disown(self.owner, outcome.task)
                for ending in ended:
                    execution.disown(self.owner, ending.task.command_id)
                return
            for outcome in pushed:
                self._store_results([outcome], [])
            for ending in ended:
                self._store_results([], [ending])

    def _renew(self) -> None:
        if self._running and time.monotonic() - self._renewed >= claims.RENEW_EVERY:
            self._renewed = time.monotonic()
            claims.renew(self.owner)

    def give_back(self) -> None:
        """Let others have what was claimed and not finished; commands that were sent stay ours."""
        try:
            push.release(self.owner)
            execution.release(self.owner)
        except (OperationalError, InterfaceError) as error:
            logger.warning("What this worker held is done by others after a while: %s", error)


def _answer(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


class _Background:
    """The thread of this process in which a worker runs while there is something to do."""

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
        """Claim nothing more, and wait a little for what is under way."""
        with self._lock:
            worker, thread = self._worker, self._thread
        if worker is not None and thread is not None:
            worker.stopping = True
            worker.woken.set()
            thread.join(_STOP_WITHIN)
            if thread.is_alive():
                worker.give_back()

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
    """See to it that what is due gets done: by the thread of this process, or here and now if tasks run eagerly."""
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
    """Tell whether something is due that nobody works at."""
    now = timezone.now()
    if Push.objects.filter(claims.free(), due__lte=now).exists():
        return True
    return Command.objects.filter(claims.free(), status=Command.Status.IN_PROGRESS).exists()


def _after_fork() -> None:
    global _background
    _background = _Background()


os.register_at_fork(after_in_child=_after_fork)
