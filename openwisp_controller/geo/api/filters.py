"""Filters of the lists of the REST interface, and those that the list of devices gets."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from django.contrib.gis.geos import Polygon
from django.core.exceptions import ValidationError
from django.db.models import Max, Min, Q, QuerySet
from django.forms import CharField
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters

from ...common.rest.filters import BooleanFilter, ManagedFilter, OrganizationFilterSet
from ...config.api.filters import extend_device_list
from .. import estimated
from ..models import DeviceLocation, FloorPlan, Location

Box = tuple[float, float, float, float]
_WRONG_BOX = _("Write minlon,minlat,maxlon,maxlat: four numbers, in degrees.")


class _BoxField(CharField):
    """``minlon,minlat,maxlon,maxlat``; where the first is greater than the third, it goes across the date line."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            west, south, east, north = (float(part) for part in text.split(","))
        except ValueError:
            raise ValidationError(_WRONG_BOX) from None
        if not all(map(math.isfinite, (west, south, east, north))) or south > north:
            raise ValidationError(_WRONG_BOX)
        return west, south, east, north


class BoxFilter(filters.Filter):
    """Finds what lies, in part at least, in a box of longitudes and latitudes."""

    field_class = _BoxField

    def filter(self, qs: QuerySet[Any], value: Box | None) -> QuerySet[Any]:
        if value is None:
            return qs
        west, south, east, north = value
        boxes = [(west, south, east, north)]
        if west > east:
            boxes = [(west, south, 180.0, north), (-180.0, south, east, north)]
        inside = Q()
        for box in boxes:
            area = Polygon.from_bbox(box)
            area.srid = 4326
            # by boxes alone: exact comparisons fail for polygons that cross themselves
            for lookup in ("bboverlaps", "contained", "bbcontains"):
                inside |= Q(**{f"{self.field_name}__{lookup}": area})
        return qs.filter(inside)


class WhoisFilter(BooleanFilter):
    """Filters where WHOIS is configured; else it says nothing, whatever it is given."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        return super().filter(qs, value) if estimated.is_whois_configured() else qs


class LocationFilter(OrganizationFilterSet):
    is_mobile = BooleanFilter()
    type = filters.ChoiceFilter(choices=Location.LOCATION_TYPES)
    is_estimated = WhoisFilter(help_text=_("Was estimated from an address; ignored where WHOIS is not configured."))
    bbox = BoxFilter(field_name="geometry", help_text=_("minlon,minlat,maxlon,maxlat"))

    class Meta:
        model = Location
        fields: ClassVar[list[str]] = []


class FloorPlanFilter(OrganizationFilterSet):
    class Meta:
        model = FloorPlan
        fields: ClassVar[list[str]] = []


class IndoorCoordinatesFilter(filters.FilterSet):
    """By floor: without one the ground floor or that which is nearest above; else the highest of those below."""

    floor = filters.NumberFilter(field_name="floorplan__floor")

    class Meta:
        model = DeviceLocation
        fields: ClassVar[list[str]] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if "floor" in self.data:
            return super().filter_queryset(queryset)
        floors = queryset.order_by().aggregate(
            above=Min("floorplan__floor", filter=Q(floorplan__floor__gte=0)), highest=Max("floorplan__floor")
        )
        floor = floors["highest"] if floors["above"] is None else floors["above"]
        return queryset.filter(floorplan__floor=floor)


def extend_list_of_devices() -> None:
    """Let the list of devices be filtered by where they are; called once, when the app starts."""
    extend_device_list(
        {
            "with_geo": BooleanFilter(
                field_name="devicelocation", lookup_expr="isnull", exclude=True, help_text=_("Has a location.")
            ),
            "location": ManagedFilter(Location.objects.all(), field_name="devicelocation__location"),
            "location__name": filters.CharFilter(field_name="devicelocation__location__name", lookup_expr="icontains"),
            "geo_is_estimated": WhoisFilter(
                field_name="devicelocation__location__is_estimated",
                help_text=_("Its location was estimated from its address; ignored where WHOIS is not configured."),
            ),
            "floorplan": ManagedFilter(FloorPlan.objects.all(), field_name="devicelocation__floorplan"),
        }
    )
