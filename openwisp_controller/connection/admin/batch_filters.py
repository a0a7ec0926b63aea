"""Filters of the list of mass commands, and what a person may choose from for one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ...common.tenant_pages import visible_objects
from .. import locations
from ..models import BatchCommand


def choosable(request: HttpRequest, model: type[Model], site: admin.AdminSite) -> QuerySet[Any]:
    """Return the objects of a model that a person may choose: of the organizations that he or she manages.

    Args:
        request: of the person.
        model: devices or locations.
        site: the administration.
    """
    found = visible_objects(request, model, site, shared=False)
    return model._default_manager.all() if found is None else found


class LocationFilter(admin.SimpleListFilter):
    """Finds the mass commands for devices at a location; there have to be maps.

    Offers the locations that mass commands were sent to, of the organizations that a person manages.
    """

    title = _("location")
    parameter_name = "location"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        model = locations.model()
        if model is None:
            return []
        places = choosable(request, model, model_admin.admin_site)
        used = BatchCommand.objects.exclude(location=None).values("location")
        return [(str(place.pk), str(place)) for place in places.filter(pk__in=used).order_by("name")]

    def has_output(self) -> bool:
        """A location without mass commands finds none, also where nothing is offered."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[BatchCommand]) -> QuerySet[BatchCommand]:
        value = self.value()
        if not value:
            return queryset
        offered = {key for key, _name in self.lookup_choices}
        return queryset.filter(location=value) if value in offered else queryset.none()
