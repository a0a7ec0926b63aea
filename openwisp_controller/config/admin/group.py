"""Groups of devices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter

from ..assignment import rules
from ..compiling.context import Layer
from ..impacts import Edit
from ..models import Device, DeviceGroup
from ..settings import settings
from ..widgets import JsonSchemaWidget, VariablesWidget
from . import explained
from .base import ControllerAdmin
from .impact import TellsImpact, edit_of_fields


class DeviceGroupForm(forms.ModelForm):
    """Offers templates that are not assigned by themselves, of the group's organization or shared."""

    class Meta:
        model = DeviceGroup
        fields = ("name", "organization", "description", "templates", "context", "meta_data")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields.get("templates")
        if field is not None:
            present = self.instance.templates.values("pk") if not self.instance._state.adding else ()
            field.queryset = field.queryset.filter(Q(default=False, required=False) | Q(pk__in=present))
        if "context" in self.fields and not self.instance._state.adding:
            self._explain_variables()

    def _explain_variables(self) -> None:
        """Let the variables say what they override in devices of the group, and which templates of it use them."""
        group = self.instance
        templates = list(group.templates.all())
        of_organization = getattr(group.organization, "config_settings", None)
        values = of_organization.context if of_organization is not None else {}
        layers = [Layer("group", group.context), Layer("organization", values), *explained.defaults_of(templates)]
        widget: Any = self.fields["context"].widget
        widget.explain(explained.of_layers(layers, templates))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("organization"):
            self.instance.organization = cleaned["organization"]
            try:
                rules.check_group(self.instance, cleaned.get("templates") or ())
                rules.check_group_servers(cleaned.get("templates") or ())
            except ValidationError as error:
                self.add_error("templates", error)
        return cleaned


class HasDevicesFilter(admin.SimpleListFilter):
    """Finds groups that have devices, or that are empty."""

    title = _("has devices?")
    parameter_name = "empty"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("false", _("Yes")), ("true", _("No")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[DeviceGroup]) -> QuerySet[DeviceGroup]:
        has_devices = Exists(Device.objects.filter(group=OuterRef("pk")))
        wanted = {"false": has_devices, "true": ~has_devices}.get(str(self.value()))
        return queryset.filter(wanted) if wanted is not None else queryset


@admin.register(DeviceGroup)
class DeviceGroupAdmin(TellsImpact, ControllerAdmin):
    form = DeviceGroupForm
    list_display = ("name", "organization", "created", "modified")
    json_widgets = {
        "context": VariablesWidget("group"),
        "meta_data": JsonSchemaWidget(
            {"data-menu": _("Add facts")}, schema_view_name="admin:config_devicegroup_schema", schema_selector="",
            netjsonconfig_hint=False,
            app_label_model="config_devicegroup",
        ),
    }  # fmt: skip
    list_filter = (MultitenantOrgFilter, HasDevicesFilter, "created")
    list_select_related = ("organization",)
    search_fields = ("name", "description", "meta_data")
    readonly_fields = ("id", "created", "modified")
    multitenant_shared_relations = ["templates"]
    fields = ("name", "organization", "description", "templates", "context", "meta_data", "id", "created", "modified")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.schema)
        return [path("ui/schema.json", view, name="config_devicegroup_schema"), *super().get_urls()]

    def schema(self, request: HttpRequest) -> JsonResponse:
        """Answer with the schema of the metadata of groups."""
        return JsonResponse(settings.DEVICE_GROUP_SCHEMA)

    def edit_of(self, request: HttpRequest, form: Any) -> Edit | None:
        ignored = ("name", "organization", "description", "meta_data")
        return edit_of_fields(form.instance, form, ignored, form.cleaned_data["templates"])
