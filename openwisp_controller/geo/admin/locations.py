"""Pages of locations and floor plans."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter

from ...common.simultaneous_edits import SimultaneousEdits
from ...common.tenant_pages import TenantPages
from .. import estimated
from ..geometry import shown
from ..models import FloorPlan, Location
from . import geocoding
from .forms import FloorPlanForm, FloorPlanFormSet, LocationForm
from .map import places


class FloorPlanInline(admin.StackedInline):
    model = FloorPlan
    form = FloorPlanForm
    formset = FloorPlanFormSet
    extra = 0
    ordering = ("floor",)
    fields = ("floor", "image")


@admin.register(Location)
class LocationAdmin(SimultaneousEdits, MultitenantAdminMixin, TenantPages):
    form = LocationForm
    change_form_template = "admin/django_loci/location_change_form.html"
    not_found = _("There is no such location, or it belongs to an organization that you do not manage.")
    list_display = ("name", "organization", "short_type", "is_mobile", "created", "modified")
    list_filter = (MultitenantOrgFilter, "type", "is_mobile")
    list_select_related = ("organization",)
    search_fields = ("name", "address")
    readonly_fields = ("is_estimated", "created", "modified")
    fields = ("organization", "name", "type", "is_mobile", "address", "geometry", "created", "modified")
    inlines = (FloorPlanInline,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fields[:-2]
        return (*self.fields[:-2], *(("is_estimated",) if estimated.is_shown(obj) else ()), *self.fields[-2:])

    def get_list_display(self, request: HttpRequest) -> Any:
        names = super().get_list_display(request)
        return (*names[:-2], "is_estimated", *names[-2:]) if estimated.is_whois_configured() else names

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return (*filters, "is_estimated") if estimated.is_whois_configured() else filters

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        location = kwargs.get("obj")
        if location is not None and location.is_estimated and estimated.is_shown(location):
            self.message_user(request, estimated.WARNING, messages.WARNING)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        # names that the scripts and templates of the library know
        views: tuple[tuple[str, Any, str], ...] = (
            ("<uuid:pk>/json/", self.json_view, "json"),
            ("<uuid:pk>/floorplans/json/", self.floorplans_json_view, "floorplans_json"),
            ("geocode/", geocoding.geocode, "geocode_api"),
            ("reverse-geocode/", geocoding.reverse_geocode, "reverse_geocode_api"),
        )
        wrap = self.admin_site.admin_view
        own = [path(route, wrap(view), name=f"django_loci_location_{name}") for route, view, name in views]
        own.append(path("map.json", wrap(places), name="geo_location_map"))
        return [*own, *super().get_urls()]

    def _visible(self, request: HttpRequest, pk: Any) -> Location:
        location: Location = self.get_object_or_404(request, pk)
        if not self.has_view_or_change_permission(request, location):
            raise PermissionDenied
        return location

    def json_view(self, request: HttpRequest, pk: Any) -> JsonResponse:
        """Answer with a location."""
        location = self._visible(request, pk)
        values = {name: getattr(location, name) for name in ("name", "type", "is_mobile", "address")}
        return JsonResponse({**values, "geometry": shown(location.geometry)})

    def floorplans_json_view(self, request: HttpRequest, pk: Any) -> JsonResponse:
        """Answer with the floor plans of a location, the lowest floor first."""
        plans = self._visible(request, pk).floorplan_set.select_related("location").order_by("floor")
        return JsonResponse({"choices": [_choice(plan) for plan in plans]})


def _choice(plan: FloorPlan) -> dict[str, Any]:
    try:
        width, height = plan.image.width, plan.image.height
    except (OSError, ValueError):  # the file is not there any more
        width = height = 0
    return {
        "id": str(plan.pk), "str": str(plan), "floor": plan.floor, "image": plan.image.url,
        "image_width": width, "image_height": height,
    }  # fmt: skip


@admin.register(FloorPlan)
class FloorPlanAdmin(SimultaneousEdits, MultitenantAdminMixin, TenantPages):
    form = FloorPlanForm
    not_found = _("There is no such floor plan, or it belongs to an organization that you do not manage.")
    list_display = ("__str__", "location", "organization", "floor", "created", "modified")
    list_filter = (MultitenantOrgFilter, "created")
    list_select_related = ("location", "organization")
    search_fields = ("location__name",)
    readonly_fields = ("created", "modified")
    fields = ("location", "floor", "image", "created", "modified")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is not None else self.fields[: -len(self.readonly_fields)]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only buildings have floors."""
        if db_field.name == "location":
            kwargs["queryset"] = Location.objects.filter(type="indoor").order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
