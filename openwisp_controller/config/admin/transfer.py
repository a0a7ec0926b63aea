"""Exporting the list of devices to a file, and importing files of devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tablib
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from .. import imports
from ..exchange import files
from ..exportable import DeviceResource
from ..models import Device, DeviceImport

ROWS = 25
"""Rows of a page of the preview."""
#: What the example file holds.
EXAMPLE: dict[str, str] = {
    "name": "office-1", "mac_address": "02:00:00:AA:BB:01", "organization": "my-organization",
    "model": "TP-Link Archer C7", "notes": "second floor", "config_backend": "netjsonconfig.OpenWrt",
    "config_data": '{"general": {"timezone": "UTC"}}', "config_context": '{"ssid": "office"}',
}  # fmt: skip
COLUMNS = (
    ("name, mac_address", gettext_lazy("Needed for every device.")),
    ("organization_id", gettext_lazy("UUID, slug or name of the organization; or in a column “organization”. Needed.")),
    ("id", gettext_lazy("UUID of the device that the row changes. Empty: a new device.")),
    ("group_id", gettext_lazy("UUID of the group. Empty: none.")),
    ("model, os, system, notes, last_ip, management_ip", gettext_lazy("Text, as on the page of a device.")),
    ("key", gettext_lazy("Empty: it is kept, a new device gets one.")),
    ("config_backend", gettext_lazy("Such as netjsonconfig.OpenWrt.")),
    ("config_data, config_context", gettext_lazy("Configuration and variables of the device: JSON objects.")),
    (
        "config_templates",
        gettext_lazy("UUIDs of all its templates in order, between commas. Without the column: the default ones."),
    ),
)  # fmt: skip
LOCATION_COLUMNS = (
    ("location_id, floorplan_id, floor_position", gettext_lazy("Where it is. Empty: that stays as it is.")),
    (
        "venue, address, coords, is_mobile, venue_type",
        gettext_lazy("Read only when there is no location of this location_id yet: it is added. coords is WKT."),
    ),
)


class ExportForm(forms.Form):
    """Asks for the format of the file."""

    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=[(name, name.upper()) for name in files.FORMATS])

    def __init__(self, data: Any = None, **options: Any) -> None:
        if data is not None and str(data.get("format", "")).isdigit():  # as django-import-export numbers them
            data = data.copy()
            data["format"] = dict(enumerate(files.FORMATS)).get(int(data["format"][:3]), "")
        super().__init__(data, **options)


class ImportForm(forms.Form):
    """Asks for a file."""

    import_file = forms.FileField(label=gettext_lazy("File"), allow_empty_file=True)
    format = forms.ChoiceField(
        label=gettext_lazy("Format"), required=False,
        choices=[("", gettext_lazy("as its name says")), *((name, name.upper()) for name in files.READABLE)],
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file = cleaned.get("import_file")
        if file is None or self.errors:
            return cleaned
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if most is not None and file.size > most:
            self.add_error("import_file", _("The file is larger than %d kB: split it.") % (most // 1024))
            return cleaned
        kind = cleaned.get("format") or files.format_of(file.name)
        if not kind:
            self.add_error("format", _("Choose the format of the file: its name does not tell it."))
            return cleaned
        try:
            cleaned["table"] = files.read(file.read(), kind)
        except ValidationError as error:
            self.add_error("import_file", error)
        return cleaned


class TransfersDevices:
    """Pages of exports and imports beside the list of devices."""

    resource_class: ClassVar[type[DeviceResource]] = DeviceResource
    """Knows the columns; packages put one of their own here."""

    admin_site: Any
    opts: Any
    message_user: Callable[..., None]
    has_view_permission: Callable[..., bool]
    has_add_permission: Callable[..., bool]
    get_changelist_instance: Callable[..., Any]
    may_manage: Callable[[HttpRequest], bool]

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep these pages where a package puts those of django-import-export, which ask nobody, in front of them."""
        super().__init_subclass__(**options)
        for name in ("import_action", "process_import", "export_action", "has_import_permission",
                     "has_export_permission"):  # fmt: skip
            if name not in cls.__dict__:
                setattr(cls, name, TransfersDevices.__dict__[name])

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("export/", view(self.export_action), name="config_device_export"),
            path("import/", view(self.import_action), name="config_device_import"),
            path("import/example.csv", view(self.example), name="config_device_import_example"),
            path("import/<uuid:pk>/", view(self.import_view), name="config_device_import_file"),
            path("import/<uuid:pk>/progress/", view(self.import_progress), name="config_device_import_progress"),
            path("process_import/", view(require_POST(self.process_import)), name="config_device_process_import"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Tell whether a person may import: whoever may add or change devices."""
        return self.may_manage(request) or self.has_add_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Tell whether a person may export: whoever may see devices."""
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            "has_import_permission": self.has_import_permission(request),
            "has_export_permission": self.has_export_permission(request),
            **(extra_context or {}),
        }
        answer: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]
        return answer

    def export_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for the format, then answer with a file of the devices of the list, as it is filtered."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        if ERROR_FLAG in request.GET:
            return HttpResponseRedirect(request.path)
        devices = self.get_changelist_instance(request).get_queryset(request)
        form = ExportForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                return export_file(self.resource_class(), devices, request.user, form.cleaned_data["format"])
            except ValidationError as error:
                form.add_error("format", error)
        context = {"form": form, "count": devices.count(), "query": request.GET.urlencode()}
        return self._page(request, "export", _("Export devices"), context)

    def import_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for a file, then check it."""
        self._check_import_permission(request)
        form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
        if form.is_bound and form.is_valid():
            table, name = form.cleaned_data["table"], form.cleaned_data["import_file"].name
            try:
                row = imports.receive(request.user, name, table, self.resource_class)
            except ValidationError as error:
                form.add_error("import_file", error)
            else:
                return HttpResponseRedirect(reverse("admin:config_device_import_file", args=[row.pk]))
        columns: tuple[Any, ...] = COLUMNS
        if "location_id" in self.resource_class.Meta.fields:
            columns += LOCATION_COLUMNS
        context = {"form": form, "columns": columns, "recent": self._own(request)[:5]}
        return self._page(request, "import", _("Import devices"), context)

    def import_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Show what a file would do row by row, how far it is, or what became of it."""
        row = self._import(request, pk)
        context: dict[str, Any] = {"import": row, "report": row.report, "progress": imports.progress(row)}
        if row.state == DeviceImport.State.CHECKED:
            page = Paginator(range(row.total), ROWS).get_page(request.GET.get("p"))
            context["page"] = page
            context["rows"] = imports.rows(row, page.start_index() - 1, page.end_index())
            context["counted"] = row.report.get("new", 0) + row.report.get("changed", 0)
        return self._page(request, "import_file", row.file_name, context)

    def import_progress(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Tell how far a file is."""
        return JsonResponse(imports.progress(self._import(request, pk)))

    def process_import(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Import a file that was checked and shown."""
        row = self._import(request, request.POST.get("import", ""))
        imports.confirm(row)
        row.refresh_from_db(fields=["state"])
        if row.state == DeviceImport.State.DONE:
            self.message_user(request, _("The devices were imported."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:config_device_import_file", args=[row.pk]))

    def example(self, request: HttpRequest) -> HttpResponse:
        """Answer with a file that can be filled in."""
        self._check_import_permission(request)
        return _file(
            files.write(tablib.Dataset(list(EXAMPLE.values()), headers=list(EXAMPLE)), "csv"), "csv", "example"
        )

    def _check_import_permission(self, request: HttpRequest) -> None:
        if not self.has_import_permission(request):
            raise PermissionDenied

    def _own(self, request: HttpRequest) -> Any:
        return DeviceImport.objects.filter(user=request.user.pk).defer("table")

    def _import(self, request: HttpRequest, pk: Any) -> DeviceImport:
        """Return a file that this person sent."""
        self._check_import_permission(request)
        try:
            row = self._own(request).filter(pk=pk).first()
        except ValidationError:
            row = None
        if row is None:
            raise Http404(_("There is no such import, or it is forgotten by now: send the file again."))
        found: DeviceImport = row
        return found

    def _page(self, request: HttpRequest, name: str, title: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"admin/config/device/{name}.html", {**shared, **context})


def export_file(resource: DeviceResource, devices: Any, user: Any, kind: str) -> HttpResponse:
    """Answer with a file of devices.

    Args:
        resource: knows the columns.
        devices: which ones.
        user: who gets it, with what they may see.
        kind: one of the formats.

    Raises:
        ValidationError: they cannot be written in this format.
    """
    return _file(files.write(resource.export(devices, user=user), kind), kind)


def _file(content: bytes, kind: str, name: str = "") -> HttpResponse:
    name = name or f"{Device._meta.model_name}s-{timezone.localdate()}"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type=files.FORMATS[kind], headers=headers)
