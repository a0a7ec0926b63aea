"""Devices that seem to share one private address: that of a proxy which the controller does not know of.

Behind a proxy every request comes from its address, unless ``TRUSTED_PROXIES`` says how many there are. Then nobody
sees where a device is, and what is counted by address, such as wrong shared secrets, is counted for all together.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _

from ...common.recently import Recently
from ..models import ControllerState, Device
from ..settings import settings

logger = logging.getLogger(__name__)
#: So many devices, and this part of those that were seen, make it more than chance.
LEAST, PART = 10, 0.8
_STATE = "shared-address"
_looked = Recently("shared-address-looked", seconds=3600)


@dataclass(frozen=True)
class SharedAddress:
    """An address from which ``devices`` of ``seen`` active devices come."""

    address: str
    devices: int
    seen: int

    def __str__(self) -> str:
        return _(
            "%(devices)d of %(seen)d active devices come from one private address, %(address)s, which is probably"
            " that of a proxy. Set TRUSTED_PROXIES to the number of proxies in front of the controller. If these"
            " devices do share a router that hides their addresses, all is well."
        ) % {"devices": self.devices, "seen": self.seen, "address": self.address}


def find() -> SharedAddress | None:
    """Look for an address that most active devices share; None when there is none."""
    seen = Device.objects.filter(_is_deactivated=False, last_ip__isnull=False).order_by()
    common = seen.values_list("last_ip").annotate(devices=Count("pk")).order_by("-devices").first()
    if common is None or common[1] < LEAST or not _is_suspicious(str(common[0])):
        return None
    found = SharedAddress(str(common[0]), common[1], seen.count())
    return found if found.devices >= PART * found.seen else None


def look() -> None:
    """Look for such an address, once an hour, log it, and note it for ``noted``."""
    if not _looked.is_new(""):
        return
    found = find()
    if found is None:
        ControllerState.objects.filter(name=_STATE).delete()
    else:
        logger.warning("%s", found)
        ControllerState.objects.update_or_create(name=_STATE, defaults={"value": found.address})


def noted() -> SharedAddress | None:
    """Return what was found within the last hour, if it still is so; cheap when nothing was."""
    return find() if ControllerState.objects.filter(name=_STATE).exists() else None


def _is_suspicious(address: str) -> bool:
    """Tell whether an address can be that of a proxy; virtual devices on this machine come from its own."""
    parsed = ipaddress.ip_address(address)
    return parsed.is_private and not (parsed.is_loopback and settings.LOOPBACK_MANAGEMENT_IP)
