"""Background tasks of WHOIS: thin, idempotent, taking keys."""

from __future__ import annotations

from celery import shared_task
from openwisp_utils.tasks import OpenwispCeleryTask

from . import client, lookup, records


@shared_task(base=OpenwispCeleryTask)
def fetch_whois_details(device_pk: str, initial_ip_address: str, attempts: int = 0) -> None:
    """Look up the address of a device; what fails for the moment is tried again, ever more rarely.

    Args:
        device_pk: primary key of the device.
        initial_ip_address: that the device had when this was asked for; once it has another one, nothing is done.
        attempts: how often it was tried before.
    """
    try:
        lookup.fetch(device_pk, initial_ip_address)
    except client.Failed as error:
        lookup.failed(device_pk, initial_ip_address, error, attempts)


@shared_task(base=OpenwispCeleryTask)
def delete_whois_record(ip_address: str, force: bool = False) -> None:
    """Note whether an active device has an address; with ``force`` delete what is known about it."""
    records.delete(ip_address, force=force)


@shared_task
def cleanup_unreferenced_whois_records() -> int:
    """Delete what is known about addresses that no active device has had for long; runs periodically."""
    return records.clean_up()
