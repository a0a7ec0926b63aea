"""Periodic maintenance: finds work that a lost message or a killed worker left undone."""

from __future__ import annotations

from . import batches, execution, worker


def reconcile() -> None:
    """Resume work that was left undone. Cheap when there is none."""
    batches.resume_unfinished()
    execution.fail_interrupted()
    if worker.is_needed():
        worker.wake()
