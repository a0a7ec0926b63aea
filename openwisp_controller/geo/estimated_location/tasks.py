"""Background tasks about estimated locations: thin, idempotent, taking keys."""

from __future__ import annotations

from celery import shared_task
from openwisp_utils.tasks import OpenwispCeleryTask

from . import estimation, notifications


@shared_task(name="whois_estimated_location_task", base=OpenwispCeleryTask)
def whois_estimated_location_task(device_pk: str, ip_address: str) -> None:
    """Estimate the location of a device from its address."""
    estimation.estimate(device_pk, ip_address)


@shared_task
def notify_estimated_location(kind: str, device_id: str, ip_address: str, location_id: str | None) -> None:
    """Notify people that a location was estimated, or could not be."""
    notifications.send(kind, device_id, ip_address, location_id)
