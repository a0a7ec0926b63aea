"""Templates."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantOrgFilter

from ..models import Template
from .base import ControllerAdmin


@admin.register(Template)
class TemplateAdmin(ControllerAdmin):
    change_form_template = "admin/config/template/change_form.html"
    list_display = ("name", "organization", "type", "backend", "default", "required", "created", "modified")
    list_filter = (MultitenantOrgFilter, "type", "backend", "auto_cert", "default", "required", "created")
    multitenant_shared_relations = ["vpn"]
    list_select_related = ("organization",)
    search_fields = ("name",)
    readonly_fields = ("id", "created", "modified")
    actions = ("clone_templates",)
    fields = (
        "name", "organization", "type", "backend", "vpn", "auto_cert", "default", "required", "tags", "default_values",
        "config", "notes", "id", "created", "modified",
    )  # fmt: skip

    @admin.action(description=_("Clone selected templates"))
    def clone_templates(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied
        for template in queryset:
            try:
                template.clone()
            except ValidationError as error:
                text = _('"%(template)s" could not be cloned: %(reason)s')
                reason = "; ".join(error.messages)
                self.message_user(request, text % {"template": template.name, "reason": reason}, messages.ERROR)
            else:
                text = _('"%(template)s" was cloned.')
                self.message_user(request, text % {"template": template.name}, messages.SUCCESS)
