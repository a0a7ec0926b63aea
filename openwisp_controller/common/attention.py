"""What a person may have to look at, counted on the first page of the administration and linked to the list of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.urls import reverse

from .registry import Registry


@dataclass(frozen=True)
class Concern:
    """Something that may need attention.

    Args:
        label: what is counted, in words for people.
        kind: "bad", "waiting" or "idle"; it decides the colour.
        rows: returns the objects it is about, of all organizations.
        filters: returns the parameters with which the list of the model shows just these.
    """

    label: Any
    kind: str
    rows: Callable[[], QuerySet[Any]]
    filters: Callable[[], dict[str, str]]


@dataclass(frozen=True)
class Found:
    """How many objects somebody may have to look at, and where."""

    label: Any
    kind: str
    count: int
    link: str


_URGENCY = ("bad", "waiting", "idle")
#: What apps count, by name.
concerns: Registry[Concern] = Registry("concern")


def found(user: Any) -> list[Found]:
    """Return what a person may see and has to look at; concerns about nothing are left out. One statement for each."""
    result: list[Found] = []
    for _name, concern in concerns.items():
        rows = concern.rows()
        model = rows.model
        if not user.has_perm(f"{model._meta.app_label}.{get_permission_codename('view', model._meta)}"):
            continue
        count = _managed(user, rows).count()
        if count:
            result.append(Found(concern.label, concern.kind, count, _list_of(model, concern.filters())))
    return sorted(result, key=lambda each: _URGENCY.index(each.kind))


def _managed(user: Any, rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows if user.is_superuser else rows.filter(organization__in=user.organizations_managed)


def _list_of(model: type[Model], filters: dict[str, str]) -> str:
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode(filters)}"
