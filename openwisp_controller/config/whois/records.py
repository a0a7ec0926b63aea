"""The life of records: how long they are true, and who needs them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from ...common import addresses
from ...common.moments import moment
from ...common.wakeup import wake
from ..models import Device, WHOISInfo
from ..settings import settings
from ..unit_of_work import unit_of_work

logger = logging.getLogger(__name__)


def lifetime() -> timedelta:
    """Return for how long a record is fresh, and kept when nobody needs it."""
    return timedelta(days=settings.WHOIS_REFRESH_THRESHOLD_DAYS)


def fresh() -> QuerySet[WHOISInfo]:
    """Return the records that are not to be looked up again yet."""
    return WHOISInfo.objects.filter(modified__gt=moment() - lifetime())


def outdated() -> QuerySet[WHOISInfo]:
    """Return the records that are to be looked up again."""
    return WHOISInfo.objects.filter(modified__lte=moment() - lifetime())


def review_later(*seen: str | None) -> None:
    """Note after the commit whether active devices have these addresses; those that are not public have no record."""
    for address in dict.fromkeys(map(addresses.public, seen)):
        if address is not None:
            wake("config.delete_whois_record", address)


def review(records: QuerySet[WHOISInfo]) -> None:
    """Note of each of these records since when no active device has its address, or that one has."""
    users = Device.objects.filter(last_ip=OuterRef("ip_address"), _is_deactivated=False)
    records.filter(Exists(users), unreferenced_since__isnull=False).update(unreferenced_since=None)
    records.filter(~Exists(users), unreferenced_since__isnull=True).update(unreferenced_since=moment())


def delete(address: str, *, force: bool) -> None:
    """Delete the record of an address, or only note whether anybody needs it.

    Args:
        address: any spelling.
        force: delete it, whoever needs it.
    """
    records = WHOISInfo.objects.filter(pk=addresses.normalised(address))
    if force:
        records.delete()
    else:
        review(records)


def forget_unknown_addresses() -> int:
    """Clear the last address of active devices about which nothing is known, one by one; return of how many."""
    unknown = ~Exists(WHOISInfo.objects.filter(pk=OuterRef("last_ip")))
    devices = Device.objects.filter(unknown, last_ip__isnull=False, _is_deactivated=False)
    count = 0
    for key in list(devices.order_by("pk").values_list("pk", flat=True)):
        with unit_of_work() as unit:
            unit.lock(Device, [key])
            device = devices.filter(pk=key).first()
            if device is not None:
                device.last_ip = None
                device.save(update_fields=["last_ip"])
                count += 1
    return count


def clean_up() -> int:
    """Delete the records that no active device needed for too long; return how many."""
    records: QuerySet[Any] = WHOISInfo.objects.all()
    review(records)
    count, _per_model = records.filter(unreferenced_since__lte=moment() - lifetime()).delete()
    if count:
        logger.info("Deleted %d WHOIS records that no active device needs", count)
    return count
