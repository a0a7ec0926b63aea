"""Which rules there are, and of which types."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from ..common.prepared import Parameter, Prepared
from ..config.models import VpnClient
from ..config.unit_of_work import unit_of_work
from .models import SubnetDivisionRule
from .settings import settings

if TYPE_CHECKING:
    from .rule_types.base import BaseSubnetDivisionRuleType


class KnownRules:
    """Which rules there are, as a unit of work has looked them up (``unit.of(KnownRules)``)."""

    def __init__(self) -> None:
        self.by_type: dict[Any, list[SubnetDivisionRule]] = {}
        self.dividing: dict[uuid.UUID, set[uuid.UUID]] = {}
        """Key of a subnet → organizations whose VPN clients get their addresses by a rule on it."""

    def forget(self) -> None:
        """Look them up again."""
        self.by_type.clear()
        self.dividing.clear()


def types() -> dict[str, type[BaseSubnetDivisionRuleType]]:
    """Return the configured rule types by path."""
    try:
        return {path: import_string(path) for path, _label in settings.SUBNET_DIVISION_TYPES}
    except ImportError as error:
        raise ImproperlyConfigured(f"OPENWISP_CONTROLLER_SUBNET_DIVISION_TYPES cannot be imported: {error}") from error


def path_of(rule_type: type[BaseSubnetDivisionRuleType]) -> str:
    """Return the path under which a type is configured."""
    found = (path for path, configured in types().items() if configured is rule_type)
    return next(found, f"{rule_type.__module__}.{rule_type.__qualname__}")


def of_type(rule_type: type[BaseSubnetDivisionRuleType], **which: Any) -> list[SubnetDivisionRule]:
    """Return rules of a type, oldest first; asks the database once in a unit of work.

    Args:
        rule_type: the type.
        which: values of fields that the rules have.
    """
    with unit_of_work() as unit:
        known = unit.of(KnownRules).by_type
        key = (rule_type, *sorted(which.items()))
        if key not in known:
            known[key] = _where("type", *which)(type=path_of(rule_type), **which)
        return known[key]


@cache
def _where(*names: str) -> Prepared[SubnetDivisionRule]:
    """Return the query for rules by the values of some of their fields."""
    rows = SubnetDivisionRule.objects.order_by("created", "pk")
    return Prepared(lambda: rows.filter(**{name: Parameter(name, SubnetDivisionRule, name) for name in names}))


def organizations_dividing_for_clients(subnet_id: uuid.UUID | None) -> Collection[uuid.UUID]:
    """Return the organizations whose VPN clients get their addresses by a rule on this subnet."""
    if subnet_id is None:
        return ()
    with unit_of_work() as unit:
        known = unit.of(KnownRules).dividing
        if subnet_id not in known:
            known[subnet_id] = set(for_clients(subnet_id).values_list("organization", flat=True))
        return known[subnet_id]


def for_clients(subnet_id: uuid.UUID) -> QuerySet[SubnetDivisionRule]:
    """Return the rules by which VPN clients get addresses of this subnet."""
    paths = [path for path, each in types().items() if each.provision_sender is VpnClient]
    return SubnetDivisionRule.objects.filter(type__in=paths, master_subnet=subnet_id)
