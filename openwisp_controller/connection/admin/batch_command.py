"""Pages of mass commands: form, preview with confirmation, progress."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from openwisp_users.multitenancy import MultitenantAdminMixin, MultitenantOrgFilter

from ...common.json_input import JSONFormField
from ...common.tenant_pages import TenantPages
from ...config.admin import GroupFilter
from ...config.models import Device
from .. import batches, commands
from ..models import BatchCommand

_PAGE = 20
_SHOWN = 200


class BatchCommandForm(forms.ModelForm):
    required_css_class = "required"
    input = JSONFormField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_('JSON, such as {"command": "uptime"}; nothing for commands without input.'),
    )

    class Meta:
        model = BatchCommand
        fields = ("label", "organization", "group", "type", "input", "stop_after_failures", "notes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["input"] = InvalidJSONInput("")  # else "null" is shown


@admin.register(BatchCommand)
class BatchCommandAdmin(MultitenantAdminMixin, TenantPages):
    form = BatchCommandForm
    add_form_template = "admin/connection/batch_add.html"
    change_form_template = "admin/connection/batch_detail.html"
    multitenant_shared_relations = ["group"]
    list_display = ("label", "owner", "status", "type_label", "affected", "created")
    list_filter = (MultitenantOrgFilter, "status", "type", GroupFilter)
    list_select_related = ("organization", "group")
    search_fields = ("label",)
    fields = ("label", "organization", "group", "type", "input", "stop_after_failures", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchCommand]:
        queryset: QuerySet[BatchCommand] = super().get_queryset(request)
        return queryset.annotate(device_count=Count("devices")).order_by("-created")

    @admin.display(description=_("organization"), ordering="organization__name")
    def owner(self, batch: BatchCommand) -> str:
        return str(batch.organization or _("All"))

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
        cancel = self.admin_site.admin_view(require_POST(self.cancel))
        return [path("<uuid:pk>/cancel/", cancel, name="connection_batchcommand_cancel"), *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form, then who would get the command, then send it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.get_form(request)(request.POST or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request), "title": _("New mass command"), "form": form, "opts": self.opts,
        }  # fmt: skip
        if request.method == "POST" and "back" not in request.POST and form.is_valid():
            batch = form.save(commit=False)
            try:
                devices = batches.targets(batch, self._chosen(request, batch.organization_id))
            except ValidationError as error:
                form.add_error(None, error.messages)
            else:
                if "confirmed" in request.POST:
                    batches.execute(batch, devices)
                    messages.success(request, _("The mass command was started."))
                    return HttpResponseRedirect(reverse("admin:connection_batchcommand_change", args=[batch.pk]))
                plan = batches.plan(batch, devices)
                names = dict(devices.values_list("pk", "name"))
                context["plan"] = plan
                context["batch"] = batch
                context["type_label"] = commands.label(batch.type)
                context["skipped"] = [
                    (name, plan.skipped[str(key)]) for key, name in names.items() if str(key) in plan.skipped
                ][:_SHOWN]
                context["count"] = len(plan.devices) - len(plan.skipped)
        return TemplateResponse(request, self.add_form_template, context)

    def _chosen(self, request: HttpRequest, organization_id: Any) -> list[Any]:
        """Return the devices named in the form: of the chosen organization, and of those that the person manages."""
        text = request.POST.get("device_names", "").replace("\x00", "")
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            return []
        user: Any = request.user
        devices = Device.objects.filter(name__in=names)
        if not user.is_superuser:
            devices = devices.filter(organization__in=user.organizations_managed)
        if organization_id is not None:
            devices = devices.filter(organization=organization_id)
        found = list(devices)
        unknown = sorted(set(names) - {device.name for device in found})
        if unknown:
            raise ValidationError(_("There are no such devices: %(names)s.") % {"names": ", ".join(unknown)})
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show how far a mass command is, and what each device answered."""
        batch = self.get_object(request, object_id)
        if batch is None:
            raise Http404
        if not self.has_view_permission(request, batch):
            raise PermissionDenied
        search = request.GET.get("q", "").replace("\x00", "")
        sent = batch.batch_commands.select_related("device").order_by("device__name")
        page = Paginator(sent.filter(device__name__icontains=search), _PAGE).get_page(request.GET.get("p"))
        names = dict(Device.objects.filter(pk__in=batch.skipped_devices).values_list("pk", "name"))
        context = {
            **self.admin_site.each_context(request),
            "title": batch.label,
            "opts": self.opts,
            "batch": batch,
            "counts": batch.counts(),
            "page": page,
            "search": search,
            "type_label": commands.label(batch.type),
            "skipped": [(name, batch.skipped_devices[str(key)]) for key, name in names.items()][:_SHOWN],
            "may_cancel": self.has_add_permission(request) and batch.status in ("idle", "in-progress"),
        }
        return TemplateResponse(request, self.change_form_template, context)

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
