"""Serializers of the REST interface. Packages extend some of them by name."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib.gis.db.models.functions import AsGeoJSON
from django.core.exceptions import ValidationError as ModelError
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField, empty
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from ...common.rest.serializers import MaskedSecrets, ValidatedSerializer
from ...config.models import Device
from ...config.unit_of_work import unit_of_work
from .. import estimated, geometry
from ..base.models import indoor_position
from ..models import DeviceLocation, FloorPlan, Location, OrganizationGeoSettings
from .fields import Flag, FloorPlanForm, GeometryField, ImageField, Nested

STAMPS = ("created", "modified")
_PLAN = {"type": "object", "properties": {"floor": {"type": "integer"}, "image": {"type": "string"}}}


def set_checked(instance: Any, values: dict[str, Any], name: str, exclude: set[str] | None = None) -> None:
    """Put values into an instance inside of another one and check it; raise ``ValidationError`` under its name."""
    for key, value in values.items():
        setattr(instance, key, value)
    try:
        instance.full_clean(exclude=exclude)
    except ModelError as error:
        raise serializers.ValidationError({name: error.message_dict}) from None


def check_plan(plan: FloorPlan, values: dict[str, Any]) -> None:
    """Put values into a floor plan, whose location may be a new one, and check it."""
    is_new = plan.location._state.adding
    floor: Any = values.get("floor", plan.floor)
    taken = FloorPlan.objects.filter(location=plan.location_id, floor=floor).exclude(pk=plan.pk)
    if not is_new and taken.exists():
        text = _("The fields location, floor must make a unique set.")
        raise serializers.ValidationError({"floorplan": {"non_field_errors": [text]}})
    set_checked(plan, values, "floorplan", {"location", "organization"} if is_new else None)


@extend_schema_field({"type": "array", "items": _PLAN, "description": "On input one object, with an uploaded image."})
class PlansOfLocation(Nested):
    """The floor plans of a location; on input one of them. What was read says nothing when it is sent back."""

    form = FloorPlanForm

    def run_validation(self, data: Any = empty) -> Any:
        if data is None or isinstance(data, list):
            raise SkipField
        return super().run_validation(data)

    def get_attribute(self, instance: Location) -> Any:
        return sorted(instance.floorplan_set.all(), key=lambda plan: plan.created, reverse=True)

    def to_representation(self, value: Any) -> Any:
        return FloorPlanForm(value, many=True, context=self.context).data


_DECIMALS = 9
"""Of coordinates on the map: a tenth of a millimetre. More of them show how the database rounds: 41.89999999999999."""


class LocationSerializer(ValidatedSerializer):
    """A location with its floor plans; creates or edits one plan on the way."""

    geometry = GeometryField(required=False, allow_null=True)
    is_mobile = Flag(required=False)
    floorplan = PlansOfLocation(required=False)

    class Meta:
        model = Location
        fields = (
            "id", "organization", "name", "type", "is_mobile", "address", "geometry", "is_estimated", *STAMPS,
            "floorplan",
        )  # fmt: skip
        read_only_fields = ("id", "is_estimated", *STAMPS)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not estimated.is_whois_configured():
            self.fields.pop("is_estimated", None)

    def to_representation(self, instance: Location) -> dict[str, Any]:
        """Where an organization estimates no locations, nothing is said about that."""
        shown: dict[str, Any] = super().to_representation(instance)
        if "is_estimated" in shown and not estimated.is_shown(instance):
            del shown["is_estimated"]
        return shown

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "floorplan"}

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        self.plan: FloorPlan | None = None
        data = super().validate(data)
        if "floorplan" in data:
            self._set_plan(self.checked, data["floorplan"])
        return data

    def _set_plan(self, location: Location, sent: Any) -> None:
        if location.type != "indoor":
            text = _("Floorplan can only be added with location of the type indoor")
            raise serializers.ValidationError({"type": [text]})
        newest = None if location._state.adding else location.floorplan_set.order_by("-created").first()
        values = self.fields["floorplan"].checked(sent, newest)
        self.plan = newest or FloorPlan(location=location)
        check_plan(self.plan, values)

    def store(self, instance: Location, data: dict[str, Any]) -> None:
        with unit_of_work():
            instance.save()
            if self.plan is not None:
                self.plan.location = instance
                self.plan.save()


class FloorPlanSerializer(ValidatedSerializer):
    """A floor plan; belongs to the organization of its location."""

    name = serializers.CharField(read_only=True)
    image = ImageField()

    class Meta:
        model = FloorPlan
        fields = ("id", "name", "floor", "image", *STAMPS, "location", "organization")
        read_only_fields = ("id", *STAMPS, "organization")


class LinkedFloorPlanSerializer(serializers.ModelSerializer):
    """A floor plan as it is shown with a device."""

    name = serializers.CharField(read_only=True)
    image = ImageField(read_only=True)

    class Meta:
        model = FloorPlan
        fields = ("id", "name", "floor", "image", *STAMPS)
        read_only_fields = ("id", "floor", *STAMPS)


def feature(location: Location) -> dict[str, Any]:
    """Return a location as a feature of GeoJSON."""
    names = ["type", "is_mobile", "name", "address"]
    if estimated.is_shown(location):
        names.append("is_estimated")
    properties = {name: getattr(location, name) for name in names}
    return {
        "id": str(location.pk), "type": "Feature", "geometry": geometry.shown(location.geometry),
        "properties": properties,
    }  # fmt: skip


class CoordinatesSerializer(serializers.Serializer):
    """Where a device is, as it reports and reads it."""

    type = serializers.CharField(read_only=True)
    geometry = GeometryField(required=False, allow_null=True)
    properties = serializers.DictField(read_only=True)

    def validate_geometry(self, value: Any) -> Any:
        if value is not None:
            geometry.check_position(value)
        return value


class GeometryOfMap(GeometryField):
    """Takes what the database wrote as GeoJSON, in ``geojson``, where a query asks for that; see ``with_geojson``."""

    def get_attribute(self, instance: Any) -> Any:
        if "geojson" not in instance.__dict__:
            return super().get_attribute(instance)
        text = instance.geojson
        return None if text is None else json.loads(text, parse_int=float)

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, dict) else super().to_representation(value)


def with_geojson(locations: QuerySet[Location]) -> QuerySet[Location]:
    """Let the database write geometries as GeoJSON: to build thousands in Python costs as much as all the rest."""
    return locations.defer("geometry").annotate(geojson=AsGeoJSON("geometry", precision=_DECIMALS))


class GeoJsonLocationSerializer(GeoFeatureModelSerializer):
    """A location of devices on a map."""

    geometry = GeometryOfMap()
    device_count = serializers.IntegerField()

    class Meta:
        model = Location
        geo_field = "geometry"
        fields: ClassVar[str] = "__all__"

    def to_representation(self, instance: Location) -> dict[str, Any]:
        """Where an organization estimates no locations, nothing is said about that."""
        shown: dict[str, Any] = super().to_representation(instance)
        if not estimated.is_shown(instance):
            del shown["properties"]["is_estimated"]
        return shown


class LocationDeviceSerializer(MaskedSecrets, serializers.ModelSerializer):
    """A device of a location; keys are never shown here."""

    secrets = ("key",)
    admin_edit_url = serializers.SerializerMethodField()

    class Meta:
        model = Device
        exclude: ClassVar[tuple[str, ...]] = ("management_ip_is_new", "reenrolment_expected_until")

    def get_admin_edit_url(self, device: Device) -> str:
        return admin_url(self.context["request"], device.pk)


class IndoorCoordinatesSerializer(serializers.ModelSerializer):
    """A device on a floor plan."""

    admin_edit_url = serializers.SerializerMethodField()
    device_id = serializers.UUIDField(source="content_object_id", read_only=True)
    floorplan_id = serializers.UUIDField(read_only=True)
    device_name = serializers.CharField(source="content_object.name", read_only=True)
    mac_address = serializers.CharField(source="content_object.mac_address", read_only=True)
    floor_name = serializers.CharField(source="floorplan", read_only=True)
    floor = serializers.IntegerField(source="floorplan.floor", read_only=True)
    image = ImageField(source="floorplan.image", read_only=True)
    coordinates = serializers.SerializerMethodField()

    class Meta:
        model = DeviceLocation
        fields: ClassVar[list[str]] = [
            "id", "admin_edit_url", "device_id", "floorplan_id", "device_name", "mac_address", "floor_name", "floor",
            "image", "coordinates",
        ]  # fmt: skip

    def get_admin_edit_url(self, row: DeviceLocation) -> str:
        return admin_url(self.context["request"], row.content_object_id)

    @extend_schema_field({"type": "object", "nullable": True, "example": {"lat": 10.5, "lng": 20.0}})
    def get_coordinates(self, row: DeviceLocation) -> dict[str, float] | None:
        position = indoor_position(row.indoor)
        return None if position is None else {"lat": position[0], "lng": position[1]}


def admin_url(request: Any, device: Any) -> str:
    """Return the address of the page of a device, given by key."""
    url: str = request.build_absolute_uri(reverse("admin:config_device_change", args=[device]))
    return url


class OrganizationGeoSettingsSerializer(ValidatedSerializer):
    """What an organization decides about its locations; null = as the system does."""

    class Meta:
        model = OrganizationGeoSettings
        fields = ("organization", "estimated_location_enabled")
        read_only_fields = ("organization",)
