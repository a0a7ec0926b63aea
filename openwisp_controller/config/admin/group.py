"""Groups of devices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from openwisp_users.multitenancy import MultitenantOrgFilter

from ..models import DeviceGroup, Template
from .base import ControllerAdmin


class DeviceGroupForm(forms.ModelForm):
    """Offers templates that are not assigned by themselves, of the group's organization or shared."""

    class Meta:
        model = DeviceGroup
        fields = ("name", "organization", "description", "templates", "context", "meta_data")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "templates" in self.fields:
            self.fields["templates"].queryset = Template.objects.filter(default=False, required=False)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        organization = cleaned.get("organization")
        foreign = [
            template.name
            for template in cleaned.get("templates") or ()
            if template.organization_id is not None and organization and template.organization_id != organization.pk
        ]
        if foreign:
            self.add_error("templates", f"These templates belong to another organization: {', '.join(foreign)}")
        return cleaned


@admin.register(DeviceGroup)
class DeviceGroupAdmin(ControllerAdmin):
    form = DeviceGroupForm
    list_display = ("name", "organization", "created", "modified")
    list_filter = (MultitenantOrgFilter, "created")
    list_select_related = ("organization",)
    search_fields = ("name", "description")
    readonly_fields = ("id", "created", "modified")
    multitenant_shared_relations = ["templates"]
    fields = ("name", "organization", "description", "templates", "context", "meta_data", "id", "created", "modified")
