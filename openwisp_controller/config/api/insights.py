"""What one can ask about a device before anything is saved: its variables, and what a change would render to."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ... import rendering
from ...common.rest.permissions import may
from ..compiling import compiler, context, undefined
from ..models import Config, Device
from .serializers import DeviceDetailSerializer
from .views import DeviceView


class VariableSerializer(serializers.Serializer):
    """A variable as a device sees it."""

    name = serializers.CharField()
    value = serializers.JSONField()
    origin = serializers.CharField(help_text='Where the value comes from: `device`, `group`, `template "wifi"` …')
    overrides = serializers.ListField(
        child=serializers.CharField(), help_text="Weaker origins that define it too, the strongest first."
    )


class UndefinedSerializer(serializers.Serializer):
    """A name that is used and that nobody defines."""

    name = serializers.CharField()
    nearest = serializers.CharField(help_text="A known name that may have been meant; empty if there is none like it.")


class RenderedSerializer(serializers.Serializer):
    """What a configuration renders to."""

    text = serializers.CharField(help_text="All files as one text.")
    undefined = UndefinedSerializer(many=True, help_text="Variables that nobody defines.")


class DeviceVariables(DeviceView):
    """Lists the variables that a device sees, each with its origin; for those who may change devices."""

    serializer_class = VariableSerializer
    pagination_class: Any = None

    @extend_schema(operation_id="controller_device_variables_list", responses=VariableSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        device = self.get_object()
        if not may(request.user, "change", Device):
            raise PermissionDenied
        config = device.get_config()
        found = context.explain(config, config.ordered_templates())
        return Response(self.get_serializer(found, many=True).data)


class DevicePreview(DeviceView):
    """Renders a device with unsaved changes."""

    serializer_class = DeviceDetailSerializer
    post_permission = "change"

    @extend_schema(responses=RenderedSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Render a device with unsaved changes, named like those of an edit; nothing is saved."""
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
        return Response(_rendered(serializer))


class NewDevicePreview(DeviceView):
    """Renders a device that does not exist yet."""

    serializer_class = DeviceDetailSerializer

    @extend_schema(responses=RenderedSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Render a device as it would be created; nothing is saved."""
        return Response(_rendered(self.get_serializer(data=request.data)))


def _rendered(serializer: DeviceDetailSerializer) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    device: Device = serializer.checked
    if not device.has_config():
        raise NotFound
    config: Config = device.config
    templates = serializer.templates_to_be(config)
    try:
        text = compiler.render_text(config, templates)
    except rendering.RenderingError as error:
        raise ValidationError({"config": [error.message]}) from None
    found = undefined.of_config(config, templates) if undefined.is_asked() else []
    return RenderedSerializer({"text": text, "undefined": found}).data
