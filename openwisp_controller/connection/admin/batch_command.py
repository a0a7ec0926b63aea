"""Pages of mass commands: form, preview with confirmation, progress and results."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter

from ...common.badges import badge
from ...common.tenant_pages import TenantPages
from ...config.admin import GroupFilter
from ...config.models import Device
from .. import batches, commands, locations
from ..models import BatchCommand, Command
from ..settings import settings
from . import batch_results, command_fields
from .batch_filters import LocationFilter, choosable
from .batch_forms import BatchCommandForm

_PAGE = 20
_NAMED = 10
_BADGES = {"idle": "idle", "in-progress": "waiting", "success": "good", "failed": "bad", "cancelled": "idle"}


@admin.register(BatchCommand)
class BatchCommandAdmin(MultitenantAdminMixin, TenantPages):
    form = BatchCommandForm
    add_form_template = "admin/connection/batch_add.html"
    change_form_template = "admin/connection/batch_detail.html"
    multitenant_shared_relations = ["group"]
    list_display = ("label", "owner", "state", "type_label", "affected", "created")
    list_filter = (MultitenantOrgFilter, "status", "type", GroupFilter)
    list_select_related = ("organization", "group")
    search_fields = ("label",)
    fields = BatchCommandForm.Meta.fields

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return filters if locations.model() is None else (*filters, LocationFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchCommand]:
        queryset: QuerySet[BatchCommand] = super().get_queryset(request)
        return queryset.annotate(device_count=Count("devices")).order_by("-created")

    @admin.display(description=_("organization"), ordering="organization__name")
    def owner(self, batch: BatchCommand) -> str:
        return str(batch.organization or _("All"))

    @admin.display(description=_("status"), ordering="status")
    def state(self, batch: BatchCommand) -> Any:
        return badge(_BADGES[batch.status], BatchCommand.Status(batch.status).label)

    @admin.display(description=_("type"))
    def type_label(self, batch: BatchCommand) -> str:
        return commands.label(batch.type)

    @admin.display(description=_("devices"))
    def affected(self, batch: Any) -> int:
        return int(batch.device_count)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/cancel/", view(require_POST(self.cancel)), name="connection_batchcommand_cancel"),
            path("<uuid:pk>/results.csv", view(self.results_file), name="connection_batchcommand_results"),
            *super().get_urls(),
        ]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Offer the devices and locations that the person may see, as one types."""
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        fields = form.base_fields
        devices: Any = BatchCommand._meta.get_field("devices")
        fields["devices"] = forms.ModelMultipleChoiceField(
            choosable(request, Device, self.admin_site), required=False, label=_("Devices"),
            widget=AutocompleteSelectMultiple(devices, self.admin_site),
            help_text=_("Only these, whatever group and location say; many are selected in the list of devices."),
        )  # fmt: skip
        model = locations.model()
        if model is None:
            del fields["location"]
        else:
            fields["location"] = forms.ModelChoiceField(
                choosable(request, model, self.admin_site), required=False, label=_("Location"),
                widget=AutocompleteSelect(locations.relation(), self.admin_site),
                help_text=_("Only devices at this location."),
            )  # fmt: skip
        return form

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form, then who would get the command, then send it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kind = self.get_form(request)
        if request.method != "POST":
            return self._ask(request, kind(initial=self.get_changeform_initial_data(request)))
        given = request.POST.copy()
        if "forget" in given:
            given["selected"] = ""
        form = kind(given)
        if not form.is_valid() or {"back", "forget"} & given.keys():
            return self._ask(request, form)
        try:
            devices = form.targets()
        except ValidationError as error:
            form.add_error(None, error)
            return self._ask(request, form)
        batch = form.save(commit=False)
        planned = _fingerprint(devices)
        if "confirmed" in given and given.get("planned", planned) == planned:
            batches.execute(batch, devices)
            messages.success(request, _("The mass command was started."))
            return HttpResponseRedirect(reverse("admin:connection_batchcommand_change", args=[batch.pk]))
        plan = self._plan(batch, devices)
        return self._ask(request, form, planned=planned, is_outdated="confirmed" in given, **plan)

    def begin_with(self, request: HttpRequest, devices: QuerySet[Device]) -> HttpResponse:
        """Show the form of a new mass command for devices that were selected in their list."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        rows = list(devices.order_by("name").values_list("pk", "organization_id"))
        owners = {owner for _key, owner in rows}
        initial = {
            "selected": ",".join(str(key) for key, _owner in rows),
            "organization": owners.pop() if len(owners) == 1 else None,
        }
        return self._ask(request, self.get_form(request)(initial=initial))

    def _ask(self, request: HttpRequest, form: BatchCommandForm, **plan: Any) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("New mass command"), "form": form, "opts": self.opts, "texts": command_fields.texts(), **plan,
        }  # fmt: skip
        return TemplateResponse(request, self.add_form_template, context)

    def _plan(self, batch: BatchCommand, devices: QuerySet[Device]) -> dict[str, Any]:
        plan = batches.plan(batch, devices)
        names = {str(key): name for key, name in devices.values_list("pk", "name")}
        going = [names[key] for key in plan.devices if key not in plan.skipped]
        return {
            "plan": plan, "batch": batch, "type_label": commands.label(batch.type), "count": len(going),
            "first": going[:_NAMED], "more": max(len(going) - _NAMED, 0),
            "at_once": min(settings.CONTROLLER_BATCH_CONCURRENCY, len(going)),
            "skipped": batch_results.grouped(plan.skipped, names), "skipped_count": len(plan.skipped),
        }  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show how far a mass command is, and what each device answered."""
        batch = self._seen(request, object_id)
        status, search = self._asked_for(request)
        results = batch_results.Results(batch, status, search)
        counts = batch.counts()
        targets = batch.devices.count()
        context = {
            **self.admin_site.each_context(request),
            "title": batch.label, "opts": self.opts, "batch": batch, "counts": counts, "targets": targets,
            "done": counts["successful"] + counts["failed"] + counts["skipped"],
            "badge": self.state(batch), "status": status, "search": search,
            "page": Paginator(results, _PAGE).get_page(request.GET.get("p")),
            "choices": self._choices(counts, status),
            "type_label": commands.label(batch.type),
            "may_cancel": self.has_add_permission(request) and batch.status in ("idle", "in-progress"),
            "is_finished": batch.status not in ("idle", "in-progress"),
        }  # fmt: skip
        return TemplateResponse(request, self.change_form_template, context)

    def _choices(self, counts: dict[str, int], chosen: str) -> list[dict[str, Any]]:
        running = counts["total"] - counts["successful"] - counts["failed"]
        found = (
            ("", _("All"), counts["total"] + counts["skipped"]),
            (Command.Status.SUCCESS.value, _("Successful"), counts["successful"]),
            (Command.Status.FAILED.value, _("Failed"), counts["failed"]),
            (Command.Status.IN_PROGRESS.value, _("In progress"), running),
            (batch_results.SKIPPED, _("Skipped"), counts["skipped"]),
        )
        return [{"value": value, "label": label, "count": n, "chosen": value == chosen} for value, label, n in found]

    def _seen(self, request: HttpRequest, key: Any) -> BatchCommand:
        batch: BatchCommand | None = self.get_object(request, str(key))
        if batch is None:
            raise Http404
        if not self.has_view_permission(request, batch):
            raise PermissionDenied
        return batch

    def _asked_for(self, request: HttpRequest) -> tuple[str, str]:
        """Return the status and the part of a name that results are limited to."""
        status = request.GET.get("status", "")
        known = (*Command.Status.values, batch_results.SKIPPED)
        return status if status in known else "", request.GET.get("q", "").replace("\x00", "").strip()

    def results_file(self, request: HttpRequest, pk: Any) -> StreamingHttpResponse:
        """Offer the results, as the page limits them, as a file."""
        batch = self._seen(request, pk)
        return batch_results.as_file(batch, batch_results.Results(batch, *self._asked_for(request)))

    def cancel(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Send no further commands."""
        batch = self.get_object(request, str(pk))
        if batch is None:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied
        if batches.cancel(batch):
            messages.success(request, _("No further commands are sent; those that were sent go on."))
        return HttpResponseRedirect(reverse("admin:connection_batchcommand_change", args=[pk]))


def _fingerprint(devices: QuerySet[Device]) -> str:
    """Return a text that is another one for other devices."""
    keys = devices.order_by("pk").values_list("pk", flat=True)
    return hashlib.sha256(b"".join(key.bytes for key in keys)).hexdigest()
