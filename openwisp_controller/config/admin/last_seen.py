"""Finding devices that were not seen for some time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ...common.moments import moment
from ..models import Device

NEVER = "never"
#: Value in the address → for how long, how that is called.
PERIODS = {
    "10m": (timedelta(minutes=10), _("10 minutes")),
    "1h": (timedelta(hours=1), _("1 hour")),
    "1d": (timedelta(days=1), _("1 day")),
    "7d": (timedelta(days=7), _("7 days")),
}


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
