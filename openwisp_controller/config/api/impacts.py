"""The impact of an edit, before it is saved."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from ...common.rest.permissions import may
from ..impacts import Edit, preview, progress
from ..models import Device
from .organizations import OrganizationSettingsView
from .views import DeviceGroupView, DeviceView, TemplateView, VpnView


class GroupOfDifferences(serializers.Serializer):
    """Devices of which the same lines would change."""

    devices = serializers.IntegerField(help_text="How many.")
    names = serializers.ListField(child=serializers.CharField(), help_text="Of some of them.")
    diff = serializers.CharField(
        allow_null=True, help_text="Unified diff of one of them, secrets masked; null for who may not change devices."
    )


class GroupOfErrors(serializers.Serializer):
    """Devices whose configuration would not compile, for the same reason."""

    devices = serializers.IntegerField(help_text="How many.")
    names = serializers.ListField(child=serializers.CharField(), help_text="Of some of them.")
    message = serializers.CharField()


class UndefinedCount(serializers.Serializer):
    """A name that nobody defines."""

    name = serializers.CharField()
    devices = serializers.IntegerField(help_text="How many devices would lack it.")


class ImpactSerializer(serializers.Serializer):
    """What an edit would do."""

    id = serializers.UUIDField(allow_null=True, help_text="Where the rest is told; null when this is all.")
    complete = serializers.BooleanField(help_text="Whether all devices have been looked at; else it is a sample.")
    total = serializers.IntegerField(help_text="How many devices depend on what is edited.")
    checked = serializers.IntegerField(help_text="How many of them have been looked at.")
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="How many would not compile.")
    new_vpn_clients = serializers.IntegerField(help_text="How many clients VPN servers would get.")
    groups = GroupOfDifferences(many=True, help_text="The biggest first.")
    errors = GroupOfErrors(many=True)
    undefined = UndefinedCount(many=True)


class _Preview:
    """Tells what an edit, sent as for PATCH, would do; nothing is saved."""

    post_permission = "change"
    http_method_names: Any = ("post", "options")
    request: Any
    get_object: Any
    get_serializer: Any

    @extend_schema(responses=ImpactSerializer)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say which devices an edit would change and how; nothing is saved."""
        with transaction.atomic():
            serializer = self.get_serializer(self.get_object(), data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            instance, given = serializer.checked, serializer.validated_data
            fields = [field for field in instance._meta.concrete_fields if field.name in given]
            values = {
                field.attname: getattr(instance, field.attname) for field in fields if field.name not in _NOT_KEPT
            }
            found = preview(Edit(instance, values, given.get("templates")), request.user)
        return Response(shown(found, request.user))


#: Secrets that do not reach devices.
_NOT_KEPT = ("auth_token", "webhook_endpoint", "key", "shared_secret")


def shown(found: dict[str, Any], user: Any) -> dict[str, Any]:
    """Return an impact as somebody may see it: differences hold what devices run."""
    if not may(user, "change", Device):
        found = {**found, "groups": [{**group, "diff": None} for group in found["groups"]]}
    data: dict[str, Any] = ImpactSerializer(found).data
    return data


class TemplatePreview(_Preview, TemplateView):
    """The impact of an edit of a template."""


class GroupPreview(_Preview, DeviceGroupView):
    """The impact of an edit of a group."""


class VpnPreview(_Preview, VpnView):
    """The impact of an edit of a VPN server on its clients."""


class OrganizationSettingsPreview(_Preview, OrganizationSettingsView):
    """The impact of an edit of an organization's variables."""


class ImpactProgress(DeviceView):
    """Tells what is known by now of an impact that follows in the background."""

    serializer_class = ImpactSerializer
    pagination_class: Any = None

    @extend_schema(responses=ImpactSerializer)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say what is known by now of an impact, to the person who asked for it."""
        found = progress(kwargs["pk"], request.user)
        if found is None:
            raise NotFound
        return Response(shown(found, request.user))
