"""Giving a device the location that its address tells of, as long as nobody knows a better one."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from ...common import addresses
from ...common.sql import advisory_lock
from ...config.models import Device, WHOISInfo
from ...config.unit_of_work import UnitOfWork, unit_of_work
from .. import estimated
from ..models import DeviceLocation, Location, OrganizationGeoSettings
from . import derived, notifications

logger = logging.getLogger(__name__)


def is_enabled_for(device: Device) -> bool:
    """Tell whether locations are estimated in the organization of a device."""
    row = OrganizationGeoSettings.objects.filter(organization=device.organization_id).first()
    return estimated.is_enabled(row, device.organization_id)


def estimate(device_id: uuid.UUID | str, ip_address: str) -> None:
    """Estimate the location of a device from its address, unless there is no reason to (any more).

    Args:
        device_id: primary key of the device.
        ip_address: that it had when this was asked for.
    """
    with unit_of_work(background=True) as unit:
        unit.lock(Device, [device_id])
        device = Device.objects.filter(pk=device_id).first()
        if device is None:
            logger.warning("The location of device %s is not estimated: there is no such device any more", device_id)
            return
        if device.is_deactivated() or addresses.public(device.last_ip) != ip_address or not is_enabled_for(device):
            return
        # devices that come to one address at the same moment get one location, not two
        advisory_lock(f"estimated location {device.organization_id} {ip_address}")
        _Estimation(unit, device, ip_address).run()


class _Estimation:
    """One estimation, in a unit of work that holds the device locked."""

    def __init__(self, unit: UnitOfWork, device: Device, ip_address: str) -> None:
        self.unit = unit
        self.device = device
        self.ip_address = ip_address
        row = DeviceLocation.objects.select_related("location").filter(content_object=device.pk).first()
        self.row = row or DeviceLocation(content_object=device)
        self.current: Location | None = self.row.location
        self.record = WHOISInfo.objects.filter(pk=ip_address).first()

    def run(self) -> None:
        peers = self._locations_of_peers()
        if len(peers) > 1:
            logger.error("Several devices at %s are at different locations: that of device %s is not estimated",
                         self.ip_address, self.device.pk)  # fmt: skip
            notifications.tell("error", self.device, self.record, self.ip_address)
        elif self.current is not None and not self.current.is_estimated:
            logger.info("The location of device %s is known, nothing is estimated", self.device.pk)
        elif peers and (self.current is None or peers[0] != self.current.pk):
            self._adopt(peers[0])
        elif self.record is None or self.record.coordinates is None:
            logger.warning("The location of device %s is not estimated: none is known of %s", self.device.pk,
                           self.ip_address)  # fmt: skip
        else:
            self._follow(derived.attributes(self.record))

    def _locations_of_peers(self) -> list[Any]:
        """Return the keys of two locations at most of other devices of the organization at the same address."""
        peers = DeviceLocation.objects.filter(
            content_object__organization=self.device.organization_id,
            content_object__last_ip=self.device.last_ip,
            content_object___is_deactivated=False,
            location__isnull=False,
        ).exclude(content_object=self.device.pk)
        return list(peers.order_by("location").values_list("location", flat=True).distinct()[:2])

    def _adopt(self, location_id: Any) -> None:
        """Move to the location of the other devices at the address; the estimated one goes if nobody is there."""
        left = self.current
        location = Location.objects.get(pk=location_id)
        self._move_to(location)
        if left is not None and not left.devicelocation_set.exists():
            left.delete()
        self._tell("updated" if left is not None else "created", location)

    def _follow(self, found: dict[str, Any]) -> None:
        """Let the location of the device be as the record says: its own one changes, else it gets one."""
        current = self.current
        if current is None:
            self._create(found)
        elif current.devicelocation_set.exclude(pk=self.row.pk).exists():
            if (current.geometry, current.name) != (found["geometry"], found["name"]):
                self._create(found)
        else:
            self._update(current, found)

    def _create(self, found: dict[str, Any]) -> None:
        location = Location(organization_id=self.device.organization_id, is_estimated=True, **found)
        location.full_clean()
        location.save()
        self._move_to(location)
        self._tell("created", location)

    def _update(self, location: Location, found: dict[str, Any]) -> None:
        changed = [name for name, value in found.items() if getattr(location, name) != value]
        if not changed:
            return
        for name in changed:
            setattr(location, name, found[name])
        location.full_clean()
        self.unit.of(estimated.Estimates).keys.add(location.pk)
        location.save(update_fields=[*changed, "modified"])
        self._tell("updated", location)

    def _move_to(self, location: Location) -> None:
        self.row.location = location
        self.row.floorplan = self.row.indoor = None
        self.row.full_clean()
        self.row.save()

    def _tell(self, kind: str, location: Location) -> None:
        logger.info("The estimated location of device %s was %s", self.device.pk, kind)
        notifications.tell(kind, self.device, self.record, self.ip_address, location)
