"""What devices of other organizations are known by: nobody logs in to those for a device of this one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config.models import Device
from ...config.settings import settings as config_settings
from ..hostkeys import without_comment
from ..settings import settings
from .host_key import HostKey

if TYPE_CHECKING:
    from .connection import DeviceConnection


@dataclass(frozen=True)
class KnownElsewhere:
    """Of one organization: what the devices of all others are known by."""

    addresses: frozenset[str]
    """Management addresses, of those that were asked about."""
    keys: frozenset[str]
    """Accepted SSH host keys, without comment; none where every device that was asked about has one of its own."""


def known_elsewhere(connections: Iterable[DeviceConnection]) -> dict[uuid.UUID, KnownElsewhere]:
    """Return what is known elsewhere, by the organizations of connections that are about to be used.

    Args:
        connections: with their devices and host keys.
    """
    devices = {connection.device_id: connection.device for connection in connections}.values()
    if not devices:
        return {}
    addresses, keys = _addresses(devices), _keys(devices)
    return {
        organization: KnownElsewhere(
            frozenset(each for each, owner in addresses if owner != organization),
            frozenset(each for each, owner in keys if owner != organization),
        )
        for organization in {device.organization_id for device in devices}
    }


def _addresses(devices: Iterable[Device]) -> list[tuple[str, uuid.UUID]]:
    if not config_settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        return []
    used = {address for device in devices for address in (device.management_ip, device.last_ip) if address}
    rows = Device.objects.filter(management_ip__in=used).values_list("management_ip", "organization_id")
    return [(str(address), owner) for address, owner in rows.order_by()]


def _keys(devices: Iterable[Device]) -> list[tuple[str, uuid.UUID]]:
    """Return all accepted keys, where a device may show one that is accepted because it is the first."""
    if settings.CONTROLLER_SSH_HOST_KEYS != "first-use" or all(_has_key(device) for device in devices):
        return []
    rows = HostKey.objects.exclude(key="").values_list("key", "device__organization_id")
    return [(without_comment(key), owner) for key, owner in rows]


def _has_key(device: Device) -> bool:
    host_key = getattr(device, "host_key", None)
    return host_key is not None and bool(host_key.key)
