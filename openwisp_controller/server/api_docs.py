"""The description of the REST interface: interactive, and as OpenAPI 3 for programs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.urls import path
from drf_spectacular import views
from openwisp_utils import settings as utils_settings
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from ..common.rest.authentication import AUTHENTICATION


class _ForPeopleWhoAreLoggedIn:
    """Everybody may read it while debugging; else who is logged in, by session or token."""

    authentication_classes = AUTHENTICATION
    permission_classes = (AllowAny if settings.DEBUG else IsAuthenticated,)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """What is unknown as a format gets the first one."""
        return super().perform_content_negotiation(request, force=True)  # type: ignore[misc]


class JsonSchemaView(_ForPeopleWhoAreLoggedIn, views.SpectacularJSONAPIView):
    """The description as JSON."""


class YamlSchemaView(_ForPeopleWhoAreLoggedIn, views.SpectacularYAMLAPIView):
    """The description as YAML."""


class _Page(_ForPeopleWhoAreLoggedIn):
    http_method_names = ("get", "head")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send people to the login, and back; ``?format=openapi`` is for programs."""
        if request.GET.get("format") == "openapi":
            return JsonSchemaView.as_view()(request, *args, **kwargs)
        is_known = settings.DEBUG or request.user.is_authenticated or "Authorization" in request.headers
        if not is_known and "text/html" in request.headers.get("Accept", ""):
            return redirect_to_login(request.get_full_path())
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]

    def get_renderers(self) -> list[Any]:
        """Refusals are JSON, whatever was asked for."""
        found: list[Any] = super().get_renderers()  # type: ignore[misc]
        return [*found, JSONRenderer()]


class DocsView(_Page, views.SpectacularSwaggerSplitView):
    """The interactive page; its script is a file of its own, for the policy allows none inside."""

    url_name = "schema-json"


class RedocView(_Page, views.SpectacularRedocView):
    """The page for reading."""

    url_name = "schema-json"
    template_name = "api/redoc.html"


urlpatterns = (
    [
        path("docs.json", JsonSchemaView.as_view(), name="schema-json"),
        path("docs.yaml", YamlSchemaView.as_view(), name="schema-yaml"),
        path("docs/", DocsView.as_view(), name="schema-swagger-ui"),
        path("redoc/", RedocView.as_view(), name="schema-redoc"),
    ]
    if utils_settings.API_DOCS
    else []
)
