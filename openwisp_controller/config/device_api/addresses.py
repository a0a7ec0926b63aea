"""Bookkeeping of addresses: where devices are seen, and where they can be reached."""

from __future__ import annotations

import ipaddress
import logging
import uuid
from typing import Any

from django.http import HttpRequest

from ..models import Device
from ..policy.evaluation import send_now
from ..settings import settings
from ..unit_of_work import unit_of_work

logger = logging.getLogger(__name__)
CHECKSUM, DOWNLOAD = "checksum requested", "download requested"
"""What devices and servers ask for: events of the table of changes."""
#: Stands for "leave the stored address alone".
UNKNOWN = object()


def peer(request: HttpRequest) -> str | None:
    """Return the address that a request comes from.

    Forwarded headers count only as far as the configured number of trusted proxies wrote them: each appends the
    address it saw, so with n proxies it is the n-th entry from the right.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies:
        entries = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(entries) >= proxies:
            forwarded = normalised(entries[-proxies])
            if forwarded is not None:
                return forwarded
    return normalised(request.META.get("REMOTE_ADDR", ""))


def normalised(address: str) -> str | None:
    """Return an IPv4 or IPv6 address in its canonical form, None when it is none."""
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return None
        return str(parsed.ipv4_mapped or parsed)
    return str(parsed)


def same(stored: str | None, address: str | None) -> bool:
    """Tell whether a stored address, in whichever spelling, is the ``address`` in its canonical form."""
    return stored == address or normalised(stored or "") == address


def claimed_management_ip(request: HttpRequest) -> Any:
    """Return the management address that a device claims in a GET request.

    None when it claims none, ``UNKNOWN`` when the value is no address.
    """
    value = request.GET.get("management_ip")
    if not value or not value.strip():
        return None
    address = normalised(value)
    if address is None:
        logger.warning("Ignored a management_ip that is no address", extra={"request": request})
        return UNKNOWN
    return address


def update(device_id: uuid.UUID, request: HttpRequest, event: str) -> bool:
    """Store the addresses of a device, take them from others that had them, and report what it asked for.

    Args:
        device_id: primary key of the device.
        request: where the addresses come from.
        event: what the device asked for; signals about a checksum are sent after those about changed addresses.

    Returns:
        False when the device does not exist any more.
    """
    last_ip, management_ip = peer(request), claimed_management_ip(request)
    with unit_of_work() as unit:
        devices = Device.objects.select_for_update(of=("self",), no_key=True).select_related("organization")
        device = devices.filter(pk=device_id).first()
        if device is None:
            return False
        fields = []
        if last_ip is not None and not same(device.last_ip, last_ip):
            device.last_ip = last_ip
            fields.append("last_ip")
        if management_ip is not UNKNOWN and not same(device.management_ip, management_ip):
            device.management_ip = management_ip
            fields.append("management_ip")
        if fields:
            device.save(update_fields=fields)
            _take_from_others(device, fields)
        if event == DOWNLOAD:
            unit.happened(device, event, request=request)
    if event == CHECKSUM:
        send_now(device, event, request=request)
    return True


def _take_from_others(device: Device, fields: list[str]) -> None:
    """A management address, and a private last address, belong to one device at a time."""
    scope = Device.objects.exclude(pk=device.pk)
    if not settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        scope = scope.filter(organization_id=device.organization_id)
    if "management_ip" in fields and device.management_ip:
        for other in scope.filter(management_ip=device.management_ip):
            other.management_ip = None
            other.save(update_fields=["management_ip"])
    if "last_ip" in fields and device.last_ip and ipaddress.ip_address(device.last_ip).is_private:
        scope.filter(last_ip=device.last_ip).update(last_ip=None)
