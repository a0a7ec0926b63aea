"""The fields and rules of locations, floor plans and positions. The models themselves are in ``geo.models``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django.contrib.humanize.templatetags.humanize import ordinal
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_loci.base.models import AbstractFloorPlan, AbstractLocation, AbstractObjectLocation
from openwisp_users.mixins import OrgMixin, ValidateOrgMixin
from openwisp_users.models import Organization

from ...common.fields import SwitchField
from ...config.models import Device
from ...config.models.observed import Observed
from .. import estimated, files

if TYPE_CHECKING:
    import uuid

    from django.contrib.gis.geos import GEOSGeometry

SHOWN = ("name", "type", "is_mobile", "address", "geometry")
"""What watchers of a location are told of."""


class BaseLocation(Observed, OrgMixin, AbstractLocation):
    """A place where devices are, or a thing that moves with them. Belongs to one organization, never to all."""

    is_estimated = models.BooleanField(
        _("is estimated?"), default=False, help_text=_("whether the position was estimated from an address")
    )

    observed_fields = (*SHOWN, "organization_id", "is_estimated")

    if TYPE_CHECKING:
        geometry: GEOSGeometry | None

    class Meta(AbstractLocation.Meta):
        abstract = True
        verbose_name = _("location")
        verbose_name_plural = _("locations")

    @property
    def _initial_type(self) -> str:
        """What the library compares the type with: it sees no change, for ours goes by the row (``geo/changes.py``)."""
        return self.type

    @_initial_type.setter
    def _initial_type(self, value: str) -> None: ...

    def clean(self) -> None:
        """Check what the fields cannot tell each for itself; raise ``ValidationError`` keyed by field."""
        super().clean()
        before = self.differing("organization_id", "is_estimated") if not self._state.adding else {}
        if "organization_id" in before and self._is_used():
            text = _("The organization cannot be changed: there are devices or floor plans at this location.")
            raise ValidationError({"organization": text})
        if self.is_estimated and (self._state.adding or "is_estimated" in before):
            self._check_estimation()

    def _is_used(self) -> bool:
        location: Any = self
        return bool(location.devicelocation_set.exists() or location.floorplan_set.exists())

    def _check_estimation(self) -> None:
        row = getattr(self.organization, "geo_settings", None) if self.organization_id else None
        if not estimated.is_enabled(row, self.organization_id):
            text = _("Estimated Location feature required to be configured.")
            raise ValidationError({"is_estimated": text})


class BaseFloorPlan(Observed, OrgMixin, AbstractFloorPlan):
    """The plan of one floor of an indoor location; belongs to the organization of the location."""

    location = models.ForeignKey("geo.Location", verbose_name=_("location"), on_delete=models.CASCADE)
    image = models.ImageField(
        _("image"), upload_to=files.path, storage=files.storage, help_text=_("floor plan image: PNG, JPEG, WebP or GIF")
    )

    observed_fields = ("image", "floor", "location_id")

    if TYPE_CHECKING:
        location_id: uuid.UUID | None

    class Meta(AbstractFloorPlan.Meta):
        abstract = True
        verbose_name = _("floor plan")
        verbose_name_plural = _("floor plans")

    @property
    def name(self) -> str:
        """How the plan is called in lists."""
        floor = _("Ground Floor") if self.floor == 0 else _("{0} Floor").format(ordinal(self.floor))
        return f"{self.location.name} {floor}"

    def clean_fields(self, exclude: Any = None) -> None:
        """Check each field; the organization is that of the location. What was uploaded is looked at."""
        self._follow_location()
        super().clean_fields(exclude=exclude)
        image: Any = self.image
        if image and not image._committed:
            try:
                files.check(image.file)
            except ValidationError as error:
                raise ValidationError({"image": error.messages}) from None

    def clean(self) -> None:
        """Check that the location has floors, and keeps this one while devices are on it; raise ``ValidationError``."""
        super().clean()
        plan: Any = self
        if self._state.adding or not self.differing("location_id"):
            return
        if plan.devicelocation_set.exists():
            raise ValidationError({"location": _("The location cannot be changed: there are devices on this plan.")})

    def normalise(self) -> None:
        self._follow_location()

    def _follow_location(self) -> None:
        location = getattr(self, "location", None) if self.location_id else None
        if location is not None:
            self.organization_id = location.organization_id

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Delete the plan; devices keep their location, the file goes after the commit (``geo/receivers.py``)."""
        return super(AbstractFloorPlan, self).delete(*args, **kwargs)


class BaseDeviceLocation(Observed, ValidateOrgMixin, AbstractObjectLocation):
    """Where a device is: at a location, and there perhaps at a point of a floor plan."""

    content_type = None
    object_id = None
    content_object = models.OneToOneField(Device, verbose_name=_("device"), on_delete=models.CASCADE)
    location = models.ForeignKey(
        "geo.Location", verbose_name=_("location"), on_delete=models.CASCADE, null=True, blank=True
    )
    floorplan = models.ForeignKey(
        "geo.FloorPlan", verbose_name=_("floor plan"), on_delete=models.SET_NULL, null=True, blank=True
    )

    observed_fields = ("location_id", "floorplan_id", "indoor")

    class Meta:
        abstract = True
        verbose_name = _("device location")
        verbose_name_plural = _("device locations")

    def __str__(self) -> str:
        return str(self.content_object)

    @property
    def device(self) -> Device:
        """The device, under its proper name."""
        device: Device = self.content_object
        return device

    @property
    def organization_id(self) -> Any:
        """The organization of the device."""
        return self.content_object.organization_id

    def clean(self) -> None:
        """Check that device, location, plan and position go together; raise ``ValidationError``."""
        self._validate_org_relation("location", field_error="location")
        self._validate_org_relation("floorplan", field_error="floorplan")
        super().clean()

    def _clean_indoor_position(self) -> None:
        """Check the position on the plan: two numbers, only indoors; what has a plan has one."""
        if self.location is None:
            return
        if not self.indoor and (self.location.type != "indoor" or self.floorplan is None):
            return
        if self.location.type != "indoor" or indoor_position(self.indoor) is None:
            raise ValidationError({"indoor": _("invalid value")})


def indoor_position(text: str | None) -> tuple[float, float] | None:
    """Return the y and x that a position ``"y,x"`` on a plan names, from the corner at the top left; None = neither."""
    try:
        y, x = (float(part) for part in (text or "").split(","))
    except ValueError:
        return None
    return (y, x) if math.isfinite(y) and math.isfinite(x) else None


class AbstractOrganizationGeoSettings(models.Model):
    """What an organization decides about its locations."""

    organization = models.OneToOneField(
        Organization, verbose_name=_("organization"), related_name="geo_settings", primary_key=True,
        on_delete=models.CASCADE,
    )  # fmt: skip
    estimated_location_enabled = SwitchField(
        _("Estimated Location Enabled"), follows=estimated.default,
        help_text=_("Whether the locations of devices are estimated from their addresses."),
    )  # fmt: skip

    class Meta:
        abstract = True
        verbose_name = _("Geographic settings")
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return f"Geo settings for {self.organization}"

    def clean(self) -> None:
        """Check that locations can be estimated where that is wanted; raise ``ValidationError``."""
        super().clean()
        if not self.estimated_location_enabled:
            return
        if not estimated.is_whois_configured():
            text = _("WHOIS_GEOIP_ACCOUNT and WHOIS_GEOIP_KEY must be set before enabling Estimated Location feature.")
        elif not estimated.is_whois_enabled(self.organization_id):
            text = _(
                "The WHOIS feature must be enabled for this organization before enabling the"
                " Estimated Location feature."
            )
        else:
            return
        raise ValidationError({"estimated_location_enabled": text})
