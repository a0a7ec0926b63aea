"""Views of the REST interface: parse, call one function, answer. Packages extend them by name."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from openwisp_users.api.mixins import FilterByParentManaged
from openwisp_utils.api.pagination import OpenWispPagination
from rest_framework import generics
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_gis.pagination import GeoJsonPagination

from ...common.json_input import PARSERS
from ...common.rest.filters import FILTERS
from ...common.rest.permissions import may
from ...common.rest.views import Creating, Editing, OfOrganizations, Protected
from ...config.api.of_device import OfDevice
from ...config.api.organizations import OfOrganization
from ...config.models import Device
from ...config.unit_of_work import unit_of_work
from .. import estimated, positions
from ..geometry import shown
from ..models import DeviceLocation, FloorPlan, Location, OrganizationGeoSettings
from . import filters
from .device_location import DeviceLocationSerializer
from .serializers import (
    CoordinatesSerializer,
    FloorPlanSerializer,
    GeoJsonLocationSerializer,
    IndoorCoordinatesSerializer,
    LocationDeviceSerializer,
    LocationSerializer,
    OrganizationGeoSettingsSerializer,
    with_geojson,
)

_LOCATION_IS_FIXED = _("The location of this device is fixed: devices move mobile locations alone.")


class ProtectedAPIMixin(Protected):
    """Who may use a view, under the name that the field's packages know."""


class DevicePermission(BasePermission):
    """A device shows its key in the address (``?key=``); who somebody is does not matter."""

    def has_object_permission(self, request: Any, view: Any, obj: Device) -> bool:
        return constant_time_compare(request.query_params.get("key", ""), obj.key)


class DeviceCoordinatesView(generics.GenericAPIView):
    """Shows where a device is, to the device itself, and takes what it reports."""

    queryset = Device.objects.filter(organization__is_active=True)
    permission_classes = (DevicePermission,)
    parser_classes = PARSERS
    serializer_class = CoordinatesSerializer

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show where the device is."""
        return self._shown(positions.of_device(self.get_object()))

    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Report where the device is; the first time it gets a mobile location."""
        return self._report(request, self._writable())

    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Report where the device is, which has a location already."""
        device = self._writable()
        if positions.of_device(device) is None:
            raise NotFound
        return self._report(request, device)

    def _writable(self) -> Device:
        device: Device = self.get_object()
        if device.is_deactivated():
            raise PermissionDenied
        return device

    def _report(self, request: Request, device: Device) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        try:
            return self._shown(positions.report(device, *([said["geometry"]] if "geometry" in said else [])))
        except positions.LocationIsFixed:
            raise PermissionDenied(_LOCATION_IS_FIXED) from None

    def _shown(self, location: Location | None) -> Response:
        if location is None:
            raise NotFound
        return Response(
            {"type": "Feature", "geometry": shown(location.geometry), "properties": {"name": location.name}}
        )


class DeviceLocationView(OfDevice, Editing):
    """Shows, edits and removes where a device is; PUT creates that. Location and floor plan stay when it is removed."""

    queryset = DeviceLocation.objects.select_related("location", "floorplan__location", "content_object")
    serializer_class = DeviceLocationSerializer
    together = staticmethod(unit_of_work)
    device_field, device_key = "content_object", "pk"

    def get_object(self) -> DeviceLocation:
        found = self.get_queryset().first()
        if found is None:
            raise Http404("No DeviceLocation matches the given query.")
        self.check_object_permissions(self.request, found)
        return found

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if request.method == "PATCH" or self.get_queryset().exists():
            return super().update(request, *args, **kwargs)
        if not may(request.user, "add", DeviceLocation):
            raise PermissionDenied
        serializer = self.check_and_store(lambda: self.get_serializer(data=request.data), self.perform_update)
        return Response(serializer.data, status=201)


class LocationView(OfOrganizations):
    queryset: QuerySet[Location] = Location.objects.prefetch_related("floorplan_set").order_by("-created")
    serializer_class: Any = LocationSerializer
    together = staticmethod(unit_of_work)

    def get_queryset(self) -> QuerySet[Location]:
        return estimated.with_switches(super().get_queryset())


class LocationList(LocationView, Creating):
    """Lists locations and creates them, with or without a floor plan."""

    filter_backends = FILTERS
    filterset_class = filters.LocationFilter
    search_fields = ("name", "address")
    ordering_fields = ("name", "type", "created", "modified")

    def shown_after_creation(self, serializer: Any) -> Any:
        serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)
        return serializer.data


class LocationDetail(LocationView, Editing):
    """Shows, edits and deletes a location, with what is said about devices and floor plans there."""

    def after_update(self, serializer: Any) -> Location:
        return self.get_queryset().get(pk=serializer.instance.pk)


class PagesOfFeatures(GeoJsonPagination):
    page_size = 1000
    page_size_query_param = None

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """Describe a page: that of the library demands ``results`` and has a collection inside of the collection."""
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        feature = {"$ref": schema["$ref"].removesuffix("List")} if "$ref" in schema else {"type": "object"}
        described["properties"]["features"] = {"type": "array", "items": feature}
        return {**described, "required": ["type", "count", "features"]}


def _counted_devices() -> Any:
    rows = DeviceLocation.objects.filter(location=OuterRef("pk")).order_by().values("location")
    counted = rows.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


class GeoJsonLocationList(ProtectedAPIMixin, OfOrganizations, generics.ListAPIView):
    """Lists the locations that have devices, as GeoJSON."""

    queryset: Any = (
        Location.objects.filter(Exists(DeviceLocation.objects.filter(location=OuterRef("pk"))))
        .annotate(device_count=_counted_devices())
        .order_by("-created", "pk")
    )
    serializer_class: Any = GeoJsonLocationSerializer
    pagination_class: Any = PagesOfFeatures
    filter_backends: Any = (DjangoFilterBackend,)
    filterset_class: Any = filters.LocationFilter

    def get_queryset(self) -> QuerySet[Any]:
        return estimated.with_switches(with_geojson(super().get_queryset()))


class _OfLocation(ProtectedAPIMixin, FilterByParentManaged, generics.ListAPIView):
    """Something that belongs to the location in the address."""

    location_field: str
    _is_parent_known = False

    def assert_parent_exists(self) -> None:
        """Look once whether the location is there, and one of the person's."""
        if not self._is_parent_known:
            super().assert_parent_exists()
            self._is_parent_known = True

    def get_parent_queryset(self) -> QuerySet[Location]:
        return Location.objects.filter(pk=self.kwargs["pk"])

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return super().get_queryset().filter(**{self.location_field: self.kwargs["pk"]})


class LocationDeviceList(_OfLocation):
    """Lists the devices of a location."""

    queryset: Any = Device.objects.order_by("name", "pk")
    serializer_class: Any = LocationDeviceSerializer
    location_field = "devicelocation__location"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer = super().list(request, *args, **kwargs)
        answer.data["has_floorplan"] = FloorPlan.objects.filter(location=self.kwargs["pk"]).exists()
        return answer


class PagesOfPositions(OpenWispPagination):
    page_size = 50


class IndoorCoordinatesList(_OfLocation):
    """Lists the devices on the floor plans of an indoor location, one floor at a time."""

    queryset: Any = (
        DeviceLocation.objects.filter(location__type="indoor", floorplan__isnull=False)
        .select_related("content_object", "location", "floorplan__location")
        .order_by("floorplan__floor", "pk")
    )
    serializer_class: Any = IndoorCoordinatesSerializer
    pagination_class: Any = PagesOfPositions
    filter_backends: Any = (DjangoFilterBackend,)
    filterset_class: Any = filters.IndoorCoordinatesFilter
    location_field = "location"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer = super().list(request, *args, **kwargs)
        floors = self.get_queryset().order_by().values_list("floorplan__floor", flat=True).distinct()
        answer.data["floors"] = sorted(floors)
        return answer


class FloorPlanView(OfOrganizations):
    queryset: QuerySet[FloorPlan] = FloorPlan.objects.select_related("location").order_by("-created")
    serializer_class = FloorPlanSerializer
    together = staticmethod(unit_of_work)


class FloorPlanList(FloorPlanView, Creating):
    """Lists floor plans and creates them."""

    filter_backends = FILTERS
    filterset_class = filters.FloorPlanFilter
    search_fields = ("location__name",)
    ordering_fields = ("floor", "created", "modified")


class FloorPlanDetail(FloorPlanView, Editing):
    """Shows, edits and deletes a floor plan; its devices stay at the location."""


class OrganizationGeoSettingsView(OfOrganization):
    """Shows and edits what an organization decides about its locations."""

    queryset = OrganizationGeoSettings.objects.all()
    serializer_class = OrganizationGeoSettingsSerializer

    def after_update(self, serializer: Any) -> OrganizationGeoSettings:
        return self.get_queryset().get(pk=serializer.instance.pk)


device_coordinates = DeviceCoordinatesView.as_view()
device_location = DeviceLocationView.as_view()
list_location = LocationList.as_view()
detail_location = LocationDetail.as_view()
location_geojson = GeoJsonLocationList.as_view()
location_device_list = LocationDeviceList.as_view()
indoor_coordinates_list = IndoorCoordinatesList.as_view()
list_floorplan = FloorPlanList.as_view()
detail_floorplan = FloorPlanDetail.as_view()
organization_geo_settings = OrganizationGeoSettingsView.as_view()
