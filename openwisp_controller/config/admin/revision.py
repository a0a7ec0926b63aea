"""What configurations compiled to, for reading."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantAdminMixin

from ..models import Revision


@admin.register(Revision)
class RevisionAdmin(MultitenantAdminMixin, admin.ModelAdmin):  # type: ignore[misc]
    multitenant_parent = "config__device"  # type: ignore[assignment]
    list_display = ("created", "config", "cause", "detail", "checksum")
    list_filter = ("cause", "created")
    fields = ("config", "created", "cause", "detail", "checksum", "contents")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        return super().get_queryset(request).select_related("config__device").defer("archive")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "config__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("contents"))
    def contents(self, revision: Revision) -> str:
        files = format_html_join(
            "", "<h3>{} ({})</h3><pre>{}</pre>", ((file.path, file.mode, file.contents) for file in revision.files())
        )
        return files or format_html("<em>{}</em>", _("This configuration is empty."))
