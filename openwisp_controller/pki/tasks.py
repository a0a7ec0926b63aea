"""Background tasks of the certificates app."""

from __future__ import annotations

from celery import shared_task

from . import renewal


@shared_task(soft_time_limit=7200)
def reconcile() -> None:
    """Make keys and renew certificates that were left undone; runs periodically."""
    renewal.make_keys()
    renewal.renew_outdated()


@shared_task(soft_time_limit=7200)
def make_keys() -> int:
    """Make keys that take too long to be made while somebody waits."""
    return renewal.make_keys()


@shared_task(soft_time_limit=7200)
def renew_outdated(ca_id: int | None = None) -> int:
    """Renew certificates whose CA has a new key; runs periodically for what was left undone."""
    return renewal.renew_outdated(ca_id)
