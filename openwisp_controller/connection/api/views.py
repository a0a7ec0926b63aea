"""Views of the REST interface."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from ...common.json_input import TOO_DEEP
from ...common.rest.views import Creating, Editing, OfOrganizations
from ...config.api.of_device import OfDevice
from ...config.models import Device
from .. import batches
from ..models import BatchCommand, Command, Credentials, DeviceConnection
from ..serialization import CommandSerializer
from . import serializers


class CredentialsView(OfOrganizations):
    queryset = Credentials.objects.order_by("-created")


class CredentialsList(CredentialsView, Creating):
    """Lists credentials, with secrets masked, and creates them."""

    def get_serializer_class(self) -> Any:
        creating = self.request.method == "POST"
        return serializers.CredentialsSerializer if creating else serializers.CredentialsListSerializer


class CredentialsDetail(CredentialsView, Editing):
    """Shows, edits and deletes credentials."""

    serializer_class = serializers.CredentialsSerializer


class DeviceConnectionView(OfDevice):
    queryset = DeviceConnection.objects.select_related("credentials", "device__config").order_by("-created")
    serializer_class = serializers.DeviceConnectionSerializer


class DeviceConnectionList(DeviceConnectionView, Creating):
    """Lists the connections of a device and adds one."""


class DeviceConnectionDetail(DeviceConnectionView, Editing):
    """Shows, edits and removes a connection of a device."""


class CommandView(OfDevice):
    queryset = Command.objects.order_by("-created")
    serializer_class = CommandSerializer


@extend_schema_view(post=extend_schema(responses={201: CommandSerializer}))
class CommandList(CommandView, Creating):
    """Lists the commands of a device and sends one."""

    def get_serializer_class(self) -> Any:
        creating = self.request.method not in SAFE_METHODS
        return serializers.NewCommandSerializer if creating else CommandSerializer


class CommandDetail(CommandView, generics.RetrieveAPIView):
    """Shows a command with its output."""


class BatchCommandView(OfOrganizations):
    queryset = BatchCommand.objects.annotate(device_count=Count("devices")).order_by("-created")

    def get_organization_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those for the whole system are for superusers."""
        return queryset.filter(organization__in=self.request.user.organizations_managed)


class BatchCommandList(BatchCommandView, generics.ListAPIView):
    """Lists mass commands."""

    serializer_class = serializers.BatchCommandSerializer


class BatchCommandDetail(BatchCommandView, generics.RetrieveAPIView):
    """Shows a mass command and how far it is."""

    serializer_class = serializers.BatchCommandDetailSerializer


class BatchCommandCancel(BatchCommandView):
    """Send no further commands of a mass command."""

    serializer_class = serializers.BatchCommandDetailSerializer

    def post(self, request: Request, pk: uuid.UUID) -> Response:
        batch = self.get_object()
        batches.cancel(batch)
        return Response(self.get_serializer(self.get_object()).data)


class BatchCommandExecute(BatchCommandView):
    """GET says what would happen, POST makes it happen."""

    serializer_class = serializers.NewBatchCommandSerializer

    @extend_schema(
        parameters=[serializers.DryRunSerializer],
        responses={200: serializers.PlanSerializer, 400: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """Say what a mass command would do."""
        serializer = serializers.DryRunSerializer(
            data=_from_query(request), context={**self.get_serializer_context(), "complete": False}
        )
        batch, devices = self._parsed(serializer)
        plan = batches.plan(batch, devices)
        return Response({"devices": plan.devices, "skipped": plan.skipped})

    @extend_schema(responses={201: serializers.BatchKeySerializer})
    def post(self, request: Request) -> Response:
        """Execute a mass command."""
        batch, devices = self._parsed(self.get_serializer(data=request.data))
        batches.execute(batch, devices)
        return Response({"batch": str(batch.pk)}, status=201)

    def _parsed(self, serializer: Any) -> tuple[BatchCommand, QuerySet[Device]]:
        serializer.is_valid(raise_exception=True)
        batch, devices = serializer.batch()
        try:
            return batch, batches.targets(batch, devices)
        except ModelError as error:
            raise ValidationError(error.message_dict) from None


def _from_query(request: Request) -> dict[str, Any]:
    query = request.query_params
    data: dict[str, Any] = {
        name: query[name] for name in ("organization", "type", "label", "group", "location") if name in query
    }
    if "devices" in query:
        data["devices"] = query.getlist("devices")
    if "input" in query:
        try:
            data["input"] = json.loads(query["input"])
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None
    return data
