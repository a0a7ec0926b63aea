"""What the reconciler does: find whatever a lost message or a killed worker left behind."""

from __future__ import annotations

from . import assignment, batches, execution, worker


def reconcile() -> None:
    """Start again whatever is left undone. Cheap when nothing is."""
    assignment.attach_left_over()
    batches.launch_left_over()
    execution.fail_interrupted()
    if worker.is_needed():
        worker.wake()
