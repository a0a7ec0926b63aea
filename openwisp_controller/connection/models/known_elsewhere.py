"""What devices of other organizations are known by: nobody logs in to those for a device of this one."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from ...config.models import Device
from ...config.settings import settings as config_settings
from ..hostkeys import without_comment
from ..settings import settings

if TYPE_CHECKING:
    from .connection import DeviceConnection


@dataclass(frozen=True)
class KnownElsewhere:
    """Of one organization: what the devices of all others are known by."""

    addresses: frozenset[str]
    """Management addresses; those at which a device that was asked about may be reached are among them."""
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
    known = _known(devices)
    return {
        organization: KnownElsewhere(
            frozenset(str(address) for address, _, owner in known if address and owner != organization),
            frozenset(without_comment(key) for _, key, owner in known if key and owner != organization),
        )
        for organization in {device.organization_id for device in devices}
    }


def _known(devices: Collection[Device]) -> list[tuple[str | None, str | None, uuid.UUID]]:
    """Return by what devices are known that matter: management address, accepted host key, organization."""
    wanted = Q(pk__in=[])
    if config_settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        used = {address for device in devices for address in (device.management_ip, device.last_ip) if address}
        wanted |= Q(management_ip__in=used)
    if settings.CONTROLLER_SSH_HOST_KEYS == "first-use" and not all(_has_key(device) for device in devices):
        # a device may show any key, and the first one is accepted
        wanted |= Q(host_key__key__gt="")
    rows = Device.objects.filter(wanted).order_by().values_list("management_ip", "host_key__key", "organization_id")
    shared = config_settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE
    return [(address if shared else None, key, owner) for address, key, owner in rows]


def _has_key(device: Device) -> bool:
    host_key = getattr(device, "host_key", None)
    return host_key is not None and bool(host_key.key)
