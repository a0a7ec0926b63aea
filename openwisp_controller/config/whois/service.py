"""Whether addresses are looked up, of which devices, and when. A lookup itself never runs in a request."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.utils import timezone
from openwisp_users.models import Organization

from ...common import addresses
from ...common.recently import Recently
from ...common.wakeup import wake
from ..models import Device, WHOISInfo
from ..settings import settings
from ..unit_of_work import UnitOfWork
from . import records

#: Polls ask for the lookup of an address once in this time: one that failed, or whose message was lost, is repeated.
ASKED_EVERY = 3600
_asked = Recently("whois-asked", seconds=ASKED_EVERY)


class WHOISService:
    """What is known about the address at which a device was last seen.

    Args:
        device: as it is in hand.
    """

    def __init__(self, device: Device) -> None:
        self.device = device

    @staticmethod
    def is_configured() -> bool:
        """Tell whether there is an account to look up addresses with."""
        return settings.is_whois_configured

    @staticmethod
    def is_enabled_in(organization_id: uuid.UUID) -> bool:
        """Tell whether WHOIS is configured, and on in an organization."""
        return _switches_of(organization_id)[1]

    @property
    def address(self) -> str | None:
        """The public address in its canonical form; None where there is none."""
        return addresses.public(self.device.last_ip)

    @property
    def is_enabled(self) -> bool:
        """Whether WHOIS is configured, and on in the organization of the device."""
        return self._switches()[1]

    @property
    def looks_up(self) -> bool:
        """Whether addresses of the device are looked up: WHOIS is enabled, and its organization is active."""
        return all(self._switches())

    def get_device_whois_info(self) -> WHOISInfo | None:
        """Return what is known about the address of the device."""
        address = self.address
        return WHOISInfo.objects.filter(pk=address).first() if address is not None else None

    def _switches(self) -> tuple[bool, bool]:
        """Return whether the organization is active, and whether WHOIS is on in it."""
        return _switches_of(self.device.organization_id)


def _switches_of(organization_id: uuid.UUID) -> tuple[bool, bool]:
    if not WHOISService.is_configured():
        return False, False
    rows = Organization.objects.filter(pk=organization_id)
    return rows.values_list("is_active", "config_settings__whois_enabled").first() or (False, False)


class AddressChecks:
    """Devices whose addresses are looked at when everything else of the unit of work is done."""

    def __init__(self) -> None:
        self._devices: dict[uuid.UUID, bool] = {}

    def add(self, unit: UnitOfWork, device: Device, *, is_new: bool) -> None:
        """Look at the address of a device at the end.

        Args:
            unit: that these checks belong to.
            device: was stored.
            is_new: the address, or the device; else it is the address that was known before.
        """
        if device.is_deactivated() or addresses.public(device.__dict__.get("last_ip")) is None:
            return
        self._devices[device.pk] = self._devices.get(device.pk, False) or is_new
        unit.follow_up(("whois", device.pk), lambda: self._check(unit, device))

    def _check(self, unit: UnitOfWork, device: Device) -> None:
        is_new = self._devices.pop(device.pk)
        service = WHOISService(device)
        address = service.address
        if address is None or not service.looks_up:
            return
        if not is_new:
            if records.outdated().filter(pk=address).exists():
                look_up(device.pk, address)
        elif records.fresh().filter(pk=address).exists():
            unit.happened(device, "address known")
        else:
            look_up(device.pk, address)


def look_up(device_id: uuid.UUID, address: str) -> None:
    """Have an address looked up after the commit, for a device that has it."""
    wake("config.fetch_whois_details", str(device_id), address)


def ask_again(device_id: uuid.UUID, address: str | None) -> None:
    """Have the address of a device that polls looked up, if that was not asked for of late.

    Args:
        device_id: primary key of the device.
        address: at which it was last seen; of it no fresh record is stored.
    """
    public = addresses.public(address)
    if public is not None and _asked.is_new(public):
        look_up(device_id, public)


def fresh_since() -> datetime:
    """Return when a record must have been written to be fresh; by the clock of this process, for polls only."""
    return timezone.now() - records.lifetime()
