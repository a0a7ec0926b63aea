"""One lookup: ask the service about the address of a device, and store what it says."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.db import transaction

from ...common import addresses
from ...common.recently import Recently
from ...common.wakeup import wake
from ..models import ControllerState, Device, WHOISInfo
from ..settings import settings
from ..unit_of_work import unit_of_work
from . import client, records
from .service import WHOISService

logger = logging.getLogger(__name__)
#: An address that the service does not know is not looked up again for a day.
_not_known = Recently("whois-not-known", seconds=86400)
_FAILING = "whois-failing-"
"""Names the kinds of failure that people were told of, until a lookup succeeds (``ControllerState``)."""


def fetch(device_id: uuid.UUID | str, address: str) -> None:
    """Look up the address of a device, unless there is no reason to (any more).

    The device is not locked, and no transaction open, while the service is asked.

    Args:
        device_id: primary key of the device.
        address: that it had when the lookup was asked for.

    Raises:
        client.Failed: the service gave no usable answer.
    """
    canonical = addresses.normalised(address) or address
    if not _is_wanted(Device.objects.filter(pk=device_id).first(), device_id, canonical):
        return
    try:
        found = client.ask(canonical)
    except client.NotKnown as error:
        logger.warning("%s", error)
        _not_known.note(canonical)
        _forget_failures()
        return
    with unit_of_work(background=True) as unit:
        unit.lock(Device, [device_id])
        device = Device.objects.filter(pk=device_id).first()
        if not _is_wanted(device, device_id, canonical):
            return
        record, updated = _store(canonical, found)
        unit.happened(record, "looked up", updated_fields=updated, device=device)
        _forget_failures()
    logger.info("Successfully fetched WHOIS details for %s.", canonical)


def failed(device_id: uuid.UUID | str, address: str, error: client.Failed, attempts: int) -> None:
    """Try again later where that makes sense; else tell people, once for each kind of failure until a lookup succeeds.

    Args:
        device_id: primary key of the device.
        address: that was to be looked up.
        error: why that failed.
        attempts: how often it was tried before.
    """
    tries = settings.API_TASK_RETRY_OPTIONS.get("max_retries", 5)
    if error.is_temporary and attempts < tries:
        logger.warning("WHOIS lookup of %s failed (try %d of %d): %s", address, attempts + 1, tries + 1, error)
        pause = settings.pause_before_retry(attempts)
        wake("config.fetch_whois_details", str(device_id), address, attempts + 1, countdown=pause)
        return
    logger.error("WHOIS lookup failed. Details: %s", error)
    with transaction.atomic():
        name = f"{_FAILING}{error.kind}"
        _state, is_new = ControllerState.objects.get_or_create(name=name, defaults={"value": address})
        if is_new:
            wake("config.notify_whois_failed", str(device_id), address)


def _forget_failures() -> None:
    ControllerState.objects.filter(name__startswith=_FAILING).delete()


def _is_wanted(device: Device | None, device_id: Any, address: str) -> bool:
    """Tell whether the address of a device is to be looked up, and log why not."""
    if device is None:
        logger.warning("The WHOIS lookup of %s ends: there is no device %s any more", address, device_id)
        return False
    reason = _reason_against(device, address)
    if reason:
        logger.info("The WHOIS lookup of %s for device %s ends: %s", address, device_id, reason)
    return not reason


def _reason_against(device: Device, address: str) -> str:
    service = WHOISService(device)
    if device.is_deactivated():
        return "the device is deactivated"
    if service.address is None:
        return "the address of the device is not public"
    if service.address != address:
        return "the device has another address"
    if not service.looks_up:
        return "WHOIS is not enabled"
    if _not_known.was_noted(address):
        return "the service does not know the address"
    if records.fresh().filter(pk=address).exists():
        return "what is known is fresh"
    return ""


def _store(address: str, found: dict[str, Any]) -> tuple[WHOISInfo, list[str]]:
    """Store what was found; return the record, and the names of what is new in it."""
    record = WHOISInfo.objects.select_for_update().filter(pk=address).first()
    if record is None:
        record, is_created = WHOISInfo.objects.get_or_create(pk=address, defaults=found)
        if is_created:
            return record, ["ip_address", *_names(found)]
    changed = [name for name, value in found.items() if getattr(record, name) != value]
    for name in changed:
        setattr(record, name, found[name])
    record.unreferenced_since = None
    record.save()
    return record, [*_names(changed), "modified"]


def _names(attributes: Any) -> list[str]:
    """Return the documented names of attributes: latitude and longitude are the coordinates."""
    return list(dict.fromkeys("coordinates" if name in ("latitude", "longitude") else name for name in attributes))
