"""What organizations decide about devices, on the organization's page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from openwisp_users.admin import OrganizationAdmin, UserAdmin
from openwisp_utils.admin import AlwaysHasChangedMixin

from ..models import OrganizationConfigSettings, OrganizationLimits
from ..settings import settings
from .base import ReadableJson


class ConfigSettingsForm(AlwaysHasChangedMixin, forms.ModelForm):
    """Saved with the organization even when nothing was typed, so that devices can enrol."""


class ConfigSettingsInline(ReadableJson, admin.StackedInline):
    model = OrganizationConfigSettings
    form = ConfigSettingsForm
    extra = 1
    max_num = 1

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        enrolment = ["registration_enabled", "shared_secret"] if settings.REGISTRATION_ENABLED else []
        if not self.has_change_permission(request, obj) and "shared_secret" in enrolment:
            enrolment.remove("shared_secret")
        return [*enrolment, "context"]


class LimitsInline(admin.StackedInline):
    model = OrganizationLimits
    fields = ("device_limit",)
    extra = 0
    max_num = 1

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _superusers_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def guarded(page: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(page, request, *args, **kwargs)

    return guarded


for _name in ("recoverlist_view", "recover_view"):  # deleted people of all organizations stand in one list
    setattr(UserAdmin, _name, _superusers_only(getattr(UserAdmin, _name)))
OrganizationAdmin.inlines = [*OrganizationAdmin.inlines, ConfigSettingsInline, LimitsInline]  # type: ignore[list-item]
