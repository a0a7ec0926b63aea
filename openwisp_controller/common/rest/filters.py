"""Filters of lists."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from openwisp_users.models import Organization
from rest_framework.filters import OrderingFilter, SearchFilter

from ..tenancy import managed_objects


class _StrictBooleanField(forms.TypedChoiceField):
    """``true`` or ``false``, in whatever case; anything else is an error."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.lower() if isinstance(value, str) else value)


class BooleanFilter(filters.TypedChoiceFilter):
    """A filter that says so when it is given something else than ``true`` or ``false``."""

    field_class = _StrictBooleanField

    def __init__(self, *args: Any, **options: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(*args, choices=choices, coerce=lambda value: value == "true", **options)


class ManagedFilter(filters.ModelChoiceFilter):
    """Finds what belongs to an object of the organizations that a person manages.

    Args:
        objects: the query set of those that can be chosen at all.
        shared: whether shared ones can be chosen, too.
    """

    def __init__(self, objects: QuerySet[Any], *, shared: bool = False, **options: Any) -> None:
        def visible(request: Any) -> QuerySet[Any]:
            if request is None or request.user.is_superuser:
                return objects.all()
            if request.user.is_anonymous:
                return objects.none()
            if objects.model is Organization:
                return objects.filter(pk__in=request.user.organizations_managed)
            return managed_objects(request.user, objects, shared=shared)

        super().__init__(queryset=visible, **options)


class OrganizationFilterSet(filters.FilterSet):
    """By organization, by key or slug."""

    organization = ManagedFilter(Organization.objects.all())
    organization_slug = filters.CharFilter(field_name="organization__slug")


class CreatedFilterSet(OrganizationFilterSet):
    """By organization, and by the moment of creation."""

    created = filters.IsoDateTimeFilter(field_name="created")
    created__gte = filters.IsoDateTimeFilter(field_name="created", lookup_expr="gte")
    created__lt = filters.IsoDateTimeFilter(field_name="created", lookup_expr="lt")


class Ordering(OrderingFilter):
    """Orders by what a view names in ``ordering_fields``; among equals by primary key, so that pages do not overlap."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering, "pk") if ordering else queryset


FILTERS = (filters.DjangoFilterBackend, SearchFilter, Ordering)
"""Of our lists."""
