"""Waking background workers after a commit.

The database already knows what is to do; a lost message costs time, nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """A message that wakes a worker: run this task with these arguments."""

    task: str
    """App label and name of the task, such as ``config.compile_stale``."""
    args: tuple[Any, ...] = ()
    countdown: float = 0
    """Seconds after which the task may start."""


def wake(task: str, *args: Any, countdown: float = 0) -> None:
    """Enqueue a task once the current transaction is committed.

    A broker that cannot be reached is only logged: the periodic reconciler finds the work.

    Args:
        task: app label and name of the task, such as ``config.compile_stale``.
        args: positional arguments of the task.
        countdown: seconds after which the task may start.
    """
    transaction.on_commit(partial(_deliver, Message(task, args, countdown)))


@contextmanager
def intercepted() -> Iterator[list[Message]]:
    """While open, no message reaches the broker; yield those that would have, in order. For tests of lost messages."""
    global _send
    messages: list[Message] = []
    before, _send = _send, messages.append
    try:
        yield messages
    finally:
        _send = before


def _deliver(message: Message) -> None:
    _send(message)


def _enqueue(message: Message) -> None:
    app, _, name = message.task.partition(".")
    task = import_string(f"openwisp_controller.{app}.tasks.{name}")
    try:
        if message.countdown:
            task.apply_async(message.args, countdown=message.countdown)
        else:
            task.delay(*message.args)
    except (OperationalError, OSError) as error:
        logger.warning("The broker is unreachable, %s waits for the reconciler: %s", message.task, error)


_send: Callable[[Message], None] = _enqueue
