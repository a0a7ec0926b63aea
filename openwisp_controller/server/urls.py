"""Addresses of the ready-made server."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from openwisp_ipam.api.urls import get_api_urls as get_ipam_api_urls
from openwisp_notifications.urls import get_urls as get_notifications_urls
from openwisp_users.api.urls import get_api_urls as get_users_api_urls

from ..config.admin import choices
from ..config.settings import settings as config_settings
from ..subnet_division import api as ipam_views
from . import api_docs, health, metrics, notifications_api, users_api


def _maps() -> list[Any]:
    """Return the addresses of the geographic app, where it is installed."""
    if not apps.is_installed("openwisp_controller.geo"):
        return []
    return [
        path(settings.MEDIA_URL.lstrip("/"), include("openwisp_controller.geo.media")),
        path("api/v1/", include("openwisp_controller.geo.api.urls")),
    ]


urlpatterns = [
    path("", include("openwisp_controller.config.device_api.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("config/", include(([path("schema.json", choices.schema, name="schema")], "config"))),
    path("accounts/", include("openwisp_users.accounts.urls")),
    path("api/v1/", include((get_users_api_urls(users_api), "users"), namespace="users")),
    *([path("api/v1/", include("openwisp_controller.config.api.urls"))] if config_settings.API else []),
    *([path("api/v1/", include("openwisp_controller.pki.api.urls"))] if config_settings.PKI_API else []),
    path("api/v1/", include("openwisp_controller.connection.api.urls")),
    *_maps(),
    path("api/v1/", include(api_docs.urlpatterns)),
    path("", include((get_notifications_urls(notifications_api), "notifications"))),
    path("api/v1/ipam/", include((get_ipam_api_urls(ipam_views), "ipam"), namespace="ipam")),
]
handler403 = "openwisp_controller.server.pages.permission_denied"
handler404 = "openwisp_controller.server.pages.page_not_found"
handler500 = "openwisp_controller.server.middleware.server_error"
