"""Rules: looking them up, and what follows when they are saved or deleted."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from ..common.prepared import Parameter, Prepared
from ..config.delivery import jobs
from ..config.models import Vpn, VpnClient
from ..config.unit_of_work import batch
from . import deprovision, rename
from .models import SubnetDivisionIndex, SubnetDivisionRule
from .provisioning import JOB as PROVISION
from .settings import settings

if TYPE_CHECKING:
    from .rule_types.base import BaseSubnetDivisionRuleType

#: Under what a batch remembers which rules there are.
MEMORY = "subnet division: rules"


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
    """Return rules of a type, oldest first; asks the database once in a batch.

    Args:
        rule_type: the type.
        which: values of fields that the rules have.
    """
    with batch() as current:
        memory = current.memory.setdefault(MEMORY, {})
        key = (rule_type, *sorted(which.items()))
        if key not in memory:
            memory[key] = _where("type", *which)(type=path_of(rule_type), **which)
        found: list[SubnetDivisionRule] = memory[key]
        return found


@cache
def _where(*names: str) -> Prepared[SubnetDivisionRule]:
    """Return the query for rules by the values of some of their fields."""
    rows = SubnetDivisionRule.objects.order_by("created", "pk")
    return Prepared(lambda: rows.filter(**{name: Parameter(name, SubnetDivisionRule, name) for name in names}))


def organizations_dividing_for_clients(subnet_id: uuid.UUID | None) -> Collection[uuid.UUID]:
    """Return the organizations whose VPN clients get their addresses by a rule on this subnet."""
    if subnet_id is None:
        return ()
    with batch() as current:
        memory = current.memory.setdefault(MEMORY, {})
        if subnet_id not in memory:
            memory[subnet_id] = set(_for_clients(subnet_id).values_list("organization", flat=True))
        found: Collection[uuid.UUID] = memory[subnet_id]
        return found


def on_server_modified(instance: Vpn, **kwargs: Any) -> None:
    """Receive ``vpn_server_modified``: clients that had no subnet to get an address of get one by its rules."""
    if instance.subnet_id is not None and instance.vpnclient_set.filter(ip=None).exists():
        with transaction.atomic():
            for key in _for_clients(instance.subnet_id).values_list("pk", flat=True):
                jobs.enqueue(PROVISION, key)


def _for_clients(subnet_id: uuid.UUID) -> QuerySet[SubnetDivisionRule]:
    paths = [path for path, each in types().items() if each.provision_sender is VpnClient]
    return SubnetDivisionRule.objects.filter(type__in=paths, master_subnet=subnet_id)


def saved(rule: SubnetDivisionRule, before: dict[str, Any]) -> None:
    """Let devices follow a rule that was saved, in the background.

    Args:
        before: what was stored; empty when the rule is new.
    """
    _forget()
    if not before:
        jobs.hand_out(PROVISION, rule.pk)
        return
    if rule.label != before["label"]:
        jobs.hand_out(rename.JOB, rule.pk)
    if rule.number_of_ips > before["number_of_ips"]:
        jobs.hand_out(PROVISION, rule.pk)


def provision_all() -> int:
    """Let all objects get what they lack by any rule, in the background; return the number of rules."""
    with transaction.atomic():
        keys = list(SubnetDivisionRule.objects.values_list("pk", flat=True))
        for key in keys:
            jobs.enqueue(PROVISION, key)
    return len(keys)


def before_deletion(instance: SubnetDivisionRule, **kwargs: Any) -> None:
    """Receive ``pre_delete``: what was generated is given back in the background.

    Whoever is provisioning by the rule holds a lock on it, so nothing comes after the look at its rows.
    """
    _forget()
    with transaction.atomic():
        if connection.features.has_select_for_update:
            list(SubnetDivisionRule.objects.filter(pk=instance.pk).select_for_update().values_list("pk"))
        SubnetDivisionIndex.objects.filter(rule=instance).update(rule=None)
        jobs.enqueue(deprovision.JOB, instance.pk)


def _forget() -> None:
    with batch() as current:
        current.memory.pop(MEMORY, None)
