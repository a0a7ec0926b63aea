"""What the field's packages build on the REST interface: subclasses of views and serializers, own addresses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import Count, Q
from django.test import RequestFactory
from openwisp_users.models import Organization, User
from rest_framework import serializers

from openwisp_controller.geo.api import filters, views
from openwisp_controller.geo.api.serializers import (
    GeoJsonLocationSerializer,
    IndoorCoordinatesSerializer,
    LocationDeviceSerializer,
)
from openwisp_controller.geo.models import DeviceLocation, Location
from openwisp_controller.geo.utils import get_geo_urls

from .. import factories as make

pytestmark = pytest.mark.django_db


class CountingSerializer(GeoJsonLocationSerializer):
    active_count = serializers.IntegerField()


class CountingMap(views.GeoJsonLocationList):
    serializer_class = CountingSerializer
    queryset = (
        Location.objects.filter(devicelocation__isnull=False)
        .annotate(
            device_count=Count("devicelocation"),
            active_count=Count("devicelocation", filter=Q(devicelocation__content_object___is_deactivated=False)),
        )
        .order_by("-created")
    )


class Extra(serializers.Serializer):
    _is_deactivated = serializers.BooleanField()


class ExtraDeviceSerializer(LocationDeviceSerializer):
    extra = Extra(source="*")


class ExtraDevices(views.LocationDeviceList):
    serializer_class = ExtraDeviceSerializer

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("group").order_by("name")


class ExtraIndoorSerializer(IndoorCoordinatesSerializer):
    extra = Extra(source="content_object", read_only=True)

    class Meta(IndoorCoordinatesSerializer.Meta):
        fields = [*IndoorCoordinatesSerializer.Meta.fields, "extra"]


class ExtraPositions(views.IndoorCoordinatesList):
    serializer_class = ExtraIndoorSerializer
    queryset = DeviceLocation.objects.filter(location__type="indoor", floorplan__isnull=False).select_related(
        "content_object", "location", "floorplan"
    )


def show(view: Any, **kwargs: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("somebody", "somebody@example.org", "password")
    from rest_framework.test import force_authenticate

    force_authenticate(request, request.user)
    answer = view.as_view()(request, **kwargs).render()
    assert answer.status_code == 200, answer.content
    return answer.data


def test_maps(organization: Organization) -> None:
    place = make.location(organization)
    for _ in range(2):
        make.position(make.device(organization), place)
    (shown,) = show(CountingMap)["features"]
    assert (shown["properties"]["device_count"], shown["properties"]["active_count"]) == (2, 2)
    assert shown["geometry"] == {"type": "Point", "coordinates": [12.51, 41.89]}


def test_lists_of_a_location(organization: Organization, building: Location) -> None:
    row = make.position(make.device(organization), building, floorplan=make.floorplan(building), indoor="1,2")
    shown = show(ExtraDevices, pk=building.pk)
    assert shown["has_floorplan"] is True
    assert [(each["id"], each["extra"]) for each in shown["results"]] == [
        (str(row.content_object_id), {"_is_deactivated": False})
    ]


def test_positions(organization: Organization, building: Location) -> None:
    make.position(make.device(organization), building, floorplan=make.floorplan(building), indoor="1,2")
    assert show(ExtraPositions, pk=building.pk)["results"][0]["extra"] == {"_is_deactivated": False}


def test_addresses() -> None:
    mine = SimpleNamespace(**{name: getattr(views, name) for name in vars(views)})
    names = {each.name for each in get_geo_urls(mine)}
    assert names == {
        "device_coordinates", "device_location", "list_location", "detail_location", "location_geojson",
        "location_device_list", "indoor_coordinates_list", "list_floorplan", "detail_floorplan",
        "organization_geo_settings",
    }  # fmt: skip
    assert views.DevicePermission
    assert views.ProtectedAPIMixin.permission_classes
    assert filters.LocationFilter
