"""Addresses of the ready-made server."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from openwisp_ipam.api.urls import get_api_urls as get_ipam_api_urls
from openwisp_notifications.urls import get_urls as get_notifications_urls
from openwisp_users.api.urls import get_api_urls as get_users_api_urls

from ..subnet_division import api as ipam_views
from . import api_docs, health, metrics, notifications_api, users_api

urlpatterns = [
    path("", include("openwisp_controller.urls")),  # first, for devices ask most
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}config/favicon.svg")),  # where pages name none
    path("admin/", admin.site.urls),
    path("accounts/", include("openwisp_users.accounts.urls")),
    path("api/v1/", include((get_users_api_urls(users_api), "users"), namespace="users")),
    path("api/v1/", include(api_docs.urlpatterns)),
    path("", include((get_notifications_urls(notifications_api), "notifications"))),
    path("api/v1/ipam/", include((get_ipam_api_urls(ipam_views), "ipam"), namespace="ipam")),
]
handler403 = "openwisp_controller.server.pages.permission_denied"
handler404 = "openwisp_controller.server.pages.page_not_found"
handler500 = "openwisp_controller.server.middleware.server_error"
