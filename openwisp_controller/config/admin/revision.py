"""What configurations compiled to: contents, differences, and going back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from openwisp_users.multitenancy import MultitenantAdminMixin

from ...common.tenant_pages import TenantPages
from ..devices import history
from ..models import Revision


@admin.register(Revision)
class RevisionAdmin(MultitenantAdminMixin, TenantPages):
    multitenant_parent = "config__device"  # type: ignore[assignment]
    change_form_template = "admin/config/revision/change_form.html"
    not_found = _("There is no such revision, or it belongs to an organization that you do not manage.")
    list_display = ("moment", "device", "cause", "detail", "author", "state", "checksum")
    list_filter = ("cause", "created")
    search_fields = ("config__device__name", "checksum", "detail")
    fields = ("device", "moment", "cause", "detail", "author", "state", "checksum", "comparison", "contents")
    readonly_fields = fields

    @admin.display(description=_("created"), ordering="created")
    def moment(self, revision: Revision) -> str:
        """Several may fall into one minute."""
        return date_format(timezone.localtime(revision.created), "Y-m-d H:i:s")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        pointers = {name: F(f"config__{name}_id") for name in ("compiled", "released", "downloaded", "applied")}
        queryset = super().get_queryset(request).select_related("config__device", "author").defer("archive")
        return queryset.annotate(**{f"{name}_now": pointer for name, pointer in pointers.items()})

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.roll_back))
        return [path("<int:pk>/roll-back/", view, name="config_revision_roll_back"), *super().get_urls()]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "config__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Revisions go with their device or organization, never by themselves."""
        page = request.resolver_match
        return page is not None and not (page.url_name or "").startswith("config_revision_")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Contents hold the secrets of devices: they are for those who may change devices."""
        return super().has_view_permission(request, obj) and request.user.has_perm("config.change_device")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        revision = super().get_object(request, object_id, from_field)
        if revision is not None:
            revision.compared_with = request.GET.get("with", "")
        return revision

    def roll_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Release a revision and hold its device there."""
        revision = self.get_object_or_404(request, pk)
        if not request.user.has_perm("config.change_device"):
            raise PermissionDenied
        try:
            history.roll_back(revision.config, revision)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        else:
            self.message_user(request, _("The revision is released and the device held there."), messages.SUCCESS)
        page = reverse("admin:config_device_change", args=[revision.config.device_id])
        return HttpResponseRedirect(f"{page}#config-group")

    @admin.display(description=_("device"), ordering="config__device__name")
    def device(self, revision: Revision) -> str:
        device = revision.config.device
        return format_html('<a href="{}">{}</a>', reverse("admin:config_device_change", args=[device.pk]), device)

    @admin.display(description=_("state"))
    def state(self, revision: Any) -> str:
        states = (
            ("released_now", _("released")),
            ("downloaded_now", _("downloaded")),
            ("applied_now", _("applied")),
        )
        found = [str(label) for name, label in states if getattr(revision, name) == revision.pk]
        if revision.compiled_now == revision.pk != revision.released_now:
            found.append(str(_("pending")))
        return ", ".join(found) or "-"

    @admin.display(description=_("difference"))
    def comparison(self, revision: Any) -> str:
        """Show the unified diff to another revision of the device, by default to the one before."""
        others = [other for other in history.revisions(revision.config) if other.pk != revision.pk]
        earlier = [other for other in others if other.pk < revision.pk]
        chosen = next(
            (other for other in others if str(other.pk) == revision.compared_with), earlier[0] if earlier else None
        )
        lines = history.diff(chosen, revision).splitlines()
        return render_to_string(
            "admin/config/diff.html", {"revision": revision, "others": others, "chosen": chosen, "lines": lines}
        )

    @admin.display(description=_("contents"))
    def contents(self, revision: Revision) -> str:
        return render_to_string("admin/config/files.html", {"files": revision.files()})
