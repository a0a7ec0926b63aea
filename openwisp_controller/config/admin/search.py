"""One search over what people look for by name: devices, templates, groups, VPN servers.

Each kind is searched as its own list is, within what the person may see there, so that the list shows the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..models import Device, DeviceGroup, Template, Vpn
from .exact import exactly

SHOWN = 10
"""Of each kind."""
#: What is searched, in the order in which it is shown → relations whose names are shown with it.
KINDS: dict[type[Model], tuple[str, ...]] = {
    Device: ("organization", "config", "sighting"),
    Template: ("organization",),
    DeviceGroup: ("organization",),
    Vpn: ("organization",),
}


class SearchForm(forms.Form):
    """What to look for."""

    q = forms.CharField(max_length=200)


@dataclass
class Found:
    """What was found of one kind."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    list_url: str = ""


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show what is found by ``q``, as a page or (``partial``) as the part of one that other pages show.

    A whole MAC address, IP address or identifier that is that of one device leads to it at once.
    """
    form = SearchForm(request.GET if "q" in request.GET else None)
    term = form.cleaned_data["q"] if form.is_valid() else ""
    found = [each for model in KINDS if (each := _of_kind(request, model, term)) is not None] if term else []
    context = {"term": term, "found": found, "form": form}
    if "partial" in request.GET:
        return render(request, "admin/config/search_results.html", context)
    if term and exactly(term) is not None and [each.total for each in found] == [1]:
        return HttpResponseRedirect(found[0].rows[0]["url"])
    return render(
        request, "admin/config/search.html", {**admin.site.each_context(request), "title": _("Search"), **context}
    )


def _of_kind(request: HttpRequest, model: type[Model], term: str) -> Found | None:
    """Return what a person may see of one kind; None when nothing is found."""
    page: Any = admin.site._registry.get(model)
    if page is None or not page.has_view_permission(request):
        return None
    rows, is_repeated = page.get_search_results(request, page.get_queryset(request), term)
    if is_repeated:
        rows = rows.distinct()
    shown = list(rows.select_related(*KINDS[model]).order_by("name")[: SHOWN + 1])
    if not shown:
        return None
    opts: Any = model._meta
    result = Found(capfirst(opts.verbose_name_plural), total=len(shown))
    change = f"admin:{opts.app_label}_{opts.model_name}_change"
    result.rows = [
        {"object": row, "url": reverse(change, args=[row.pk]), **_details(page, row)} for row in shown[:SHOWN]
    ]
    if len(shown) > SHOWN:
        result.total = rows.count()
        changelist = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        result.list_url = f"{changelist}?{urlencode({'q': term})}"
    return result


def _details(page: Any, row: Any) -> dict[str, Any]:
    """Return what tells an object from others of the same name."""
    organization = row.organization.name if row.organization is not None else _("shared")
    if not isinstance(row, Device):
        return {"details": [organization]}
    return {
        "details": [row.mac_address, row.management_ip or row.last_ip or "", organization],
        "badge": page.config_status(row),
    }
