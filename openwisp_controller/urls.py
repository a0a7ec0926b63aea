"""Addresses of the controller for the URL configuration of a project: device protocol, schemas, REST interface.

The administration, accounts, notifications, people and IPAM come from the packages that they belong to; see
``server/urls.py`` for all of them together.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.urls import include, path

from .config.settings import settings as config_settings


def _rest() -> list[Any]:
    """Return the addresses of the REST interface, of the apps that are installed and switched on."""
    wanted = {
        "config": config_settings.API,
        "pki": config_settings.PKI_API,
        "connection": apps.is_installed("openwisp_controller.connection"),
        "geo": apps.is_installed("openwisp_controller.geo"),
    }
    return [path("api/v1/", include(f"openwisp_controller.{app}.api.urls")) for app, is_on in wanted.items() if is_on]


def _files() -> list[Any]:
    """Return the address of uploaded files, where the app that checks and serves them is installed."""
    if not (apps.is_installed("openwisp_controller.geo") and settings.MEDIA_URL.startswith("/")):
        return []
    return [path(settings.MEDIA_URL.lstrip("/"), include("openwisp_controller.geo.media"))]


urlpatterns = [path("", include("openwisp_controller.config.urls")), *_rest(), *_files()]
