"""What all pages for people have in common: the product's name, and a readable answer where there is no page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views import defaults


def site_name(request: HttpRequest) -> dict[str, Any]:
    """Name the product on the pages that the administration does not make, such as logging out."""
    return {"site_header": admin.site.site_header, "site_title": admin.site.site_title}


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tell people what they may not do, and programs as little as Django does."""
    if not _is_for_people(request):
        return defaults.permission_denied(request, exception)
    reason = _reason(exception) or _("You do not have permission to open this page. Ask an administrator for it.")
    return render(request, "admin/error.html", {"title": _("Not allowed"), "reason": reason}, status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tell people what was not found, and programs as little as Django does."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "Not found."}, status=404)
    if not _is_for_people(request):
        return defaults.page_not_found(request, exception)
    reason = _reason(exception) or _("There is no such page.")
    return render(request, "admin/error.html", {"title": _("Not found"), "reason": reason}, status=404)


def _is_for_people(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/") and hasattr(request, "user")


def _reason(exception: Exception) -> str:
    """The text with which the exception was raised, if it was one."""
    argument = exception.args[0] if exception.args else ""
    return str(argument) if isinstance(argument, str | Promise) else ""
