"""Background tasks of the certificates app."""

from __future__ import annotations

from celery import shared_task

from . import renewal


@shared_task(soft_time_limit=7200)
def renew_outdated(ca_id: int | None = None) -> int:
    """Renew certificates whose CA has a new key; runs periodically for what was left undone."""
    return renewal.renew_outdated(ca_id)
