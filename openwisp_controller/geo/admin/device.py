"""What the pages of devices show of their locations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_loci.base.admin import ObjectLocationMixin

from ...common.tenancy import managed_objects
from ...config.admin import DeactivatedDeviceReadOnlyMixin, DevicePageExtension, OptionalInline, extend_device_page
from ...config.models import Device
from .. import estimated
from ..exportable import GeoDeviceResource
from ..models import DeviceLocation, Location
from .forms import DeviceLocationForm, DeviceLocationFormSet


class DeviceLocationInline(OptionalInline, DeactivatedDeviceReadOnlyMixin, ObjectLocationMixin, admin.StackedInline):
    """Where a device is, with a map and a floor plan."""

    model = DeviceLocation
    prefix = "devicelocation"
    form = DeviceLocationForm
    formset = DeviceLocationFormSet
    verbose_name = _("Map")
    verbose_name_plural = _("Map")
    readonly_fields = ()
    min_num = 1  # its only row is always there, so none is made to be copied
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeviceLocation]:
        rows: QuerySet[DeviceLocation] = super().get_queryset(request)
        return rows.select_related("location", "floorplan")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return admin.StackedInline.get_formset(self, request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees what is stored."""
        if self.has_change_permission(request, obj) or (obj is None and self.has_add_permission(request, obj)):
            return self.fieldsets
        return ((None, {"fields": ("location", "floorplan", "indoor")}),)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "location":
            kwargs["queryset"] = managed_objects(request.user, Location.objects.all(), shared=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class WithGeoFilter(admin.SimpleListFilter):
    """Finds devices that are on the map, or that are not."""

    title = _("geographic location")
    parameter_name = "with_geo"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("true", _("Yes")), ("false", _("No")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() not in ("true", "false"):
            return queryset
        return queryset.filter(devicelocation__isnull=self.value() == "false")


def _warning(request: HttpRequest, device: Device) -> dict[str, Any]:
    """Tell whoever looks at a device that its location is estimated."""
    if not estimated.is_whois_configured():
        return {}
    row = DeviceLocation.objects.select_related("location").filter(content_object=device.pk).first()
    location = row.location if row is not None else None
    is_told = location is not None and location.is_estimated and estimated.is_shown(location)
    return {"estimated_location_warning": estimated.WARNING if is_told else ""}


extend_device_page(
    DevicePageExtension(
        inlines=(DeviceLocationInline,), list_filter=(WithGeoFilter,), panel="admin/geo/estimated_location.html",
        context=_warning, resource=GeoDeviceResource,
    )
)  # fmt: skip
