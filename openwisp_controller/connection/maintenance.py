"""What the reconciler does: find whatever a lost message or a killed worker left behind."""

from __future__ import annotations

from . import batches, execution, worker


def reconcile() -> None:
    """Start again whatever is left undone. Cheap when nothing is."""
    batches.launch_left_over()
    execution.fail_interrupted()
    if worker.is_needed():
        worker.wake()
