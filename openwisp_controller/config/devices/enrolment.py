"""Enrolment: a device presents the secret of an organization and gets an identity and a configuration."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from ...common.prepared import Parameter, Prepared
from ...common.sql import forget_outdated_relations
from ...common.validators import check_key_length, plain_mac, validate_no_nul
from ..assignment import assigning, rules
from ..models import Config, Device, OrganizationConfigSettings, OrganizationLimits, Template
from ..models.base import check_json
from ..models.device import is_reachable
from ..settings import settings
from ..unit_of_work import unit_of_work
from . import management_ip as management_ips
from . import reenrolment

logger = logging.getLogger(__name__)

#: What a device may say about itself; everything else it posts is ignored.
INVENTORY = ("model", "os", "system")


class Refused(Exception):
    """The device cannot enrol. ``status`` is the HTTP status of the answer, ``message`` its body."""

    known_as: uuid.UUID | None = None
    """The device that it says to be with a key that is not that device's, if this is why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class UnknownSecret(Refused):
    """No active organization has that shared secret."""

    def __init__(self) -> None:
        super().__init__(403, "error: unrecognized secret")


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """What a device posts to enrol; all values are texts, empty where it sent none."""

    secret: str
    name: str
    mac_address: str
    backend: str
    key: str = ""
    hardware_id: str = ""
    management_ip: str = ""
    last_ip: str | None = None
    """The address it comes from, not what it says."""
    tags: Sequence[str] = ()
    inventory: Mapping[str, str] = field(default_factory=dict)
    """Those of ``INVENTORY`` that were posted."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The result of an enrolment."""

    device: Device
    is_new: bool


def organization_of(secret: str) -> OrganizationConfigSettings:
    """Return the settings of the active organization with that shared secret.

    Raises:
        Refused: there is none, or devices may not enrol themselves in it.
    """
    found = _settings_by_secret.first(secret=secret) if "\x00" not in secret else None
    if found is None:
        raise UnknownSecret
    if not found.registration_enabled:
        raise Refused(403, "error: registration disabled")
    return found


_settings_by_secret = Prepared[OrganizationConfigSettings](
    lambda: OrganizationConfigSettings.objects.select_related("organization__config_limits").filter(
        shared_secret=Parameter("secret", OrganizationConfigSettings, "shared_secret"), organization__is_active=True
    )[:1]
)
_device_by_key = Prepared[Device](
    lambda: (
        Device.objects.select_related("config", "organization__config_settings", "group")
        .filter(key=Parameter("key", Device, "key"))
        .select_for_update(of=("self",), no_key=True)
        .order_by()
    )
)


def register(request: EnrolmentRequest, before_foreign: Callable[[], None] = lambda: None) -> Registration:
    """Enrol a device, or recognise it by its key; all or nothing.

    Two devices that enrol with the same key at the same time end as one: the later one is recognised.

    Args:
        request: what the device posted.
        before_foreign: called before a device is recognised that presents the secret of another organization; what it
            raises refuses the device.

    Raises:
        Refused: with the status and the text to answer.
    """
    for _attempt in range(2):
        try:
            return _register(request, before_foreign)
        except Refused as refusal:
            if refusal.known_as is not None:
                reenrolment.tell(refusal.known_as)
            raise
        except (IntegrityError, _Overtaken):
            logger.info("Concurrent registration of %s", request.mac_address)
    logger.warning("Registration of %s failed: its key belongs to another device", request.mac_address)
    raise Refused(400, str(Device().unique_error_message(Device, ("key",)).messages[0]))


class _Overtaken(Exception):
    """Somebody else created the same device since we looked."""


def _register(request: EnrolmentRequest, before_foreign: Callable[[], None]) -> Registration:
    with unit_of_work() as unit:
        owner = organization_of(request.secret)
        try:
            validate_no_nul([request.key, request.hardware_id, *request.inventory.values(), *request.tags])
            key = request.key if settings.CONSISTENT_REGISTRATION else ""
            device = _find(key) if key else None
            is_new = device is None
            if device is None:
                try:
                    device = _create(request, key, owner)
                except (ValidationError, Refused) as error:
                    device, is_new = _admit(request, key, owner, error), False
            if not is_new:
                if device.organization_id != owner.organization_id:
                    before_foreign()
                _recognise(device, request, owner)
        except ValidationError as error:
            raise _refusal(error) from None
        unit.happened(device, "enrolled", is_new=is_new)
        return Registration(device, is_new)


def check_inventory(device: Device, names: Collection[str]) -> None:
    """Check what a device says about itself.

    Args:
        names: the fields that it changed.

    Raises:
        ValidationError: keyed by field.
    """
    _clean_only(device, names)
    for name in names:
        check_json(name, getattr(device, name), is_object=False)


def _clean_only(device: Device, names: Collection[str]) -> None:
    device.clean_fields(exclude={field.name for field in device._meta.fields} - set(names))


def _find(key: str) -> Device | None:
    device = _device_by_key.first(key=key)
    if device is None:
        return None
    if device.is_deactivated():
        raise Refused(403, "error: device deactivated")
    forget_outdated_relations(device, "group")
    return device


def _create(request: EnrolmentRequest, key: str, owner: OrganizationConfigSettings) -> Device:
    if not settings.REGISTRATION_SELF_CREATION:
        raise Refused(404, "Device not found in the system, please create it first.")
    organization = owner.organization
    organization.config_settings = owner
    device = Device(
        organization=organization,
        name=request.name,
        mac_address=request.mac_address,
        last_ip=request.last_ip,
        **request.inventory,
    )
    device.hardware_id = request.hardware_id or None
    if key:
        device.key = key
    limits: OrganizationLimits | None = getattr(organization, "config_limits", None)
    is_limited = limits is not None and limits.device_limit != 0
    holders = _claim_management_ip(device, request.management_ip)
    device.full_clean(exclude={"organization", "group"}, validate_constraints=is_limited)
    check_key_length(device.key)
    device.save()
    management_ips.take(device, holders)
    _configure(device, request, organization_id=owner.organization_id)
    return device


def _admit(
    request: EnrolmentRequest, key: str, owner: OrganizationConfigSettings, error: ValidationError | Refused
) -> Device:
    """Return the known device that comes with another key, if that is expected.

    Args:
        error: why it cannot be a new device.

    Raises:
        Refused: it is none, or not expected.
        _Overtaken: somebody else created the device with this key since we looked.
    """
    if key and Device.objects.filter(key=key).exists():
        raise _Overtaken
    refusal = error if isinstance(error, Refused) else _refusal(error)
    device = reenrolment.find(owner.organization_id, request.mac_address, request.hardware_id)
    if device is None:
        raise refusal
    if not device.is_reenrolment_expected():
        refusal.known_as = None if device.is_deactivated() else device.pk
        raise refusal
    forget_outdated_relations(device, "group")
    if key:
        check_key_length(key)
        device.key = key
        _clean_only(device, ["key"])
    reenrolment.admit(device, key)
    return device


def _refusal(error: ValidationError) -> Refused:
    return Refused(400, " ".join(dict.fromkeys(error.messages)))


def _claim_management_ip(device: Device, claimed: str) -> list[Device]:
    """Give a new device the management address that it claims, if it may have it; return others that have it."""
    field: Any = Device._meta.get_field("management_ip")
    try:
        address = field.clean(claimed.strip(), device) if claimed.strip() else None
    except ValidationError:
        device.management_ip = claimed  # so that everything that is wrong is told at once
        return []
    if address is None or not is_reachable(address):
        return []
    _none, holders = management_ips.lock(device.pk, address)
    if not management_ips.may_have(device, address, holders):
        return []
    device.management_ip, device.management_ip_is_new = address, True
    return holders


def _recognise(device: Device, request: EnrolmentRequest, owner: OrganizationConfigSettings) -> None:
    """Bring a known device up to date. Its organization never changes, whichever secret it presented."""
    if device.organization_id != owner.organization_id:
        logger.info("Device %s of another organization registered again with its former secret", device.pk)
    before = {name: getattr(device, name) for name in (*INVENTORY, "name", "last_ip", "management_ip_is_new")}
    for name, value in request.inventory.items():
        if value:
            setattr(device, name, value)
    if plain_mac(request.name) != plain_mac(device.mac_address):
        device.name = request.name
    device.last_ip = request.last_ip or device.last_ip
    device.management_ip_is_new = device.management_ip is not None
    changed = [name for name, value in before.items() if getattr(device, name) != value]
    if changed:
        check_inventory(device, changed)
        if "name" in changed:
            device.validate_unique(exclude={"key", "mac_address", "hardware_id"})
            device.skip_next_push = True
        device.save(update_fields=[*changed, "modified"])
    if not device.has_config():
        _configure(device, request, organization_id=owner.organization_id)
    elif request.tags:
        _add_tagged(device.config, request.tags, owner.organization_id)


def _configure(device: Device, request: EnrolmentRequest, organization_id: object) -> None:
    """Create the configuration; one that does not render is kept, with the status "error", for people to mend."""
    config = Config(device=device, backend=request.backend)
    config.save()
    if request.tags:
        _add_tagged(config, request.tags, organization_id)


def _add_tagged(config: Config, tags: Sequence[str], organization_id: object) -> None:
    """Append the templates that carry one of the tags; a template that cannot be used is left out and logged."""
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk])
    candidates = Template.objects.usable_by(organization_id, config.backend).filter(tags__name__in=tags).distinct()
    present = config.ordered_templates()
    for template in candidates.order_by("name"):
        if template in present:
            continue
        try:
            rules.check_assignable(config, present, [template])
        except ValidationError as error:
            logger.warning("Template %s asked for by tag does not suit device %s: %s", template.pk, config.device_id,
                           "; ".join(error.messages))  # fmt: skip
            continue
        present.append(template)
    wanted = [template.pk for template in present]
    assigning.reassign([config], lambda _config, _present: wanted, detail="tags sent by the device")
