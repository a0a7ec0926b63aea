"""Devices with their configuration."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from openwisp_users.multitenancy import MultitenantOrgFilter, MultitenantRelatedOrgFilter

from .. import assignment, compiler
from ..models import Config, Device
from ..settings import settings
from .base import ControllerAdmin, selectable_templates


class ConfigForm(forms.ModelForm):
    """Checks a configuration together with the templates chosen in the same form."""

    class Meta:
        model = Config
        fields = ("backend", "templates", "config", "context", "release_policy")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adding = self.instance._state.adding
        if self.adding:
            self.fields["backend"].initial = settings.DEFAULT_BACKEND

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        templates = list(cleaned.get("templates") or ())
        if not self.instance._has_device() or self.instance.device.organization_id is None or self.errors:
            return cleaned
        for name in ("backend", "config", "context"):
            setattr(self.instance, name, cleaned.get(name))
        self.instance.normalise()
        try:
            assignment.check_organizations(self.instance, templates)
            assignment.check_backends(self.instance, templates)
        except ValidationError as error:
            self.add_error("templates", error)
            return cleaned
        problem = compiler.check(self.instance, templates)
        if problem is not None:
            self.add_error("config", problem.message)
        return cleaned

    def _save_m2m(self) -> None:
        """A new configuration keeps the templates it gets by itself when none are chosen."""
        if self.adding and not self.cleaned_data.get("templates"):
            self.cleaned_data.pop("templates", None)
        super()._save_m2m()  # type: ignore[misc]

    def _post_clean(self) -> None:
        """The model's own check would look at the templates stored, not at those chosen."""
        check = self.instance.check_result
        self.instance.check_result = lambda templates: None
        try:
            super()._post_clean()  # type: ignore[misc]
        finally:
            self.instance.check_result = check


class ConfigInline(admin.StackedInline):
    model = Config
    form = ConfigForm
    extra = 0
    max_num = 1
    verbose_name_plural = _("Configuration")
    readonly_fields = ("status", "error_reason", "compile_error", "checksum")
    fields = (
        "backend", "status", "error_reason", "compile_error", "checksum", "templates", "config", "context",
        "release_policy",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and obj.is_deactivated())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not (obj is not None and obj.is_deactivated())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.queryset = selectable_templates(request, field.queryset)
        return field


class GroupFilter(MultitenantRelatedOrgFilter):
    """Offers the groups of the organizations that a person manages."""

    field_name = "group"
    parameter_name = "group_id"
    title = _("group")


@admin.register(Device)
class DeviceAdmin(ControllerAdmin):
    list_display = ("name", "organization", "backend_label", "group", "status_label", "ip", "mac_address", "created")
    list_filter = (MultitenantOrgFilter, "config__status", "config__backend", GroupFilter, "created")
    list_select_related = ("organization", "group", "config")
    search_fields = ("id", "name", "mac_address", "key", "model", "os", "system", "management_ip", "last_ip")
    readonly_fields = ("id", "last_ip", "revisions", "created", "modified")
    inlines = (ConfigInline,)
    actions = ("activate_devices", "deactivate_devices")
    multitenant_shared_relations = ["group"]
    fields = (
        "name", "organization", "mac_address", "group", "key", "model", "os", "system", "notes", "management_ip",
        "last_ip", "id", "revisions", "created", "modified",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_fields(request, obj))
        if obj is not None and not super().has_change_permission(request):
            fields.remove("key")
        if settings.HARDWARE_ID_ENABLED:
            fields.insert(1, "hardware_id")
        return fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return bool(allowed) and not (obj is not None and obj.is_deactivated())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return bool(allowed) and (obj is None or obj.is_fully_deactivated())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        for device in queryset:
            device.delete()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        result = super().get_deleted_objects(objs, request)
        running = [str(device) for device in objs if not device.is_fully_deactivated()]
        if running:
            raise PermissionDenied(
                _("The device must be deactivated prior to deletion") + f": {', '.join(running[:10])}"
            )
        return result

    @admin.display(description=_("backend"))
    def backend_label(self, device: Device) -> str:
        return device.backend or "-"

    @admin.display(description=_("config status"), ordering="config__status")
    def status_label(self, device: Device) -> str:
        return device.status or "-"

    @admin.display(description=_("IP address"))
    def ip(self, device: Device) -> str:
        address = device.management_ip if settings.MANAGEMENT_IP_DEVICE_LIST else None
        return address or device.last_ip or "-"

    @admin.display(description=_("revisions"))
    def revisions(self, device: Device) -> str:
        if not device._has_config():
            return "-"
        return format_html('<a href="../../../revision/?config__id__exact={}">{}</a>', device.config.pk, _("Show"))

    @admin.action(description=_("Activate selected devices"), permissions=["view"])
    def activate_devices(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, Device.activate, is_deactivated=True)

    @admin.action(description=_("Deactivate selected devices"), permissions=["view"])
    def deactivate_devices(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, Device.deactivate, is_deactivated=False)

    def _for_each(self, request: HttpRequest, queryset: QuerySet[Device], do: Any, *, is_deactivated: bool) -> None:
        if not super().has_change_permission(request):
            raise PermissionDenied
        count = 0
        for device in queryset.filter(_is_deactivated=is_deactivated):
            do(device)
            count += 1
        message = ngettext("%(count)d device was changed.", "%(count)d devices were changed.", count) % {"count": count}
        self.message_user(request, message, messages.SUCCESS if count else messages.INFO)
