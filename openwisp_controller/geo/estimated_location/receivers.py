"""What is learnt about the address of a device may tell where it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...common import addresses
from ...common.wakeup import wake
from ...config.models import Device
from ..models import DeviceLocation
from . import estimation

#: A refreshed record that says nothing else than these told it before moves no device.
_TELLING = {"isp", "asn", "address", "coordinates"}


def after_lookup(sender: Any, device: Device, updated_fields: Collection[str], **kwargs: Any) -> None:
    """Receive ``whois_fetched``: what is known about the address is new, or became another one."""
    if _TELLING & set(updated_fields) or not _has_location(device):
        _estimate_later(device)


def after_skipped_lookup(sender: Any, device: Device, **kwargs: Any) -> None:
    """Receive ``whois_lookup_skipped``: the device came to an address that is known."""
    _estimate_later(device)


def _has_location(device: Device) -> bool:
    return DeviceLocation.objects.filter(content_object=device.pk, location__isnull=False).exists()


def _estimate_later(device: Device) -> None:
    address = addresses.public(device.last_ip)
    if address is not None and not device.is_deactivated() and estimation.is_enabled_for(device):
        wake("geo.whois_estimated_location_task", str(device.pk), address)
