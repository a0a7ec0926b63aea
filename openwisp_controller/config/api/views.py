"""Views of the REST interface: parse, call one function, answer. Packages extend them by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from ... import rendering
from ...common.prepared import Parameter, Prepared
from ...common.rest.filters import FILTERS
from ...common.rest.permissions import may_see_secrets
from ...common.rest.serializers import refused
from ...common.rest.versions import version
from ...common.rest.views import Creating, Editing, OfOrganizations
from ..models import Config, Device, DeviceGroup, Template, Vpn, VpnClient
from ..unit_of_work import unit_of_work
from ..vpn import provisioning
from . import filters
from .serializers import (
    DeviceDetailSerializer,
    DeviceGroupSerializer,
    DeviceListSerializer,
    TemplateSerializer,
    VpnSerializer,
)

_NOT_IN_LISTS = ("config__config", "config__context", "config__compile_error", "config__undefined_variables")


class _InUnitsOfWork:
    """What is stored by a request is one unit of work."""

    together = staticmethod(unit_of_work)


class DeviceView(_InUnitsOfWork, OfOrganizations):
    queryset: QuerySet[Device] = Device.objects.select_related("config").order_by("-created")


class DeviceListCreateView(DeviceView, Creating):
    """Lists devices and creates them, with or without configuration."""

    serializer_class = DeviceListSerializer
    filter_backends = FILTERS
    filterset_class = filters.DeviceListFilter
    search_fields = ("name", "mac_address", "management_ip", "last_ip", "model", "os", "system")
    ordering_fields = ("name", "mac_address", "created", "modified", "config__status", "last_ip", "management_ip")

    def get_queryset(self) -> QuerySet[Device]:
        return super().get_queryset().defer(*_NOT_IN_LISTS)

    def shown_after_creation(self, serializer: Any) -> Any:
        """The device as it is stored: a configuration may have come with it."""
        serializer.instance = self.get_queryset().get(pk=serializer.instance.pk)
        return serializer.data


_NEEDED_TO_EDIT = ("organization__config_settings", "group")
_device_to_show: Prepared[Device] = Prepared(lambda: DeviceView.queryset.filter(pk=Parameter("pk", Device)))
_device_to_edit: Prepared[Device] = Prepared(
    lambda: DeviceView.queryset.select_related(*_NEEDED_TO_EDIT).filter(pk=Parameter("pk", Device))
)


class DeviceDetailView(DeviceView, Editing):
    """Shows, edits and deletes a device. A deactivated one cannot be edited."""

    serializer_class = DeviceDetailSerializer
    keeps_first = False  # scripts write variables to thousands of devices; their configurations have revisions

    def get_queryset(self) -> QuerySet[Device]:
        rows = super().get_queryset()
        return rows.select_related(*_NEEDED_TO_EDIT) if self.request.method in ("PUT", "PATCH") else rows

    def get_object(self) -> Device:
        """The device, with its templates loaded ahead, for checking, storing and the answer."""
        device: Device = self._found() or super().get_object()
        if self.request.method != "DELETE" and device.has_config():
            device.config.load_templates()
        return device

    def _found(self) -> Device | None:
        """Return what ``get_object`` of REST framework finds, without planning a query; None where it may differ."""
        cls = type(self)
        is_extended = cls.queryset is not DeviceView.queryset or cls.get_queryset is not DeviceDetailView.get_queryset
        if is_extended or self.filter_backends:
            return None
        prepared = _device_to_edit if self.request.method in ("PUT", "PATCH") else _device_to_show
        device, user = prepared.first(pk=self.kwargs["pk"]), self.request.user
        if device is None or not (user.is_superuser or str(device.organization_id) in user.organizations_managed):
            return None
        self.check_object_permissions(self.request, device)
        return device

    def check_object_permissions(self, request: Request, obj: Device) -> None:
        super().check_object_permissions(request, obj)
        if request.method in ("PUT", "PATCH") and obj.is_deactivated():
            raise PermissionDenied

    def after_update(self, serializer: Any) -> Device:
        """The device as it is stored; what only edits its configuration has that in hand, others may swap templates."""
        instance: Device = serializer.instance
        if serializer.edits_configuration_alone:
            return instance
        return self.get_queryset().get(pk=instance.pk)

    def perform_destroy(self, instance: Device) -> None:
        """Delete a device that is deactivated; with ``?force=true`` any."""
        instance.delete(check_deactivated=self.request.query_params.get("force") != "true")


class _DeviceAction(DeviceView):
    """Something that is done to a device by POST without a body; answers with the device."""

    serializer_class = DeviceDetailSerializer
    post_permission = "change"
    is_for_deactivated: bool

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        device = self.get_object()
        with unit_of_work(), version(request):
            self.act(device)
        return Response(self.get_serializer(super().get_queryset().get(pk=device.pk)).data)

    def get_queryset(self) -> QuerySet[Device]:
        return super().get_queryset().filter(_is_deactivated=self.is_for_deactivated)

    def act(self, device: Device) -> None:
        raise NotImplementedError


class DeviceActivateView(_DeviceAction):
    """Manages a deactivated device again."""

    is_for_deactivated = True

    def act(self, device: Device) -> None:
        device.activate()


class DeviceDeactivateView(_DeviceAction):
    """Empties the configuration of a device and stops managing it."""

    is_for_deactivated = False

    def act(self, device: Device) -> None:
        device.deactivate()


def archive_response(name: str, data: bytes) -> HttpResponse:
    """Offer an archive for download, called ``name`` with its ending."""
    disposition = content_disposition_header(True, f"{name}.tar.gz") or "attachment"
    return HttpResponse(
        data,
        content_type="application/octet-stream",
        headers={"Content-Disposition": disposition, "X-Openwisp-Controller": "true"},
    )


class _Download(OfOrganizations):
    """Offers the archive of an object for download."""

    serializer_class: Any = None

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        instance = self.get_object()
        data = self.archive(instance)
        if data is None:
            raise NotFound
        return archive_response(instance.name, data)

    def archive(self, instance: Any) -> bytes | None:
        raise NotImplementedError


class DownloadDeviceView(_Download):
    """Downloads the archive that a device may fetch."""

    queryset = Device.objects.select_related("config__released")

    def archive(self, instance: Device) -> bytes | None:
        released = instance.config.released if instance.has_config() else None
        return bytes(released.archive) if released is not None else None


class DownloadTemplateView(_Download):
    """Downloads what a template renders to on its own."""

    queryset = Template.objects.select_related("vpn")

    def archive(self, instance: Template) -> bytes | None:
        try:
            return instance.archive()
        except rendering.RenderingError as error:
            raise NotFound(error.message) from None


class DownloadVpnView(_Download):
    """Downloads the archive that a VPN server may fetch, with its private key."""

    queryset = Vpn.objects.select_related("released")

    def archive(self, instance: Vpn) -> bytes | None:
        if not may_see_secrets(self.request.user, instance):
            raise PermissionDenied
        return bytes(instance.released.archive) if instance.released is not None else None


class TemplateView(_InUnitsOfWork, OfOrganizations):
    queryset: QuerySet[Template] = Template.objects.prefetch_related("tags").order_by("-created")  # type: ignore[misc]
    serializer_class = TemplateSerializer


class TemplateListCreateView(TemplateView, Creating):
    """Lists templates and creates them."""

    filter_backends = FILTERS
    filterset_class = filters.TemplateListFilter
    search_fields = ("name", "notes")
    ordering_fields = ("name", "type", "created", "modified")


class TemplateDetailView(TemplateView, Editing):
    """Shows, edits and deletes a template; the devices that use it follow in the background."""

    def after_update(self, serializer: Any) -> Template:
        instance: Template = serializer.instance
        instance.__dict__.get("_prefetched_objects_cache", {}).pop("tags", None)
        return instance


class VpnView(_InUnitsOfWork, OfOrganizations):
    queryset: QuerySet[Vpn] = Vpn.objects.order_by("-created")
    serializer_class = VpnSerializer
    calls_elsewhere = True

    @contextmanager
    def around_storing(self, serializer: Any) -> Iterator[None]:
        """Ask the controller of a ZeroTier server before the transaction begins."""
        try:
            with provisioning.controller_asked(serializer.checked):
                yield
        except ModelError as error:
            raise refused(error) from None


class VpnListCreateView(VpnView, Creating):
    """Lists VPN servers and creates them."""

    filter_backends = FILTERS
    filterset_class = filters.VpnListFilter
    search_fields = ("name", "host", "notes")
    ordering_fields = ("name", "host", "created", "modified")


class VpnDetailView(VpnView, Editing):
    """Shows, edits and deletes a VPN server."""


class DeviceGroupView(_InUnitsOfWork, OfOrganizations):
    queryset: QuerySet[DeviceGroup] = DeviceGroup.objects.prefetch_related("templates").order_by("-created")
    serializer_class = DeviceGroupSerializer


class DeviceGroupListCreateView(DeviceGroupView, Creating):
    """Lists groups of devices and creates them."""

    filter_backends = FILTERS
    filterset_class = filters.DeviceGroupListFilter
    search_fields = ("name", "description")
    ordering_fields = ("name", "created", "modified")


class DeviceGroupDetailView(DeviceGroupView, Editing):
    """Shows, edits and deletes a group; its devices follow."""


class DeviceGroupCommonName(DeviceGroupView, generics.RetrieveAPIView):
    """Shows the group of the device that has a VPN client certificate with this common name.

    ``?org=slug1,slug2`` says to which organizations the certificate belongs.
    """

    def get_object(self) -> DeviceGroup:
        clients = VpnClient.objects.filter(cert__common_name=self.kwargs["common_name"])
        slugs = [slug for slug in self.request.query_params.get("org", "").split(",") if slug]
        if slugs:
            clients = clients.filter(cert__organization__slug__in=slugs)
        devices = Config.objects.filter(pk__in=clients.values("config")).values("device__group")
        groups = DeviceGroup.objects.prefetch_related("templates").filter(pk__in=devices).order_by("pk")
        user: Any = self.request.user
        if user.is_anonymous:
            raise NotFound
        managed = groups if user.is_superuser else groups.filter(organization__in=user.organizations_managed)
        group = managed.first()
        if group is not None:
            return group
        if groups.exists():
            self.permission_denied(self.request, message=_NOT_A_MANAGER)
        raise NotFound


_NOT_A_MANAGER = _("User is not a manager of the organization to which the requested resource belongs.")
