"""What belongs to one device, below its address."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from openwisp_users.api.mixins import FilterByParentManaged
from rest_framework import generics
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from ...common.rest.views import Protected
from ...common.tenancy import managed_objects
from ..models import Device


class OfDevice(Protected, FilterByParentManaged, generics.GenericAPIView):
    """Something that belongs to the device in the address; of a deactivated one it can only be read."""

    device_field = "device"
    """Relation from the model to the device."""
    device_key = "device_id"
    """Name of the key of the device in the address."""

    @property
    def organization_field(self) -> str:
        return f"{self.device_field}__organization"

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return super().get_queryset().filter(**{self.device_field: self.kwargs[self.device_key]})

    def get_parent_queryset(self) -> QuerySet[Device]:
        return Device.objects.filter(pk=self.kwargs[self.device_key])

    def assert_parent_exists(self) -> None:
        """Look whether the device is there, and one of the person's; raise ``NotFound``."""
        self.find_device()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.assert_parent_exists()
        if request.method not in SAFE_METHODS and self.device.is_deactivated():
            raise PermissionDenied

    @property
    def device(self) -> Device:
        """The device in the address; 404 where it is none of the person's."""
        return self.find_device()

    def find_device(self) -> Device:
        """Return the device in the address, looked up once; raise ``NotFound`` where it is none of the person's."""
        if "_device" not in self.__dict__:
            devices = managed_objects(self.request.user, self.get_parent_queryset(), shared=False)
            self._device = devices.select_related("config", "organization").first()
        if self._device is None:
            raise NotFound
        return self._device

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        return context if getattr(self, "swagger_fake_view", False) else {**context, "device": self.device}
