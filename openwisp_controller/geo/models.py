"""Locations, floor plans and positions of devices."""

from __future__ import annotations

from django.db import models

from .base.models import AbstractOrganizationGeoSettings, BaseDeviceLocation, BaseFloorPlan, BaseLocation


class Location(BaseLocation):
    """A place where devices are, or a thing that moves with them."""

    class Meta(BaseLocation.Meta):
        abstract = False
        indexes = (models.Index(fields=["-created"], name="geo_location_newest"),)


class FloorPlan(BaseFloorPlan):
    """The plan of one floor of an indoor location."""

    class Meta(BaseFloorPlan.Meta):
        abstract = False
        indexes = (models.Index(fields=["-created"], name="geo_floorplan_newest"),)


class DeviceLocation(BaseDeviceLocation):
    """Where a device is."""

    class Meta(BaseDeviceLocation.Meta):
        abstract = False


class OrganizationGeoSettings(AbstractOrganizationGeoSettings):
    """What an organization decides about its locations."""

    class Meta(AbstractOrganizationGeoSettings.Meta):
        abstract = False
