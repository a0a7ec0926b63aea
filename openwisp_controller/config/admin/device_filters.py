"""Filters of the list of devices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantRelatedOrgFilter

from ...common.moments import moment
from ..models import Config, Device

NEVER = "never"
#: Value in the address → for how long, how that is called.
PERIODS = {
    "10m": (timedelta(minutes=10), _("10 minutes")),
    "1h": (timedelta(hours=1), _("1 hour")),
    "1d": (timedelta(days=1), _("1 day")),
    "7d": (timedelta(days=7), _("7 days")),
}


class ManagedFilter(MultitenantRelatedOrgFilter):
    """Offers objects of the organizations that a person manages."""

    def __init__(self, request: HttpRequest, params: Any, *args: Any) -> None:
        self.user: Any = request.user
        super().__init__(request, params, *args)

    def get_queryset_for_field(self, model: Any, name: str) -> Any:
        """The one that is chosen is shown by name, even when it was chosen by typing its address."""
        objects = super().get_queryset_for_field(model, name)
        managed = objects.filter(organization__in=self.user.organizations_managed)
        return objects if self.user.is_superuser else managed


class GroupFilter(ManagedFilter):
    """Finds the devices of a group."""

    field_name = "group"
    parameter_name = "group_id"
    title = _("group")


class TemplateFilter(ManagedFilter):
    """Finds the devices that have a template."""

    field_name = "templates"
    parameter_name = "config__templates"
    rel_model = Config
    title = _("template")


class NotSeenFilter(admin.SimpleListFilter):
    """Finds devices that were not seen for so long; those that never were are among them."""

    title = _("not seen for")
    parameter_name = "not_seen_for"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*((value, name) for value, (_period, name) in PERIODS.items()), (NEVER, _("never seen"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        value = self.value()
        if value == NEVER:
            return queryset.filter(sighting=None)
        if value in PERIODS:
            return queryset.filter(Q(sighting=None) | Q(sighting__at__lt=moment() - PERIODS[value][0]))
        return queryset
