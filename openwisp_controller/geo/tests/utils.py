"""Mixins that create locations, floor plans and positions in tests of packages."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django_loci.tests import TestLociMixin
from PIL import Image


class TestGeoMixin(TestLociMixin):
    """Creates locations, floor plans and positions; the class that it is mixed into names the models.

    Attributes:
        object_model: of what has a position, such as ``Device``.
        location_model: such as ``Location``.
        floorplan_model: such as ``FloorPlan``.
        object_location_model: such as ``DeviceLocation``.
    """

    def tearDown(self) -> None:
        """Leave no files behind."""
        model: Any = getattr(self, "floorplan_model", None)
        for floorplan in model.objects.all() if model is not None else ():
            floorplan.devicelocation_set.all().delete()
            floorplan.delete()

    def _get_simpleuploadedfile(self) -> SimpleUploadedFile:
        """Return the image of a floor plan."""
        image = io.BytesIO()
        Image.new("RGB", (200, 100), "white").save(image, "JPEG")
        return SimpleUploadedFile("floorplan.jpg", image.getvalue(), "image/jpeg")

    def _create_object(self: Any, **kwargs: Any) -> Any:
        return self._create_device(**{"name": "test-object", "mac_address": "02:00:00:00:00:FE", **kwargs})

    def _create_location(self: Any, **kwargs: Any) -> Any:
        if "organization" not in kwargs:
            kwargs["organization"] = self._get_org()
        return super()._create_location(**kwargs)

    def _create_floorplan(self: Any, **kwargs: Any) -> Any:
        """Return a floor plan; it belongs to the organization of its location."""
        organization = kwargs.pop("organization", None)
        if "location" not in kwargs:
            kwargs["location"] = self._create_location(
                type="indoor", **({"organization": organization} if organization is not None else {})
            )
        return super()._create_floorplan(**kwargs)

    def _create_object_location(self: Any, **kwargs: Any) -> Any:
        """Return a position; object and location are made in ``organization`` where they are not given."""
        organization = kwargs.pop("organization", None)
        made = {"organization": organization} if organization is not None else {}
        if "content_object" not in kwargs:
            kwargs["content_object"] = self._create_object(**made)
        if "location" not in kwargs:
            kwargs["location"] = self._create_location(organization=kwargs["content_object"].organization)
        return super()._create_object_location(**kwargs)
