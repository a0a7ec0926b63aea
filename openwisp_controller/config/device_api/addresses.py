"""Bookkeeping of addresses: where devices are seen, and where they can be reached."""

from __future__ import annotations

import ipaddress
import logging
import uuid
from typing import Any

from django.http import HttpRequest

from ...common.addresses import normalised
from ..devices import management_ip as management_ips
from ..models import Device
from ..models.device import is_reachable
from ..settings import settings
from ..unit_of_work import unit_of_work

logger = logging.getLogger(__name__)
CHECKSUM, DOWNLOAD = "checksum requested", "download requested"
"""What devices and servers ask for: events of the table of changes."""
#: Stands for "leave the stored address alone".
UNKNOWN = object()


def peer(request: HttpRequest, expected: str | None = None) -> str | None:
    """Return the address that a request comes from.

    Forwarded headers count only as far as the configured number of trusted proxies wrote them: each appends the
    address it saw, so with n proxies it is the n-th entry from the right.

    Args:
        request: of a device or of people.
        expected: an address that is stored: what is spelled like it needs no parsing.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies:
        entries = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(entries) >= proxies:
            if entries[-proxies] == expected:
                return expected
            forwarded = normalised(entries[-proxies])
            if forwarded is not None:
                return forwarded
    address = request.META.get("REMOTE_ADDR", "")
    return expected if address == expected else normalised(address)


def same(stored: str | None, address: str | None) -> bool:
    """Tell whether a stored address, in whichever spelling, is the ``address`` in its canonical form."""
    return stored == address or normalised(stored or "") == address


def claimed_management_ip(request: HttpRequest) -> Any:
    """Return the management address that a device claims in a GET request.

    None when it claims none, ``UNKNOWN`` when the value is no address, or none at which devices are reached.
    """
    value = request.GET.get("management_ip")
    if not value or not value.strip():
        return None
    address = normalised(value)
    if address is None or not is_reachable(address):
        logger.warning("Ignored a management_ip that is no address of a device", extra={"request": request})
        return UNKNOWN
    return address


def update(device_id: uuid.UUID, request: HttpRequest) -> Device | None:
    """Store the addresses of a device and take them from others that had them.

    Args:
        device_id: primary key of the device.
        request: where the addresses come from.

    Returns:
        the device; None when it does not exist any more.
    """
    last_ip, management_ip = peer(request), claimed_management_ip(request)
    claim = management_ip if isinstance(management_ip, str) else None
    with unit_of_work():
        device, holders = management_ips.lock(device_id, claim)
        if device is None:
            return None
        fields = []
        moved_from = device.last_ip
        if last_ip is not None and not same(device.last_ip, last_ip):
            device.last_ip = last_ip
            fields.append("last_ip")
        if management_ip is not UNKNOWN and not same(device.management_ip, management_ip):
            fields += _claim(device, claim, holders)
        if fields:
            device.save(update_fields=fields)
        if "management_ip" in fields:
            management_ips.take(device, holders)
        if "last_ip" in fields and moved_from is not None:
            _forget_elsewhere(device)
    return device


def _claim(device: Device, claim: str | None, holders: list[Device]) -> list[str]:
    """Take in the address that a device claims, or that it claims none; return the fields that changed."""
    if claim is None and device.management_ip_is_new:
        # the first request after an enrolment never carries the address
        device.management_ip_is_new = False
        return ["management_ip_is_new"]
    if claim is not None and not management_ips.may_have(device, claim, holders):
        return []
    device.management_ip, device.management_ip_is_new = claim, False
    return ["management_ip", "management_ip_is_new"]


def _forget_elsewhere(device: Device) -> None:
    """Clear the last address of others where a device has moved to it, for private ones lead to one device.

    Devices that come from one private address all the time, behind a proxy that does not tell theirs, all keep it:
    none of their polls becomes a write.
    """
    if not ipaddress.ip_address(str(device.last_ip)).is_private:
        return
    others = Device.objects.exclude(pk=device.pk).filter(last_ip=device.last_ip)
    if not settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        others = others.filter(organization_id=device.organization_id)
    others.update(last_ip=None)
