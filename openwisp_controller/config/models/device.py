"""Devices: what they are and how they are recognised."""

from __future__ import annotations

import hashlib
import ipaddress
import uuid
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import OrgMixin
from openwisp_utils.base import TimeStampedEditableModel
from openwisp_utils.utils import get_random_key

from ...common.addresses import normalised
from ...common.moments import is_ahead
from ...common.prepared import Parameter, Prepared
from ...common.sql import advisory_lock
from ...common.validators import device_name_validator, key_validator, mac_address_validator
from ..settings import settings
from ..unit_of_work import unit_of_work
from .group import DeviceGroup
from .interface import DeviceInterface
from .observed import Observed
from .organization import OrganizationConfigSettings, OrganizationLimits

if TYPE_CHECKING:
    from .config import Config

#: For how long a device may enrol with another key once somebody expects that.
REENROLMENT_EXPECTED_FOR = timedelta(hours=24)


def is_reachable(address: str) -> bool:
    """Tell whether an IP address, in its canonical form, can be that of a device; the controller's own cannot."""
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback:
        return settings.LOOPBACK_MANAGEMENT_IP
    return not (parsed.is_unspecified or parsed.is_multicast or any(parsed in net for net in _NO_HOST))


_NO_HOST = ipaddress.ip_network("0.0.0.0/8"), ipaddress.ip_network("255.255.255.255/32")


_ADDRESSES = ("management_ip", "last_ip")


class Device(DeviceInterface, Observed, OrgMixin, TimeStampedEditableModel):
    """A router or another device that fetches its configuration from the controller."""

    name = models.CharField(
        _("name"),
        max_length=64,
        db_index=True,
        validators=[device_name_validator],
        help_text=_("must be either a valid hostname or mac address"),
    )
    mac_address = models.CharField(
        _("MAC address"),
        max_length=17,
        db_index=True,
        validators=[mac_address_validator],
        help_text=_("primary mac address"),
    )
    key = models.CharField(
        _("key"),
        max_length=64,
        unique=True,
        blank=True,
        null=False,
        default=None,
        validators=[key_validator],
        help_text=_("unique device key; derived from MAC address and shared secret when left empty"),
    )
    model = models.CharField(_("model"), max_length=64, blank=True, db_index=True, help_text=_("device model"))
    os = models.CharField(
        _("operating system"), max_length=128, blank=True, db_index=True, help_text=_("operating system identifier")
    )
    system = models.CharField(
        _("SOC / CPU"), max_length=128, blank=True, db_index=True, help_text=_("system on chip or CPU info")
    )
    notes = models.TextField(_("notes"), blank=True, help_text=_("internal notes"))
    group = models.ForeignKey(DeviceGroup, verbose_name=_("group"), null=True, blank=True, on_delete=models.SET_NULL)
    last_ip = models.GenericIPAddressField(
        _("last ip"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("address from which the device was last seen"),
    )
    management_ip = models.GenericIPAddressField(
        _("management ip"),
        null=True,
        blank=True,
        db_index=True,
        help_text=_("address at which the controller can reach the device"),
    )
    management_ip_is_new = models.BooleanField(
        default=False, editable=False, help_text=_("The device enrolled with its management address a moment ago.")
    )
    reenrolment_expected_until = models.DateTimeField(
        null=True, editable=False, help_text=_("Until then the device may enrol with another key, once.")
    )
    hardware_id: models.CharField[str | None, str | None] = models.CharField(**settings.hardware_id_field_options)
    _is_deactivated = models.BooleanField(default=False)

    config_to_store: Config | None = None
    """A configuration that was set as ``config``: if it is new, it is stored with the device."""
    skip_next_push = False
    """Set by whoever changes a device while it talks to the controller: it will look for changes by itself."""

    observed_fields = (
        "name", "mac_address", "key", "hardware_id", "os", "organization_id", "group_id", "management_ip", "last_ip",
    )  # fmt: skip
    shared_fields = ("last_ip", "management_ip", "management_ip_is_new")
    system_fields = ("_is_deactivated", "reenrolment_expected_until")
    unversioned_fields = ("management_ip_is_new",)
    secret_fields = ("key",)

    class Meta:
        verbose_name, verbose_name_plural = settings.DEVICE_VERBOSE_NAME
        unique_together = (("mac_address", "organization"), ("hardware_id", "organization"))
        ordering = ("name",)
        indexes = (
            models.Index(F("organization"), Upper("name"), name="config_device_org_upper_name"),
            models.Index(fields=["-created"], name="config_device_newest"),
        )

    def __str__(self) -> str:
        if settings.HARDWARE_ID_ENABLED and settings.HARDWARE_ID_AS_NAME and self.hardware_id:
            return self.hardware_id
        return self.name

    def has_config(self) -> bool:
        """Tell whether the device has a configuration."""
        return hasattr(self, "config")

    def _has_config(self) -> bool:
        """Same as ``has_config``, under the name that the field's packages call."""
        return self.has_config()

    def _has_group(self) -> bool:
        return self.group_id is not None

    @property
    def backend(self) -> str | None:
        """Label of the backend of the configuration; None without one."""
        if not self.has_config():
            return None
        # lists ask for it in each row; ``get_backend_display`` goes through all choices first
        return str(dict(settings.BACKENDS).get(self.config.backend, self.config.backend))

    @property
    def status(self) -> str | None:
        """Label of the status of the configuration; None without one."""
        return self.config.get_status_display() if self.has_config() else None

    @property
    def last_seen(self) -> datetime | None:
        """When the device last asked for something or reported, give or take a minute; None = never."""
        sighting = getattr(self, "sighting", None)
        return sighting.at if sighting is not None else None

    def get_config(self) -> Config:
        """Return the configuration of the device, an unsaved one when it has none."""
        if self.has_config():
            return self.config
        config: Any = type(self)._meta.get_field("config").related_model
        return cast("Config", config(device=self, backend=settings.DEFAULT_BACKEND or ""))

    def get_context(self) -> dict[str, Any]:
        """Return the variables available to the device."""
        return self.get_config().get_context()

    def is_deactivated(self) -> bool:
        """Tell whether the device was deactivated; it may still have to fetch its empty configuration."""
        return self._is_deactivated

    def is_fully_deactivated(self) -> bool:
        """Tell whether the device was deactivated and has removed its configuration."""
        return self._is_deactivated and (not self.has_config() or self.config.status == "deactivated")

    def is_reenrolment_expected(self) -> bool:
        """Tell whether the device may enrol with another key now, by the clock of the database."""
        until = self.reenrolment_expected_until
        return until is not None and not self._is_deactivated and is_ahead(until, REENROLMENT_EXPECTED_FOR)

    def can_be_updated(self) -> bool:
        """Tell whether the device has something to fetch, so that it is told so."""
        return self.has_config() and self.config.can_be_updated()

    def delete(self, using: Any = None, keep_parents: bool = False, check_deactivated: bool = True) -> Any:
        """Delete the device.

        Args:
            check_deactivated: refuse when the device may still run its configuration.

        Raises:
            PermissionDenied: when the device is not fully deactivated.
        """
        with unit_of_work() as unit:
            if check_deactivated:
                unit.lock(type(self), [self.pk])  # somebody may have activated it since this instance was loaded
                stored = type(self).objects.select_related("config").filter(pk=self.pk).first()
                if stored is not None and not stored.is_fully_deactivated():
                    raise PermissionDenied(_("The device must be deactivated prior to deletion"))
            return super().delete(using=using, keep_parents=keep_parents)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the device, and its configuration if that is new; addresses set to an empty text read so afterwards."""
        emptied = [name for name in _ADDRESSES if self.__dict__.get(name) == ""]
        config, self.config_to_store = self.config_to_store, None
        if config is None or not config._state.adding or kwargs.get("update_fields") is not None:
            super().save(*args, **kwargs)
        else:
            with unit_of_work():
                super().save(*args, **kwargs)
                config.device = self
                config.save()
        for name in emptied:
            self.__dict__[name] = self.__dict__.get(name) or ""

    def reported_fields(self) -> tuple[str, ...]:
        """The last address matters to WHOIS alone; without that, no statement is spent on it."""
        names = super().reported_fields()
        return names if settings.is_whois_configured else tuple(name for name in names if name != "last_ip")

    def normalise(self) -> None:
        """Addresses are canonical, empty ones and serial numbers NULL, MAC addresses upper-case, keys never empty."""
        self._replace_empty(None, "management_ip", "last_ip", "hardware_id")
        for name in _ADDRESSES:
            address = self.__dict__.get(name)
            if address is not None:
                field: Any = Device._meta.get_field(name)
                setattr(self, name, normalised(str(address)) or field.get_prep_value(address))
        for name in ("group_id", "organization_id"):
            if self.__dict__.get(name) is not None:
                setattr(self, name, DeviceGroup._meta.pk.to_python(self.__dict__[name]))
        if self.__dict__.get("mac_address"):
            self.mac_address = self.mac_address.upper()
        self._replace_empty(self.generate_key, "key")

    def generate_key(self, shared_secret: str | None = None) -> str:
        """Return the key that the device itself computes when it enrols, or a random one where it cannot.

        Args:
            shared_secret: of the organization; None = look it up, where keys are to be consistent.
        """
        shared = shared_secret
        if shared is None and settings.CONSISTENT_REGISTRATION:
            row = OrganizationConfigSettings.objects.filter(organization_id=self.organization_id)
            shared = row.values_list("shared_secret", flat=True).first()
        if shared is None:
            return get_random_key()
        base = (self.hardware_id if settings.HARDWARE_ID_ENABLED else None) or self.mac_address
        return hashlib.md5(f"{base}+{shared}".encode(), usedforsecurity=False).hexdigest()

    def clean(self) -> None:
        """Check the group's organization; raise ``ValidationError``."""
        super().clean()
        self.mac_address = (self.mac_address or "").upper()
        self._replace_empty(None, "management_ip", "last_ip", "hardware_id")
        if self.group_id:
            self._validate_org_relation("group", field_error="group")

    def validate_constraints(self, exclude: Any = None) -> None:
        """Check that the organization may have one more device; raise ``ValidationError``."""
        super().validate_constraints(exclude=exclude)
        self._check_limit()

    def _check_limit(self) -> None:
        if not self._state.adding and not self.differing("organization_id"):
            return
        limits = (
            OrganizationLimits.objects.filter(organization_id=self.organization_id)
            .select_related("organization")
            .first()
        )
        if limits is None or limits.device_limit == 0:
            return
        advisory_lock(f"devices of {self.organization_id}")
        devices = Device.objects.filter(organization_id=self.organization_id).exclude(pk=self.pk).count()
        if not limits.allows_another(devices):
            raise ValidationError(
                _("The maximum amount of allowed devices has been reached for organization {}.").format(
                    limits.organization.name
                )
            )

    def unique_error_message(self, model_class: Any, unique_check: Any) -> ValidationError:
        """Return the message that devices and programs know, which writes the label in its own way."""
        error = super().unique_error_message(model_class, unique_check)
        params = dict(error.params or {})
        if labels := params.get("field_labels"):
            params["field_labels"] = labels.replace("MAC address", "Mac address")
        return ValidationError(error.message, error.code, params)

    def validate_unique(self, exclude: Any = None) -> None:
        """Check everything that must be unique with one query."""
        exclude = exclude or set()
        checked = ["key"] if "key" not in exclude and self.key else []
        if self.organization_id:
            if settings.DEVICE_NAME_UNIQUE and "name" not in exclude:
                checked.append("name")
            if "mac_address" not in exclude:
                checked.append("mac_address")
            if "hardware_id" not in exclude and self.hardware_id:
                checked.append("hardware_id")
        if not checked:
            return
        if "name" in checked:
            # the setting can be changed, so the database has no constraint to rely on
            advisory_lock(f"device {self.name.lower()} of {self.organization_id}")
        others = _others_with_same(*checked)(
            pk=self.pk, organization=self.organization_id, key=self.key, name=self.name,
            hardware_id=self.hardware_id, **dict(zip(_SPELLINGS, mac_spellings(self.mac_address), strict=True)),
        )  # fmt: skip
        errors: dict[str, list[Any]] = {}
        for name in checked:
            if any(_clashes(name, self, other) for other in others):
                fields = ("key",) if name == "key" else (name, "organization")
                errors.setdefault("key" if name == "key" else NON_FIELD_ERRORS, []).append(
                    self.unique_error_message(Device, fields)
                )
        if errors:
            raise ValidationError(errors)


_UNIQUE_FIELDS = ("key", "name", "mac_address", "hardware_id", "organization_id")
_SPELLINGS = ("with_colons", "with_hyphens", "in_capitals")


@cache
def _others_with_same(*names: str) -> Prepared[Device]:
    """Return the query for devices other than one that have the same value in one of these fields."""
    given = {name: Parameter(name, Device, name) for name in ("organization", "key", "name", "hardware_id")}
    same = {
        "name": Exact(Upper("name"), Upper(given["name"])),
        "mac_address": Q(mac_address__in=[Parameter(name, Device, "mac_address") for name in _SPELLINGS]),
        "hardware_id": Q(hardware_id=given["hardware_id"]),
    }
    condition = Q(key=given["key"]) if "key" in names else Q()
    for name in names:
        if name in same:
            condition |= Q(organization=given["organization"]) & Q(same[name])
    rows = Device.objects.exclude(pk=Parameter("pk", Device)).only(*_UNIQUE_FIELDS).order_by()
    return Prepared(lambda: rows.filter(condition))


def mac_spellings(mac_address: str) -> tuple[str, str, str]:
    """Return the ways in which a MAC address may be stored: with colons, with hyphens, as it is in capitals."""
    plain = mac_address.upper().replace(":", "").replace("-", "")
    pairs = [plain[i : i + 2] for i in range(0, len(plain), 2)]
    return ":".join(pairs), "-".join(pairs), mac_address.upper()


def _clashes(name: str, device: Device, other: Device) -> bool:
    if name == "key":
        return device.key == other.key
    if uuid.UUID(str(device.organization_id)) != other.organization_id:
        return False
    if name == "name":
        return device.name.lower() == other.name.lower()
    if name == "mac_address":
        return other.mac_address in mac_spellings(device.mac_address)
    return bool(device.hardware_id) and device.hardware_id == other.hardware_id
