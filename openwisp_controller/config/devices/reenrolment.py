"""Devices that come back with another key: reset routers whose secret changed, or agents that make no consistent key.

The key is what proves who a device is, so such a device is refused, however well its MAC address is known: anybody can
send that. People are told, and one of them expects its re-enrolment; then whoever presents the secret of its
organization and its MAC address (or serial number) becomes that device, once, within ``REENROLMENT_EXPECTED_FOR``.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ...common.moments import database_time
from ...common.recently import Recently
from ..models import Device, Notice
from ..models.device import REENROLMENT_EXPECTED_FOR, mac_spellings
from ..unit_of_work import unit_of_work
from .stored import locked_alone

logger = logging.getLogger(__name__)
_notified = Recently("reenrolment-notified", seconds=86400)


class CannotBeExpected(Exception):
    """Nobody may enrol as this device; the text says why, for people."""


def expect(device: Device) -> None:
    """Let a device enrol with a new key, once, from now on for ``REENROLMENT_EXPECTED_FOR``.

    Raises:
        CannotBeExpected: it is deactivated.
    """
    with unit_of_work() as unit:
        stored = locked_alone(unit, device.pk)
        if stored is None or stored.is_deactivated():
            text = _("A deactivated device cannot enrol: activate %(device)s first.")
            raise CannotBeExpected(text % {"device": device})
        _remember(device, database_time() + REENROLMENT_EXPECTED_FOR)


def expect_no_more(device: Device) -> None:
    """Refuse a device again that comes with another key."""
    with unit_of_work() as unit:
        if locked_alone(unit, device.pk) is not None:
            _remember(device, None)


def _remember(device: Device, until: datetime | None) -> None:
    device.reenrolment_expected_until = until
    device.save(update_fields=["reenrolment_expected_until"])


def find(organization_id: uuid.UUID, mac_address: str, hardware_id: str) -> Device | None:
    """Return the device that somebody with an unknown key says to be, locked; None when there is none.

    Args:
        organization_id: whose secret it presented; devices of others are not considered.
        mac_address: in any spelling.
        hardware_id: serial number, which counts where no device has the MAC address; empty = not told.
    """
    spellings = mac_spellings(mac_address) if "\x00" not in mac_address else []
    said = Q(mac_address__in=spellings)
    if hardware_id:
        said |= Q(hardware_id=hardware_id)
    rows = Device.objects.select_related("config", "organization__config_settings", "group").filter(
        said, organization=organization_id
    )
    found = list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))
    return next((device for device in found if device.mac_address in spellings), found[0] if found else None)


def admit(device: Device, key: str) -> None:
    """Give a device whose re-enrolment is expected its new key; whoever has the former one is not let in any more.

    To be called with the row locked.

    Args:
        key: which the device sent, valid and not that of another device; empty = it gets one.
    """
    with unit_of_work() as unit:
        device.key = key
        device.reenrolment_expected_until = None
        device.save(update_fields=["key", "reenrolment_expected_until", "modified"])
        unit.happened(device, "enrolled with another key")
    logger.info("Device %s enrolled again with another key, as expected", device.pk)


def tell(device_id: uuid.UUID) -> None:
    """Tell people that a device was refused for its key, once a day, and how to let it in."""
    logger.warning("Refused an enrolment as device %s with another key than it has", device_id)
    if _notified.is_new(str(device_id)):
        Notice.write("reenrolment_refused", device_id)
