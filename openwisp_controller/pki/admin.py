"""Administration pages of certification authorities and certificates."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_x509.base.admin import AbstractCaAdmin, AbstractCertAdmin, X509Form
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter

from ..common.badges import badge
from ..common.versions import GuardedVersions
from . import issuing, renewal
from .dashboard import expires_soon
from .models import Ca, Cert


class _IssuedForm(X509Form):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance.signing = issuing.Signing(in_background=True)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("operation_type") == "import":
            for name in ("certificate", "private_key"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, _("Paste what is to be imported, in PEM format."))
        elif "common_name" in self.fields and not cleaned.get("common_name") and "common_name" not in self.errors:
            self.add_error("common_name", _("Say for what it is, such as the name of a host or a person."))
        return cleaned


class _IssuedAdmin(MultitenantAdminMixin, GuardedVersions):
    """What both pages have in common: organization, private keys only on request, errors instead of half done work."""

    change_form_template = "admin/pki/change_form.html"
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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "digest" and field is not None:
            field.help_text = _("Hash algorithm of the signature.")
        return field

    @admin.display(description=_("private key"))
    def secret(self, issued: Ca | Cert) -> str:
        return render_to_string("admin/config/secrets.html", {"values": {_("private key"): issued.private_key}})

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Let keys that take long be made in the background once the form is saved."""
        return super().get_form(request, obj, **{"form": _IssuedForm, **kwargs})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.certificate:
            self.message_user(request, _("The key is being made in the background."), messages.INFO)

    def renew(self, request: HttpRequest, issued: QuerySet[Any]) -> int:
        """Renew a few at once and more, or those with long keys, in the background; return how many are done."""
        found = list(issued)
        done = 0
        for each in found:
            if len(found) > renewal.AT_ONCE:
                each.renew_in_background()
            else:
                done += each.request_renewal()
        if len(found) > done:
            text = ngettext(
                "%(count)d is being renewed in the background.",
                "%(count)d are being renewed in the background.",
                len(found) - done,
            )
            self.message_user(request, text % {"count": len(found) - done}, messages.INFO)
        return done

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

    @admin.action(description=_("Renew selected CAs"), permissions=["change"])
    def renew_ca(self, request: HttpRequest, queryset: QuerySet[Ca]) -> HttpResponse | None:
        if not request.POST.get("post"):
            page: HttpResponse = super().renew_ca(request, queryset)
            return page
        done = self.renew(request, queryset)
        message = ngettext(
            "%(count)d CA and its related certificates have been successfully renewed",
            "%(count)d CAs and their related certificates have been successfully renewed",
            done,
        )
        if done:
            self.message_user(request, message % {"count": done}, messages.SUCCESS)
        return None

    def crl_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.model.objects.filter(pk=pk, certificate="").exists():
            text = _("The key of this CA is still being made, please try again in a moment.")
            return HttpResponse(text, status=503, content_type="text/plain", headers={"Retry-After": "30"})
        response: HttpResponse = super().crl_view(request, pk)
        return response


class ExpiresFilter(admin.SimpleListFilter):
    """Finds certificates that expire soon, or have expired."""

    title = _("expires")
    parameter_name = "expires"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("soon", _("Within 30 days")),)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cert]) -> QuerySet[Cert]:
        return queryset.filter(expires_soon()) if self.value() == "soon" else queryset


@admin.register(Cert)
class CertAdmin(_IssuedAdmin, AbstractCertAdmin):
    list_filter = [MultitenantOrgFilter, "revoked", ExpiresFilter, "key_length", "digest", "created"]
    list_display = ["name", "organization", "ca_url", "key_length", "digest", "validity_end", "validity", "created"]
    list_select_related = ["organization", "ca"]
    multitenant_shared_relations = ["ca"]
    used_by = ("vpn_set", "vpnclient")

    @admin.display(description=_("validity"), ordering="revoked")
    def validity(self, cert: Cert) -> Any:
        """Say in words and colour whether it is in force."""
        if cert.revoked:
            return badge("bad", _("revoked"))
        if cert.validity_end is not None and cert.validity_end < timezone.now():
            return badge("bad", _("expired"))
        if not cert.certificate:
            return badge("waiting", _("being made"))
        return badge("good", _("valid"))

    @admin.action(description=_("Renew selected certificates"), permissions=["change"])
    def renew_cert(self, request: HttpRequest, queryset: QuerySet[Cert]) -> HttpResponse | None:
        if not request.POST.get("post"):
            page: HttpResponse = super().renew_cert(request, queryset)
            return page
        for cert in queryset.filter(revoked=True):
            text = _("%(cert)s: A revoked certificate cannot be renewed, create another one.")
            self.message_user(request, text % {"cert": cert}, messages.ERROR)
        done = self.renew(request, queryset.filter(revoked=False))
        message = ngettext(
            "%(count)d Certificate has been successfully renewed",
            "%(count)d Certificates have been successfully renewed",
            done,
        )
        if done:
            self.message_user(request, message % {"count": done}, messages.SUCCESS)
        return None
