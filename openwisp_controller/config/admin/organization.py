"""What organizations decide about devices, on the organization's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from openwisp_users.admin import OrganizationAdmin as BaseOrganizationAdmin
from openwisp_users.models import Organization
from openwisp_utils.admin import AlwaysHasChangedMixin

from ...common.rest.permissions import may
from ...common.versions import GuardedVersions
from ..compiling.context import Layer
from ..impacts import Edit
from ..models import Device, OrganizationConfigSettings, OrganizationLimits, Template
from ..settings import settings
from ..widgets import VariablesWidget
from . import explained
from .base import ReadableJson, Secret
from .impact import TellsImpact, edit_of_fields
from .organization_files import OrganizationFiles

_EXPLAINED = 200
"""Templates that are looked at for what they say about variables."""
_NAMED = 10
"""Devices that the page about deleting names."""
_NOT_OF_DEVICES = ("id", "organization", "registration_enabled", "shared_secret")


class ConfigSettingsForm(AlwaysHasChangedMixin, forms.ModelForm):
    """Saved with the organization even when nothing was typed, so that devices can enrol."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "shared_secret" in self.fields:
            self.fields["shared_secret"].widget = Secret(self.fields["shared_secret"].widget.attrs)
        if "context" in self.fields and not self.instance._state.adding:
            self._explain_variables()

    def _explain_variables(self) -> None:
        """Let the variables say which default values of templates they override, and which templates use them."""
        mine = Q(organization=self.instance.organization_id) | Q(organization=None)
        templates = list(Template.objects.filter(mine).order_by("name")[:_EXPLAINED])
        layers = [Layer("organization", self.instance.context), *explained.defaults_of(templates)]
        widget: Any = self.fields["context"].widget
        widget.explain(explained.of_layers(layers, templates))


class ConfigSettingsInline(ReadableJson, admin.StackedInline):
    model = OrganizationConfigSettings
    form = ConfigSettingsForm
    extra = 1
    max_num = 1
    json_widgets = {"context": VariablesWidget("organization")}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        enrolment = ["registration_enabled", "shared_secret"] if settings.REGISTRATION_ENABLED else []
        if not self.has_change_permission(request, obj) and "shared_secret" in enrolment:
            enrolment.remove("shared_secret")
        whois = ["whois_enabled"] if settings.is_whois_configured else []
        return [*enrolment, *whois, "context"]


class LimitsInline(admin.StackedInline):
    model = OrganizationLimits
    fields = ("device_limit",)
    extra = 0
    max_num = 1

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Organization)


@admin.register(Organization)
class OrganizationAdmin(OrganizationFiles, TellsImpact, GuardedVersions, BaseOrganizationAdmin):
    """The library's page, with what organizations decide about devices; earlier versions are guarded."""

    change_list_template = "admin/config/organization/change_list.html"
    change_form_template = "admin/config/organization/change_form.html"

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return [*super().get_inlines(request, obj), ConfigSettingsInline, LimitsInline]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Devices go with their organization, active ones, too, for who may delete devices; the page names them."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        if may(request.user, "delete", Device):
            missing = missing - {Device._meta.verbose_name}
        active = Device.objects.filter(organization__in=objs, _is_deactivated=False).order_by("name")
        names = [str(device) for device in active[: _NAMED + 1]] if "post" not in request.POST else []
        if names:
            shown = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
            text = _(
                "Active devices would be deleted, and keep their configuration: %s. "
                "Deactivate them first, if they shall remove it."
            )
            self.message_user(request, text % shown, messages.WARNING)
        return deleted, counts, missing, protected

    def edit_of(self, request: HttpRequest, form: Any) -> Edit | None:
        """The variables of the organization are what its devices are made from."""
        formsets, _inlines = self._create_formsets(request, form.instance, change=True)
        for formset in formsets:
            if formset.model is OrganizationConfigSettings and formset.is_valid():
                for settings_form in formset.initial_forms:
                    return edit_of_fields(settings_form.instance, settings_form, _NOT_OF_DEVICES)
        return None
