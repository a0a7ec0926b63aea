"""Keeping when devices were last seen, without a write for each poll.

Each process notes in memory which devices it answered, and a thread of it stores all that was noted with one statement,
once an interval and when the process ends. What a process that is killed had noted is made up for by the next poll.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from datetime import timedelta
from multiprocessing.util import Finalize
from time import monotonic

from django.db import connection
from django.db.models import Exists, OuterRef

from ...common.moments import database_time
from ...common.sql import delete_rows, raise_many
from ..models import Device, Sighting
from ..settings import settings

logger = logging.getLogger(__name__)
AT_ONCE = 2000
"""Devices in one statement."""
_noted: dict[uuid.UUID, float] = {}
"""Key of a device → when it was seen, by the steady clock of this process."""
_starting = threading.Lock()
_is_kept = False


def note(device_id: uuid.UUID) -> None:
    """Note that a device talked to this process now."""
    _noted[device_id] = monotonic()
    if not _is_kept:
        _keep()


def store() -> int:
    """Store what was noted since the last time; return of how many devices. What fails is left to the next time.

    Raises:
        DatabaseError: the database cannot be written.
    """
    total = 0
    while seen := _taken():
        try:
            now, clock = database_time(), monotonic()
            rows = [(key, now - timedelta(seconds=clock - moment)) for key, moment in seen.items()]
            raise_many(Sighting, Device, sorted(rows))
        except BaseException:
            for key, moment in seen.items():
                _noted.setdefault(key, moment)
            raise
        total += len(seen)
    return total


def forget_gone() -> int:
    """Delete what is left of devices that are deleted; return how many there were."""
    return delete_rows(Sighting.objects.filter(~Exists(Device.objects.filter(pk=OuterRef("pk")))).order_by())


def forget_noted() -> None:
    """Forget what was noted and not stored yet."""
    _noted.clear()


def _taken() -> dict[uuid.UUID, float]:
    """Take some of what was noted; others may note at the same time."""
    seen: dict[uuid.UUID, float] = {}
    while _noted and len(seen) < AT_ONCE:
        key, moment = _noted.popitem()
        seen[key] = moment
    return seen


def _keep() -> None:
    """Start the thread that stores, once in a process."""
    global _is_kept
    with _starting:
        if _is_kept:
            return
        _is_kept = True
        threading.Thread(target=_store_again_and_again, name="sightings", daemon=True).start()
        # not atexit, which does not run in processes that multiprocessing made, as those of servers are
        Finalize(None, _store_if_possible, exitpriority=10)


def _store_again_and_again() -> None:
    pause = threading.Event()
    while not pause.wait(settings.LAST_SEEN_INTERVAL):
        if _noted:
            _store_if_possible()


def _store_if_possible() -> None:
    try:
        store()
    except Exception as error:
        logger.warning("When devices were last seen is stored at a later time: %s", error)
    finally:
        connection.close()


def _begin_anew() -> None:
    """In a forked process: the thread and what was noted belong to the other one."""
    global _is_kept, _starting
    _is_kept, _starting = False, threading.Lock()
    _noted.clear()


os.register_at_fork(after_in_child=_begin_anew)
