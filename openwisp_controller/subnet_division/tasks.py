"""Background tasks: thin, idempotent, taking keys."""

from __future__ import annotations

from celery import shared_task

from . import notifications


@shared_task
def notify_exhausted(config_id: str, subnet_id: str) -> None:
    """Notify people that a device could not be given subnets."""
    notifications.exhausted(config_id, subnet_id)
