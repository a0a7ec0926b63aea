"""Management addresses: which device is reached where. An address leads to one device.

Within an organization the device that claims an address last has it. Devices of other organizations keep theirs: a
claim across organizations is ignored, logged and told to both, for whoever has the address is given credentials.
``SHARED_MANAGEMENT_IP_ADDRESS_SPACE = False`` says that organizations have networks of their own, where the same
address leads to different devices.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from ...common.recently import Recently
from ...common.sql import advisory_lock
from ...common.tenancy import managed_objects
from ...common.wakeup import wake
from ..models import Device
from ..models.device import is_reachable
from ..settings import settings

logger = logging.getLogger(__name__)
#: Refused claims are looked at again after this time, by device and address; until then polls cost nothing for them.
_refused = Recently("management-ip-refused", seconds=300)
_notified = Recently("management-ip-notified", seconds=86400)


def lock(device_id: uuid.UUID, claimed: str | None) -> tuple[Device | None, list[Device]]:
    """Lock a device and those that have the address that it claims; two that claim the same one come in turn.

    Args:
        device_id: primary key of the device.
        claimed: the address, in its canonical form; None = none.

    Returns:
        the device with its organization, None when there is none; the others.
    """
    wanted = Q(pk=device_id)
    if claimed is not None:
        advisory_lock(f"management ip {claimed}")
        wanted |= Q(management_ip=claimed)
    rows = Device.objects.filter(wanted).order_by("pk").select_for_update(of=("self",), no_key=True)
    found = {device.pk: device for device in rows.select_related("organization")}
    device = found.pop(device_id, None)
    return device, list(found.values())


def may_have(device: Device, address: str, holders: list[Device]) -> bool:
    """Tell whether a device gets the address that it claims; where it does not, log that and notify people.

    Args:
        device: stored, or about to be.
        address: in its canonical form.
        holders: other devices that have the address.
    """
    foreign = [other for other in rivals(device, holders) if other.organization_id != device.organization_id]
    if not foreign:
        return True
    logger.warning(
        "Device %s claims the management address %s, which a device of another organization has: ignored",
        device.pk, address,
    )  # fmt: skip
    _refused.note(f"{device.pk} {address}")
    if _notified.is_new(f"{device.pk} {address}"):
        wake("config.notify_address_refused", str(device.pk), address)
    return False


def take(device: Device, holders: list[Device]) -> None:
    """Take the address that a device was given from the others that have it."""
    for other in rivals(device, holders):
        other.management_ip = None
        other.save(update_fields=["management_ip"])


def was_refused(device_id: uuid.UUID, address: Any) -> bool:
    """Tell whether this claim was refused a moment ago."""
    return _refused.was_noted(f"{device_id} {address}")


def rivals(device: Device, holders: list[Device]) -> list[Device]:
    """Return those that cannot have the same address as a device."""
    if settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        return holders
    return [other for other in holders if other.organization_id == device.organization_id]


def check_assignable(device_id: uuid.UUID, address: str | None, organization: Any, user: Any) -> None:
    """Check that a management address can be that of a device, and that no other device has it, as forms do.

    Args:
        device_id: who shall have it.
        address: None = none.
        organization: of the device.
        user: who wants that; the other device is named only to those who manage its organization.

    Raises:
        ValidationError: another device has it, or no device can.
    """
    if not address:
        return
    if not is_reachable(address):
        raise ValidationError(_("Devices cannot be reached at this address: enter one of the device itself."))
    others: QuerySet[Device] = Device.objects.filter(management_ip=address).exclude(pk=device_id)
    if not settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE:
        others = others.filter(organization=organization)
    if not others.exists():
        return
    known = managed_objects(user, others, shared=False).first()
    if known is not None:
        raise ValidationError(_("The device “%(device)s” has this address already."), params={"device": known})
    raise ValidationError(_("Another device has this address already."))
