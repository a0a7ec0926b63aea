"""Templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import taggit.admin
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter

from ... import rendering
from ..compiling import undefined
from ..compiling.context import Layer
from ..impacts import Edit
from ..models import Template, TemplateTag
from ..widgets import JsonSchemaWidget, VariablesWidget
from . import explained
from .base import is_backend_hidden, preselect_backend, tell_backend
from .clone import clone_templates
from .impact import TellsImpact, edit_of_fields
from .renderable import RenderedAdmin

_TAG_LIMIT = TemplateTag._meta.get_field("name").max_length or 0


class TemplateForm(forms.ModelForm):
    """Begins with the default backend and checks what the database would refuse."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            preselect_backend(self)
        tell_backend(self)

    def clean_tags(self) -> list[str]:
        tags: list[str] = self.cleaned_data["tags"]
        for tag in tags:
            if len(tag) > _TAG_LIMIT:
                raise ValidationError(_("Tags have at most %(limit)d characters.") % {"limit": _TAG_LIMIT})
        return tags


admin.site.unregister(taggit.admin.Tag)  # templates have tags of their own, and nothing else has any


@admin.register(Template)
class TemplateAdmin(TellsImpact, RenderedAdmin):
    form = TemplateForm
    change_form_template = "admin/config/template/change_form.html"
    list_display = ("name", "organization", "type", "backend", "default", "required", "created", "modified")
    json_widgets = {
        "config": JsonSchemaWidget({"data-uses": _("this template")}, app_label_model="config_template"),
        "default_values": VariablesWidget("template"),
    }
    list_filter = (MultitenantOrgFilter, "type", "backend", "auto_cert", "default", "required", "created")
    multitenant_shared_relations = ["vpn"]
    list_select_related = ("organization",)
    search_fields = ("name", "notes")
    readonly_fields = ("id", "system_variables", "created", "modified")
    actions = ("clone_selected_templates",)
    fields = (
        "name", "organization", "type", "backend", "vpn", "auto_cert", "default", "required", "tags", "default_values",
        "system_variables", "config", "notes", "id", "created", "modified",
    )  # fmt: skip

    def edit_of(self, request: HttpRequest, form: Any) -> Edit | None:
        return edit_of_fields(form.instance, form, ("name", "notes", "tags"))

    def text_of(self, instance: Template) -> str:
        return instance.text()

    def archive_of(self, instance: Template) -> bytes | None:
        try:
            return instance.archive()
        except rendering.RenderingError as error:
            raise Http404(error.message) from None

    def warning_about(self, instance: Template) -> str:
        """Tell which variables nobody defines."""
        return undefined.sentence(undefined.of_template(instance)) if undefined.is_asked() else ""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if warning := self.warning_about(form.instance):
            self.message_user(request, warning, messages.WARNING)

    def may_download(self, request: HttpRequest, instance: Template) -> bool:
        """Templates have nothing that their pages do not show."""
        return bool(self.has_view_permission(request, instance))

    @admin.display(description=_("System defined variables"))
    def system_variables(self, template: Template) -> str:
        """Show what the template gets without defining it."""
        values = template.get_system_context()
        shown = {
            "values": values,
            "summary": _("Show"),
            "explained": explained.of_layers([Layer("system", values)], ()),
        }
        return render_to_string("admin/config/secrets.html", shown) if shown["values"] else "-"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = super().get_fields(request, obj)
        return _without_backend(name for name in names if obj is not None or name != "system_variables")

    def get_list_display(self, request: HttpRequest) -> Any:
        return _without_backend(super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Any:
        return _without_backend(super().get_list_filter(request))

    @admin.action(description=_("Clone selected templates"))
    def clone_selected_templates(self, request: HttpRequest, queryset: QuerySet[Template]) -> HttpResponse | None:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return clone_templates(self, request, queryset)


def _without_backend(names: Iterable[Any]) -> list[Any]:
    return [name for name in names if name != "backend" or not is_backend_hidden()]
