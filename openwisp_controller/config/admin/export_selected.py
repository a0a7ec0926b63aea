"""Exporting the selected devices to a file."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from ..models import Device
from .action_forms import ask
from .transfer import ExportForm, export_file


def export_selected(page: Any, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse:
    """Ask for the format, then answer with a file of the selected devices, as their list is exported.

    Args:
        page: administration page of devices.
        queryset: the selected devices, of the organizations that the person manages.
    """
    form = ExportForm(request.POST if "apply" in request.POST else None)
    if form.is_valid():
        try:
            return export_file(page.resource_class(), queryset, request.user, form.cleaned_data["format"])
        except ValidationError as error:
            form.add_error("format", error)
    template = "admin/config/device/export_selected.html"
    return ask(page, request, form, template, title=_("Export devices"), objects=queryset)
