"""Where a device is: reading and writing that, with location and floor plan on the way."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ...common.rest.serializers import ValidatedSerializer
from ...config.unit_of_work import unit_of_work
from ..models import DeviceLocation, FloorPlan, Location
from .fields import FloorPlanForm, LocationForm, Nested
from .serializers import LinkedFloorPlanSerializer, check_plan, feature, set_checked


class KeyOrNested(Nested):
    """One that is there, by its key, or an object that says what it is to be like.

    Keys lead to objects of the organization of the device alone; all others are unknown.
    """

    model: Any

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            return super().to_internal_value(data)
        found = self.model.objects.filter(pk=_key(data), organization=self.context["device"].organization_id).first()
        if found is None:
            text = f"{self.model.__name__} object with entered ID does not exists."
            raise serializers.ValidationError({self.field_name: text})
        return found


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@extend_schema_field(
    {
        "type": "object",
        "description": "A feature of GeoJSON. On input the key of a location, or an object with `name`, `type`,"
        " `address`, `geometry` and `is_mobile`.",
        "example": {"name": "Town hall", "type": "indoor", "geometry": {"type": "Point", "coordinates": [12.5, 41.9]}},
    }
)
class LinkedLocation(KeyOrNested):
    """The location of a device."""

    model, form = Location, LocationForm

    def to_representation(self, value: Location) -> Any:
        return feature(value)


@extend_schema_field(
    {
        "type": "object",
        "description": "On input the key of a floor plan, or an object with `floor` and an uploaded `image`.",
    }
)
class LinkedFloorPlan(KeyOrNested):
    """The floor plan on which a device is."""

    model, form = FloorPlan, FloorPlanForm

    def to_representation(self, value: FloorPlan) -> Any:
        return LinkedFloorPlanSerializer(value, context=self.context).data


class DeviceLocationSerializer(ValidatedSerializer):
    """Where a device is. PUT replaces all of it; PATCH keeps what is not sent."""

    location = LinkedLocation()
    floorplan = LinkedFloorPlan(required=False, allow_null=True)

    class Meta:
        model = DeviceLocation
        fields = ("location", "floorplan", "indoor")

    def fixed_values(self) -> dict[str, Any]:
        return {"content_object": self.context["device"]}

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what the row leads to and says, with new objects that are checked but not stored yet."""
        row = self.instance or DeviceLocation(**self.fixed_values())
        self.to_store: list[Model] = []
        kept = {name: getattr(row, name) if self.partial else None for name in ("floorplan", "indoor")}
        location = self._location(row.location, data)
        floorplan = self._floorplan(row, location, data.get("floorplan", kept["floorplan"]))
        indoor = data.get("indoor", kept["indoor"])
        if location is not None and location.type != "indoor":
            # a building that is none any more has no floors, and no points on them
            floorplan = floorplan if "floorplan" in data else None
            indoor = indoor if "indoor" in data else None
        return {"location": location, "floorplan": floorplan, "indoor": indoor}

    def _location(self, present: Location | None, data: dict[str, Any]) -> Location | None:
        sent = data.get("location", present)
        if sent is None or isinstance(sent, Location):
            return sent
        values = self.fields["location"].checked(sent, present)
        location = present or Location(organization=self.context["device"].organization)
        set_checked(location, values, "location")
        self.to_store.append(location)
        return location

    def _floorplan(self, row: DeviceLocation, location: Location | None, sent: Any) -> FloorPlan | None:
        if sent is None or isinstance(sent, FloorPlan):
            return sent
        if location is None:
            raise serializers.ValidationError({"location": [self.fields["location"].error_messages["required"]]})
        present = row.floorplan
        if present is not None and present.location_id != location.pk:
            present = None
        values = self.fields["floorplan"].checked(sent, present)
        plan = present or FloorPlan(location=location)
        check_plan(plan, values)
        self.to_store.append(plan)
        return plan

    def check(self, instance: DeviceLocation) -> None:
        """Check the row; what it leads to may not be stored yet."""
        linked = {"location": instance.location, "floorplan": instance.floorplan}
        new = {name for name, each in linked.items() if each is not None and each._state.adding}
        instance.full_clean(exclude=new)

    def store(self, instance: DeviceLocation, data: dict[str, Any]) -> None:
        with unit_of_work():
            for each in self.to_store:
                each.save()
            instance.save()
