"""Values of the REST interface: geometries, images, and objects that stand in others."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import SkipField, empty
from rest_framework.utils import html
from rest_framework_gis import fields as gis

from .. import geometry
from ..models import FloorPlan, Location


@extend_schema_field(
    {
        "type": "object",
        "description": "GeoJSON; on input also a text with GeoJSON, WKT or EWKT.",
        "example": {"type": "Point", "coordinates": [12.51, 41.89]},
    }
)
class GeometryField(gis.GeometryField):
    """GeoJSON; accepts texts, too, and the parts of GeoJSON as fields of a form (``geometry.coordinates``)."""

    def get_value(self, dictionary: Any) -> Any:
        if html.is_html_input(dictionary) and self.field_name not in dictionary:
            parts = html.parse_html_dict(dictionary, prefix=self.field_name)
            if parts:
                return {name: _from_json(value) for name, value in parts.items()}
        return super().get_value(dictionary)

    def to_internal_value(self, value: Any) -> Any:
        return geometry.parse(value)

    def to_representation(self, value: Any) -> Any:
        return geometry.shown(value)


def _from_json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text


class Flag(serializers.BooleanField):
    """Yes or no; a form that does not mention it leaves it alone."""

    default_empty_html = empty


class ImageField(serializers.FileField):
    """A file, shown as its address, which can be sent back for the file that is there. The model checks the content."""

    def run_validation(self, data: Any = empty) -> Any:
        instance = getattr(self.parent, "instance", None)
        present = getattr(instance, "image", None) if isinstance(instance, Model) else None
        if isinstance(data, str) and present and data.endswith(present.url):
            raise SkipField
        return super().run_validation(data)


class LocationForm(serializers.ModelSerializer):
    """What is said about a location inside of something else."""

    geometry = GeometryField(required=False, allow_null=True)
    is_mobile = Flag(required=False)

    class Meta:
        model = Location
        fields = ("name", "type", "address", "geometry", "is_mobile")


class FloorPlanForm(serializers.ModelSerializer):
    """What is said about a floor plan inside of something else."""

    image = ImageField()

    class Meta:
        model = FloorPlan
        fields = ("floor", "image")


class Nested(serializers.Field):
    """An object inside of another one, in JSON or as fields of a form whose names begin with its own (``a.b``)."""

    form: type[serializers.ModelSerializer]

    def get_value(self, dictionary: Any) -> Any:
        if html.is_html_input(dictionary):
            if self.field_name in dictionary:
                return dictionary[self.field_name] or None
            return html.parse_html_dict(dictionary, prefix=self.field_name) or empty
        return dictionary.get(self.field_name, empty)

    def to_internal_value(self, data: Any) -> Any:
        """What is an object is checked when it is known what it replaces, see ``checked``."""
        if not hasattr(data, "items"):
            kind = type(data).__name__
            raise serializers.ValidationError(f"Invalid data. Expected a dictionary, but got {kind}.")
        return data

    def checked(self, data: Any, present: Model | None) -> dict[str, Any]:
        """Return the values in an object that was sent.

        Args:
            data: as it was sent.
            present: what it replaces, or None = something new.

        Raises:
            ValidationError: keyed by field.
        """
        if hasattr(data, "get") and hasattr(data.get("properties"), "items"):  # as locations are shown
            data = {"geometry": data.get("geometry"), **data["properties"]}
        partial = present is not None and (self.root.partial or self.form is FloorPlanForm)
        form = self.form(present, data=data, partial=partial, context=self.context)
        if not form.is_valid():
            raise serializers.ValidationError({self.field_name: form.errors})
        values: dict[str, Any] = form.validated_data
        return values
