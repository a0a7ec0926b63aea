"""What the administration pages have in common."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from openwisp_users.multitenancy import MultitenantAdminMixin
from reversion.admin import VersionAdmin

from ..batch import batch


class ControllerAdmin(MultitenantAdminMixin, VersionAdmin):
    """A page limited to the organizations a person manages; what it saves is one change, evaluated once."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with batch():
            return super().changeform_view(request, *args, **kwargs)
