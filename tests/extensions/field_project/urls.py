"""Addresses of the deployment."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

from .packages import PACKAGE

urlpatterns = [
    path("", RedirectView.as_view(url=reverse_lazy("admin:index")), name="index"),
    path("admin/", admin.site.urls),
    path("", include("openwisp_controller.urls")),
    path("accounts/", include("openwisp_users.accounts.urls")),
    path("api/v1/", include("openwisp_utils.api.urls")),
    path("api/v1/", include("openwisp_users.api.urls")),
    path("", include("openwisp_ipam.urls")),
    path("", include("openwisp_notifications.urls")),
    *(path("", include(module)) for module in PACKAGE.urls),
    *staticfiles_urlpatterns(),
]
