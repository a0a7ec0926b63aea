"""VPN servers."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from openwisp_users.multitenancy import MultitenantOrgFilter, MultitenantRelatedOrgFilter

from .. import rendering
from ..models import Vpn
from ..settings import settings
from ..vpn import servers, zerotier
from ..vpn.family import Family
from .base import ControllerAdmin, Secret


class SubnetFilter(MultitenantRelatedOrgFilter):
    """Offers the subnets of the organizations that a person manages."""

    field_name = "subnet"
    parameter_name = "subnet_id"
    title = _("subnet")


class VpnForm(forms.ModelForm):
    """Clears what does not belong to the chosen backend before it is checked."""

    creates_networks = True
    """Whether a valid form creates the network of a ZeroTier server, so that a failure can still be told in it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding and "backend" in self.fields:
            self.fields["backend"].initial = settings.DEFAULT_VPN_BACKEND

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not Family.of(cleaned.get("backend") or "").openvpn:
            cleaned["ca"] = cleaned["cert"] = None
        if "ca" in self.changed_data and "cert" not in self.changed_data:
            cleaned["cert"] = None  # of the former CA: a new one is made
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        vpn: Vpn = self.instance
        if self.errors or not self.creates_networks or not vpn.family.zerotier or vpn.network_id:
            return
        try:
            zerotier.create_network(vpn)
        except ValidationError as error:
            self.add_error(None, error)


@admin.register(Vpn)
class VpnAdmin(ControllerAdmin):
    form = VpnForm
    change_form_template = "admin/config/vpn/change_form.html"
    list_display = ("name", "organization", "backend", "subnet", "ip", "created", "modified")
    list_filter = (MultitenantOrgFilter, "backend", SubnetFilter, "created")
    list_select_related = ("organization", "subnet", "ip")
    search_fields = ("id", "name", "host", "key")
    autocomplete_fields = ("ip", "subnet")
    multitenant_shared_relations = ["ca", "cert", "subnet"]
    readonly_fields = ("id", "public_key", "state", "system_context", "created", "modified")
    fields = (
        "organization", "name", "host", "id", "key", "backend", "ca", "cert", "subnet", "ip", "public_key",
        "webhook_endpoint", "auth_token", "notes", "system_context", "config", "state", "created", "modified",
    )  # fmt: skip
    secrets = ("key", "auth_token", "system_context", "config")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out secrets for those who may only look."""
        fields = super().get_fields(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return [name for name in fields if name not in self.secrets]
        return [name for name in fields if obj is not None or name not in ("public_key", "state", "system_context")]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("preview/", view(require_POST(self.preview)), name="config_vpn_preview"),
            path("download/<uuid:pk>/", view(self.download), name="config_vpn_download"),
            path("<uuid:pk>/context.json", view(self.variables), name="config_vpn_context"),
            *super().get_urls(),
        ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("key", "auth_token"):
            kwargs["widget"] = Secret
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        used = [vpn for vpn in objs if vpn.vpnclient_set.exists()]
        reason = _("%(vpn)s is used by devices: unassign its templates from them first")
        return deleted, counts, missing, [*protected, *(reason % {"vpn": vpn} for vpn in used)]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with the files that saving the posted form would give, or with the errors of the form, by field."""
        key = request.POST.get("id")
        vpn = self._manageable(request, key) if key else None
        if vpn is None and not self.has_add_permission(request):
            raise PermissionDenied
        form = self.get_form(request, vpn, change=vpn is not None)(request.POST, instance=vpn)
        form.creates_networks = False
        if not form.is_valid():
            errors = {field: [str(message) for message in found] for field, found in form.errors.items()}
            return JsonResponse({"errors": errors}, status=400)
        try:
            text = servers.render_text(form.instance)
        except rendering.RenderingError as error:
            return JsonResponse({"errors": {"config": [error.message]}}, status=400)
        return JsonResponse({"text": text})

    def download(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the archive that the server may fetch."""
        vpn = self._manageable(request, pk)
        if vpn.released is None:
            raise Http404(_("This server has no configuration yet."))
        return HttpResponse(
            bytes(vpn.released.archive),
            content_type="application/octet-stream",
            headers={"Content-Disposition": content_disposition_header(True, f"{vpn.name}.tar.gz") or "attachment"},
        )

    def variables(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the variables that templates of the server know."""
        context = self._manageable(request, pk).get_vpn_server_context()
        return HttpResponse(json.dumps(context, default=str, ensure_ascii=False), content_type="application/json")

    def _manageable(self, request: HttpRequest, pk: Any) -> Vpn:
        vpn = self.get_object(request, str(pk))
        if vpn is None:
            raise Http404(_("There is no such VPN server, or it belongs to an organization that you do not manage."))
        if not self.has_change_permission(request, vpn):
            raise PermissionDenied
        return vpn

    @admin.display(description=_("System defined variables"))
    def system_context(self, vpn: Vpn) -> str:
        return render_to_string("admin/config/secrets.html", {"values": vpn.get_context()})

    @admin.display(description=_("state"))
    def state(self, vpn: Vpn) -> str:
        return render_to_string("admin/config/vpn/state.html", {"vpn": vpn})
