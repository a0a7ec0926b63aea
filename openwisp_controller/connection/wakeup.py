"""Waking workers up after a commit, once per transaction for the same work."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
_TASKS = "openwisp_controller.connection.tasks."


@dataclass
class _Wake:
    """A wake-up call of the current transaction."""

    task: str
    args: tuple[Any, ...]
    done: bool = False

    def __call__(self) -> None:
        self.done = True
        try:
            import_string(_TASKS + self.task).delay(*self.args)
        except (OperationalError, OSError) as error:
            logger.warning("The broker is unreachable, %s waits for the reconciler: %s", self.task, error)


def wake(task: str, *args: Any) -> None:
    """Enqueue ``tasks.<task>(*args)`` once the current transaction is committed; a dead broker is only logged."""
    call = _Wake(task, args)
    waiting: list[Any] = connection.run_on_commit
    if not any(function == call for _, function, _ in waiting):
        transaction.on_commit(call)
