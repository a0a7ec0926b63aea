"""The same thing done to many devices, each on its own: what fails for one does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.core.exceptions import PermissionDenied as Forbidden
from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from ...common.rest.permissions import may
from ...common.rest.versions import version
from ...common.rest.views import deletion_logged
from ..devices import history
from ..models import Device, DeviceGroup, Template
from .serializers import FilterTemplatesByOrganization, templates_field
from .views import DeviceView

MOST = 1000
"""Devices in one request."""
ACTIONS = ("activate", "deactivate", "delete", "hold", "release", "group", "templates")
STATUSES = ("done", "unchanged", "failed")


class BulkSerializer(FilterTemplatesByOrganization, serializers.Serializer):
    """What shall be done to which devices."""

    devices = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=MOST)
    action = serializers.ChoiceField(choices=ACTIONS)
    group = serializers.PrimaryKeyRelatedField(
        queryset=DeviceGroup.objects.all(), required=False, allow_null=True,
        help_text="For the action `group`: the group that the devices join; null = they leave theirs.",
    )  # fmt: skip
    templates = templates_field(
        Template.objects.all(), required=False, help_text="For the action `templates`: which, in order."
    )
    mode = serializers.ChoiceField(
        choices=("add", "remove", "set"), required=False, default="add",
        help_text="For the action `templates`: what happens with them.",
    )  # fmt: skip
    force = serializers.BooleanField(
        required=False, default=False, help_text="For the action `delete`: also devices that are not deactivated."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        request = self.context.get("request")
        if request is None or request.user.is_superuser or request.user.is_anonymous:
            return
        self.limit_templates(self.fields["templates"], request.user)
        group: Any = self.fields["group"]
        group.queryset = group.queryset.filter(organization__in=request.user.organizations_managed)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        for name in ("group", "templates"):
            if data["action"] == name and name not in data:
                raise serializers.ValidationError({name: [_("This field is required.")]})
        return data


class ItemSerializer(serializers.Serializer):
    """What became of one device."""

    device = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)
    errors = serializers.ListField(child=serializers.CharField())


class ResultSerializer(serializers.Serializer):
    """What became of all devices, in the order in which they were named."""

    done = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = ItemSerializer(many=True)


class DeviceBulk(DeviceView):
    """Does the same to many devices."""

    serializer_class = BulkSerializer
    post_permission = "change"

    @extend_schema(responses=ResultSerializer)
    def post(self, request: Request) -> Response:
        """Do the same to many devices, each on its own: what fails for one does not stop the others."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        if data["action"] == "delete" and not may(request.user, "delete", Device):
            raise PermissionDenied
        keys = list(dict.fromkeys(data["devices"]))
        devices = self.get_queryset().select_related("organization", "group").in_bulk(keys)
        results = [self._one(devices.get(key), key, data) for key in keys]
        counts = {status: sum(each["status"] == status for each in results) for status in STATUSES}
        return Response(ResultSerializer({**counts, "results": results}).data)

    def _one(self, device: Device | None, key: Any, data: dict[str, Any]) -> dict[str, Any]:
        errors: list[str] = []
        changed = False
        try:
            if device is None:
                raise ModelError(_("There is no such device, or it belongs to an organization that you do not manage."))
            is_deletion = data["action"] == "delete"
            logged = deletion_logged(self.request.user, device) if is_deletion else nullcontext()
            with transaction.atomic(), version(self.request, deletes=True), logged:
                changed = _DO[data["action"]](device, data)
        except ModelError as error:
            errors = error.messages
        except Forbidden as error:
            errors = [str(error) or str(_("You do not have permission to perform this action."))]
        return {"device": key, "status": "failed" if errors else "done" if changed else "unchanged", "errors": errors}


def _activate(device: Device, data: dict[str, Any]) -> bool:
    was_deactivated = device.is_deactivated()
    device.activate()
    return was_deactivated


def _deactivate(device: Device, data: dict[str, Any]) -> bool:
    was_deactivated = device.is_deactivated()
    device.deactivate()
    return not was_deactivated


def _delete(device: Device, data: dict[str, Any]) -> bool:
    device.delete(check_deactivated=not data["force"])
    return True


def _hold(device: Device, data: dict[str, Any]) -> bool:
    return _set_release(device, history.hold, "held")


def _release(device: Device, data: dict[str, Any]) -> bool:
    return _set_release(device, history.lift_hold, "automatic")


def _set_release(device: Device, do: Callable[[Any], None], policy: str) -> bool:
    _refuse_deactivated(device)
    _refuse_unconfigured(device)
    if device.config.release_policy == policy:
        return False
    do(device.config)
    return True


def _change_group(device: Device, data: dict[str, Any]) -> bool:
    _refuse_deactivated(device)
    if device.group == data["group"]:
        return False
    device.group = data["group"]
    device.full_clean()
    device.save()
    return True


def _change_templates(device: Device, data: dict[str, Any]) -> bool:
    _refuse_deactivated(device)
    _refuse_unconfigured(device)
    before = [template.pk for template in device.config.ordered_templates()]
    edit = getattr(device.config.templates, data["mode"])
    edit(data["templates"]) if data["mode"] == "set" else edit(*data["templates"])
    return [template.pk for template in device.config.ordered_templates()] != before


def _refuse_deactivated(device: Device) -> None:
    if device.is_deactivated():
        raise ModelError(_("The device is deactivated."))


def _refuse_unconfigured(device: Device) -> None:
    if not device.has_config():
        raise ModelError(_("The device has no configuration."))


_DO: dict[str, Callable[[Device, dict[str, Any]], bool]] = {
    "activate": _activate, "deactivate": _deactivate, "delete": _delete, "hold": _hold, "release": _release,
    "group": _change_group, "templates": _change_templates,
}  # fmt: skip
