"""Templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import taggit.admin
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter

from ..models import Template, TemplateTag
from .base import ControllerAdmin, is_backend_hidden, preselect_backend
from .clone import clone_templates

_TAG_LIMIT = TemplateTag._meta.get_field("name").max_length or 0


class TemplateForm(forms.ModelForm):
    """Begins with the default backend and checks what the database would refuse."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            preselect_backend(self)

    def clean_tags(self) -> list[str]:
        tags: list[str] = self.cleaned_data["tags"]
        for tag in tags:
            if len(tag) > _TAG_LIMIT:
                raise ValidationError(_("Tags have at most %(limit)d characters.") % {"limit": _TAG_LIMIT})
        return tags


admin.site.unregister(taggit.admin.Tag)  # templates have tags of their own, and nothing else has any


@admin.register(Template)
class TemplateAdmin(ControllerAdmin):
    form = TemplateForm
    change_form_template = "admin/config/template/change_form.html"
    list_display = ("name", "organization", "type", "backend", "default", "required", "created", "modified")
    list_filter = (MultitenantOrgFilter, "type", "backend", "auto_cert", "default", "required", "created")
    multitenant_shared_relations = ["vpn"]
    list_select_related = ("organization",)
    search_fields = ("name", "notes")
    readonly_fields = ("id", "created", "modified")
    actions = ("clone_templates",)
    fields = (
        "name", "organization", "type", "backend", "vpn", "auto_cert", "default", "required", "tags", "default_values",
        "config", "notes", "id", "created", "modified",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return _without_backend(super().get_fields(request, obj))

    def get_list_display(self, request: HttpRequest) -> Any:
        return _without_backend(super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Any:
        return _without_backend(super().get_list_filter(request))

    @admin.action(description=_("Clone selected templates"))
    def clone_templates(self, request: HttpRequest, queryset: QuerySet[Template]) -> HttpResponse | None:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return clone_templates(self, request, queryset)


def _without_backend(names: Iterable[Any]) -> list[Any]:
    return [name for name in names if name != "backend" or not is_backend_hidden()]
