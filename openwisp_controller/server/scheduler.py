"""The scheduler of periodic tasks."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from celery.beat import Scheduler

#: Seconds by which the clock has to be set at once, or in the course of time, to matter.
_NOTICED = 1.0


class SteadyScheduler(Scheduler):
    """Keeps its intervals however the clock of the machine is set; it remembers nothing, for the work does.

    Celery counts from the time of day at which a task was sent last: after the clock was set back by an hour, nothing
    would be sent for an hour.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._origin = _origin()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send one task that is due; return in how many seconds to come again."""
        shift = _origin() - self._origin
        if abs(shift) > _NOTICED:
            self._origin += shift
            for entry in self.schedule.values():
                entry.last_run_at += timedelta(seconds=shift)
            self._heap = None  # it is made anew of the entries
        return super().tick(*args, **kwargs)


def _origin() -> float:
    """Return the time of day, in seconds, at which the steady clock of the machine stood at zero."""
    return time.time() - time.monotonic()
