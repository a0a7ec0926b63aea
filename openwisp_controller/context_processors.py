"""Context processors for the templates of a project."""

from __future__ import annotations

from django.http import HttpRequest

from .connection.settings import settings


def controller_api_settings(request: HttpRequest) -> dict[str, str]:
    """Tell templates the origin of REST interface and WebSockets; empty = that of the page."""
    return {"OPENWISP_CONTROLLER_API_HOST": settings.CONTROLLER_API_HOST or ""}
