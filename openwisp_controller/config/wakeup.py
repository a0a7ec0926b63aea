"""Waking workers up after a commit.

The database already knows what is to do; a lost message costs time, nothing else.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
_TASKS = "openwisp_controller.config.tasks."


def wake(task: str, *args: Any, countdown: float = 0) -> None:
    """Enqueue ``tasks.<task>(*args)`` once the current transaction is committed; a dead broker is only logged.

    Args:
        task: name of a task of this app, or the dotted path of one of another app.
        countdown: seconds after which the task may start.
    """
    transaction.on_commit(partial(_send, task, args, countdown))


def _send(task: str, args: tuple[Any, ...], countdown: float) -> None:
    try:
        function = import_string(task if "." in task else _TASKS + task)
        if countdown:
            function.apply_async(args, countdown=countdown)
        else:
            function.delay(*args)
    except (OperationalError, OSError) as error:
        logger.warning("The broker is unreachable, %s waits for the reconciler: %s", task, error)
