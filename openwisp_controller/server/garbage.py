"""Collects reference cycles in a thread of its own, because of SQLite.

Python collects in whichever thread happens to make an object. Every error of Django's database layer leaves a cycle
with a cursor in it, and to let go of a cursor its connection is needed: SQLite keeps that as long as another thread
waits in it until it may write. Should the thread that is writing be the one that collects, each waits for the other.
"""

from __future__ import annotations

import gc
import threading
import time

_INTERVAL = 0.25
"""Seconds between two looks at how much there is to collect."""


def collect_in_own_thread() -> None:
    """From now on, no other thread of this process collects; what is loaded by now is not looked through again."""
    gc.disable()
    gc.freeze()
    threading.Thread(target=_collect_again_and_again, name="garbage", daemon=True).start()


def _collect_again_and_again() -> None:
    thresholds = gc.get_threshold()
    while True:
        time.sleep(_INTERVAL)
        counts = gc.get_count()
        due = [number for number, threshold in enumerate(thresholds) if counts[number] > threshold]
        if due:
            gc.collect(due[-1])
