"""Administration pages of certification authorities and certificates."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from django_x509.base.admin import AbstractCaAdmin, AbstractCertAdmin
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter
from reversion.admin import VersionAdmin

from .models import Ca, Cert


class _IssuedAdmin(MultitenantAdminMixin, VersionAdmin):
    """What both pages have in common: organization, private keys only on request, errors instead of half done work."""

    used_by: tuple[str, ...] = ()
    readonly_edit: Any

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_fields(request, obj))
        if "organization" not in fields:
            fields.insert(fields.index("name") + 1, "organization")
        if obj is not None:
            fields.remove("private_key")
            if self.has_change_permission(request, obj):
                fields.insert(fields.index("certificate") + 1, "secret")
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *(("secret",) if obj is not None else ()))

    @admin.display(description=_("private key"))
    def secret(self, issued: Ca | Cert) -> str:
        return render_to_string("admin/config/secrets.html", {"values": {_("private key"): issued.private_key}})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        for issued in objs:
            users = [user for name in self.used_by for user in _related(issued, name)]
            reason = _("%(name)s is used by %(user)s")
            protected = [*protected, *(reason % {"name": issued, "user": user} for user in users[:5])]
        return deleted, counts, missing, protected


def _related(issued: Any, name: str) -> list[Any]:
    found = getattr(issued, name, None)
    if found is None:
        return []
    return list(found.all()[:5]) if hasattr(found, "all") else [found]


@admin.register(Ca)
class CaAdmin(_IssuedAdmin, AbstractCaAdmin):
    list_filter = [MultitenantOrgFilter, "key_length", "digest", "created"]
    list_display = ["name", "organization", "key_length", "digest", "validity_end", "created", "modified"]
    list_select_related = ["organization"]
    used_by = ("vpn_set",)


@admin.register(Cert)
class CertAdmin(_IssuedAdmin, AbstractCertAdmin):
    list_filter = [MultitenantOrgFilter, "revoked", "key_length", "digest", "created"]
    list_display = ["name", "organization", "ca_url", "key_length", "digest", "validity_end", "revoked", "created"]
    list_select_related = ["organization", "ca"]
    multitenant_shared_relations = ["ca"]
    used_by = ("vpn_set", "vpnclient")

    @admin.action(description=_("Renew selected certificates"), permissions=["change"])
    def renew_cert(self, request: HttpRequest, queryset: QuerySet[Cert]) -> HttpResponse | None:
        """Renew certificates; those that are revoked are named, the others are renewed all the same."""
        if request.POST.get("post"):
            for cert in queryset.filter(revoked=True):
                try:
                    cert.renew()
                except ValidationError as error:
                    self.message_user(request, f"{cert}: {' '.join(error.messages)}", messages.ERROR)
            queryset = queryset.filter(revoked=False)
            if not queryset.exists():
                return None
        response: HttpResponse | None = super().renew_cert(request, queryset)
        return response
