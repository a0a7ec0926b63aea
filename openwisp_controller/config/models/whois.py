"""What is known about public addresses of devices: who provides them, and where they are."""

from __future__ import annotations

import ipaddress
import math
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from model_utils.fields import AutoCreatedField, AutoLastModifiedField

from ...common import addresses

#: The parts of an address, in the order in which they are written.
ADDRESS_PARTS = ("city", "country", "continent", "postal")
_WGS84 = 4326


class Position(NamedTuple):
    """A point on the Earth, in degrees (WGS 84), where the libraries for geometry are not installed."""

    x: float
    """Longitude."""
    y: float
    """Latitude."""
    srid: int = _WGS84


@cache
def _point_class() -> Any:
    """Return what makes a point of longitude, latitude and ``srid``; the libraries are loaded when they are needed."""
    try:
        point = import_string("django.contrib.gis.geos.Point")
        point(0, 0, srid=_WGS84)
    except (ImproperlyConfigured, ImportError, OSError):
        return Position
    return point


class WHOISInfo(models.Model):
    """What the WHOIS service says about one public address; one row in the whole system."""

    ip_address = models.GenericIPAddressField(_("IP address"), primary_key=True)
    isp = models.CharField(_("ISP"), max_length=100, blank=True, help_text=_("organization of the autonomous system"))
    asn = models.CharField(_("ASN"), max_length=10, blank=True, help_text=_("number of the autonomous system"))
    timezone = models.CharField(_("time zone"), max_length=35, blank=True)
    address = models.JSONField(_("address"), default=dict, blank=True)
    cidr = models.CharField(_("CIDR"), max_length=49, blank=True, help_text=_("network that the address belongs to"))
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    unreferenced_since = models.DateTimeField(
        null=True, editable=False, help_text=_("Since then no active device was seen at this address.")
    )
    created = AutoCreatedField(_("created"))
    modified = AutoLastModifiedField(_("modified"))

    class Meta:
        default_permissions = ()
        verbose_name = _("WHOIS information")
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return self.ip_address

    @property
    def coordinates(self) -> Any:
        """Where the address is, None where that is not known.

        A ``Point`` of ``django.contrib.gis`` (SRID 4326) where GEOS and GDAL are installed, else a ``Position``; both
        have the longitude as ``x`` and the latitude as ``y``. Either can be set, and given to the constructor.
        """
        if self.latitude is None or self.longitude is None:
            return None
        return _point_class()(self.longitude, self.latitude, srid=_WGS84)

    @coordinates.setter
    def coordinates(self, point: Any) -> None:
        self.longitude, self.latitude = (None, None) if point is None else (point.x, point.y)

    @property
    def formatted_address(self) -> str:
        """The address in one line: city, country, continent and postal code, as far as they are known."""
        return ", ".join(str(self.address[part]) for part in ADDRESS_PARTS if self.address.get(part))

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._normalise()
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Any = None) -> None:
        self._normalise()
        super().clean_fields(exclude)

    def clean(self) -> None:
        """Check the values; raise ``ValidationError`` keyed by field."""
        super().clean()
        errors: dict[str, Any] = {}
        if self.ip_address and addresses.public(self.ip_address) is None:
            errors["ip_address"] = _("WHOIS information cannot be created for private IP addresses.")
        try:
            ipaddress.ip_network(self.cidr or "0.0.0.0/0", strict=False)
        except ValueError as error:
            errors["cidr"] = _("Invalid CIDR format: %s") % error
        if not _is_within(self.latitude, 90):
            errors["coordinates"] = _("Latitude must be between -90 and 90 degrees.")
        elif not _is_within(self.longitude, 180):
            errors["coordinates"] = _("Longitude must be between -180 and 180 degrees.")
        if errors:
            raise ValidationError(errors)

    def _normalise(self) -> None:
        self.ip_address = addresses.normalised(self.ip_address or "") or self.ip_address


def _is_within(degrees: float | None, limit: int) -> bool:
    return degrees is None or (math.isfinite(degrees) and -limit <= degrees <= limit)
