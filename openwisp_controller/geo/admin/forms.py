"""Forms of locations, floor plans and positions: what is typed is checked as it will be stored."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_loci.base.admin import AbstractObjectLocationForm
from django_loci.fields import GeometryField
from django_loci.widgets import ImageWidget

from .. import geometry
from ..models import DeviceLocation, FloorPlan, Location

_SCRIPTS = (
    "admin/js/jquery.init.js", "django-loci/js/loci.js", "django-loci/js/floorplan-inlines.js",
    "django-loci/js/vendor/reconnecting-websocket.min.js",
)  # fmt: skip


def checked_geometry(form: Any) -> Any:
    """Return the geometry of a form in its stored form; raise ``ValidationError``."""
    value = form.cleaned_data.get("geometry")
    return geometry.parse(value) if value else None


class LocationForm(forms.ModelForm):
    geometry = GeometryField(required=False)
    clean_geometry = checked_geometry

    class Meta:
        model = Location
        fields = ("organization", "name", "type", "is_mobile", "address", "geometry")

    class Media:
        js = _SCRIPTS
        css = {"all": ("django-loci/css/loci.css",)}


class FloorPlanForm(forms.ModelForm):
    """The model looks at the content of the image."""

    image = forms.FileField(widget=ImageWidget, help_text=FloorPlan._meta.get_field("image").help_text)

    class Meta:
        model = FloorPlan
        fields = ("location", "floor", "image")

    class Media:
        css = {"all": ("django-loci/css/loci.css",)}


class FloorPlanFormSet(forms.BaseInlineFormSet):
    """The floor plans of a location; they go when it is outdoor, whatever is said about them."""

    def _should_delete_form(self, form: Any) -> bool:
        # how Django asks which forms are neither checked nor stored
        return self.instance.type == "outdoor" or super()._should_delete_form(form)  # type: ignore[misc]


class DeviceLocationFormSet(forms.BaseInlineFormSet):
    """The position of a device: one that is created, or moved to another organization, on the same page, too."""

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        # the row that is always there may be left empty
        permitted = {"empty_permitted": i >= self.initial_form_count()}
        form = super()._construct_form(i, **{**permitted, **kwargs})  # type: ignore[misc]
        form.instance.content_object = self.instance
        return form


class DeviceLocationForm(AbstractObjectLocationForm):
    """Where a device is: at a new location or at one that is there, on a floor plan that is new or there."""

    image = forms.FileField(
        required=False, widget=ImageWidget(thumbnail=False), help_text=FloorPlan._meta.get_field("image").help_text
    )
    clean_geometry = checked_geometry

    class Meta:
        model = DeviceLocation
        exclude = ()

    def clean_floorplan(self) -> FloorPlan | None:
        """Return the plan that was chosen: one of the location that was chosen."""
        chosen = self.cleaned_data.get("floorplan_selection")
        if self.cleaned_data.get("type") != "indoor" or chosen != "existing":
            return None
        try:
            key = FloorPlan._meta.pk.to_python(self.cleaned_data["floorplan"] or None)
        except ValidationError:
            key = None
        plans = FloorPlan.objects.filter(pk=key, location=self.cleaned_data.get("location"))
        plan = plans.first()
        if plan is None:
            raise ValidationError(_("Selected floorplan does not exist"))
        return plan

    def clean(self) -> None:
        """Check the location and the plan as they will be stored, and hand them to the row.

        What nobody touched is left alone: a device that is moved to another organization leaves its location.
        """
        if not self.has_changed():
            return
        super().clean()
        device = self.instance.content_object
        if self.errors or device.organization_id is None:
            return
        data = self.cleaned_data
        location = self._get_location_instance()
        if location._state.adding:
            location.organization_id = device.organization_id
        elif str(location.organization_id) != str(device.organization_id):
            text = _("The location belongs to another organization than the device.")
            self.add_error("location", text)
            return
        if location.is_mobile and not location.name:
            location.name = device.name
        self._check(location)
        plan = self._plan(location)
        if plan is not None and not self.errors:
            new = {"location", "organization"} if location._state.adding else set()
            self._check(plan, new)
        data["location"], data["floorplan"] = location, plan
        if plan is None:
            data["indoor"] = None

    def _plan(self, location: Location) -> FloorPlan | None:
        """Return the plan that the device is on, with what was typed; None = no plan."""
        data = self.cleaned_data
        plan = data.get("floorplan")
        if location.type != "indoor" or (plan is None and not data.get("image")):
            return None
        plan = plan or FloorPlan(location=location)
        plan.location = location
        if data.get("floor") is not None:
            plan.floor = data["floor"]
        if "image" in self.changed_data and data.get("image"):
            plan.image = data["image"]
        return plan

    def _check(self, instance: Any, exclude: set[str] | None = None) -> None:
        try:
            instance.full_clean(exclude=exclude)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                for message in messages:
                    self.add_error(name if name in self.fields else None, message)

    def _post_clean(self) -> None:
        if self.has_changed():
            super()._post_clean()

    def _get_validation_exclusions(self) -> set[str]:
        # how Django asks what the row need not check: that what is not stored yet is there
        excluded: set[str] = super()._get_validation_exclusions()
        data = self.cleaned_data
        return excluded | {name for name in ("location", "floorplan") if data.get(name) and data[name]._state.adding}

    def save(self, commit: bool = True) -> DeviceLocation:
        """Store the location, the plan and the row."""
        for name in ("location", "floorplan"):
            each = self.cleaned_data.get(name)
            if each is not None:
                each.save()
        row: DeviceLocation = forms.ModelForm.save(self, commit)
        return row
