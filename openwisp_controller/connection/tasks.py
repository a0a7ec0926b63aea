"""Celery tasks: thin, idempotent, taking keys. What is to be done stands in the database."""

from __future__ import annotations

import logging

from celery import shared_task

from . import auto_add, batches, maintenance, notifications, push, worker

logger = logging.getLogger(__name__)


@shared_task
def push_due() -> None:
    """Start the worker of pushes and commands."""
    worker.wake()


@shared_task
def update_config(device_id: str) -> None:
    """Make a device fetch its configuration, if there is something to fetch; else the log says why there is not."""
    if push.is_needed(device_id):
        push.request([device_id])
        worker.wake()


@shared_task
def launch_command(command_id: str) -> None:
    """Start the worker, which runs the command if it is still to be run."""
    worker.wake()


@shared_task
def launch_batch_command(batch_id: str) -> None:
    """Create the commands of a mass command."""
    batches.launch(batch_id)
    worker.wake()


@shared_task(soft_time_limit=3600)
def auto_add_credentials_to_devices(credential_id: str, organization_id: str | None = None) -> int:
    """Add credentials to all devices they suit."""
    return auto_add.attach_to_devices(credential_id)


@shared_task(soft_time_limit=3600)
def reconcile() -> None:
    """Find and do what was left undone; runs periodically."""
    maintenance.reconcile()


@shared_task
def notify_batch_finished(batch_id: str) -> None:
    """Notify people how a mass command ended."""
    notifications.batch_finished(batch_id)
