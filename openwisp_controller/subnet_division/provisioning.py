"""Giving objects what rules say they have: many at once, atomically, and nothing twice.

It runs in the unit of work of the change that makes an object need something, before the configuration is compiled.
Locks are taken in this order: configurations, master subnets, rules; each by primary key.
"""

from __future__ import annotations

import inspect
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from openwisp_ipam.models import IpAddress, Subnet

from ..common.wakeup import wake
from ..config.compiling import compilation
from ..config.delivery import jobs
from ..config.models import Cause, Config
from ..config.policy.evaluation import send_now
from ..config.unit_of_work import unit_of_work
from ..config.vpn import addresses
from .allocator import Allocator
from .models import SubnetDivisionRule

if TYPE_CHECKING:
    from .rule_types.base import BaseSubnetDivisionRuleType

logger = logging.getLogger(__name__)
#: Kind of the jobs that provision what existed before a rule, or lacks something.
JOB = "subnet_division_provision"
Type = type["BaseSubnetDivisionRuleType"]
ProvisioningRequest = tuple[Any, SubnetDivisionRule | None]


class _Waiting:
    """What is provisioned at the end of a unit of work, by type of the rules."""

    def __init__(self) -> None:
        self.requests: dict[Type, list[ProvisioningRequest]] = {}


class Provisioned(TypedDict):
    """What an object got by one rule: saved objects, in order, addresses grouped by subnet."""

    subnets: list[Subnet]
    ip_addresses: list[IpAddress]


def schedule(rule_type: Type, instance: Any, rule: SubnetDivisionRule | None = None) -> None:
    """Provision an object at the end of the current unit of work, before its configuration is compiled.

    Args:
        rule_type: the type whose rules apply.
        instance: what gets something.
        rule: only this rule.
    """
    with unit_of_work() as unit:
        waiting = unit.of(_Waiting).requests
        waiting.setdefault(rule_type, []).append((instance, rule))
        unit.follow_up(("subnet division", rule_type), lambda: _provision_robustly(rule_type, waiting.pop(rule_type)))


def _provision_robustly(rule_type: Type, requests: Sequence[ProvisioningRequest]) -> None:
    provision(rule_type, requests, robust=True)


def provision(
    rule_type: Type, requests: Sequence[ProvisioningRequest], *, robust: bool = False
) -> dict[tuple[uuid.UUID, str], Provisioned]:
    """Provision objects now, in the current unit of work; return what is new by rule and object.

    Args:
        rule_type: the type whose rules apply.
        requests: objects, each with the rule that is to be applied, or None for all that match.
        robust: a rule that fails is logged and tried again in the background, instead of undoing the change.
    """
    wanted: dict[uuid.UUID, dict[str, Any]] = {}
    matching: dict[uuid.UUID, SubnetDivisionRule] = {}
    for instance, only in requests:
        for rule in [only] if only is not None else _rules_of(rule_type, instance, robust):
            matching[rule.pk] = rule
            wanted.setdefault(rule.pk, {})[str(instance.pk)] = instance
    result: dict[tuple[uuid.UUID, str], Provisioned] = {}
    if not wanted:
        return result
    with unit_of_work():
        configs = _stored(rule_type, [instance for objects in wanted.values() for instance in objects.values()])
        rules = lock_rules(matching.values())
        for key in wanted:
            if key not in rules:
                continue
            objects = {origin: one for origin, one in wanted[key].items() if origin in configs}
            try:
                with transaction.atomic():
                    found = _provision(rule_type, rules[key], objects, configs)
            except Exception:  # one rule must not keep devices from enrolling
                if not robust:
                    raise
                logger.exception("Provisioning by rule %s failed, it is tried again later", key)
                jobs.enqueue(JOB, key)
                continue
            result.update({(key, origin): provisioned for origin, provisioned in found.items()})
    return result


def _rules_of(rule_type: Type, instance: Any, robust: bool) -> Iterable[SubnetDivisionRule]:
    """Return the rules that apply to an object; one that is restored before its device is looked at after it."""
    try:
        return rule_type.get_subnet_division_rules(instance)
    except ObjectDoesNotExist:
        if not robust:
            raise
        for key in SubnetDivisionRule.objects.values_list("pk", flat=True):
            jobs.enqueue(JOB, key)
        return ()


def lock_rules(candidates: Iterable[SubnetDivisionRule]) -> dict[uuid.UUID, SubnetDivisionRule]:
    """Lock rules, after their master subnets, until the end of the transaction; return those that still exist."""
    candidates = list(candidates)
    masters = sorted({rule.master_subnet_id for rule in candidates})
    addresses.lock(masters)
    rows = SubnetDivisionRule.objects.filter(pk__in=[rule.pk for rule in candidates]).order_by("pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(no_key=True)
    rules = list(rows)
    subnets = Subnet.objects.select_related("master_subnet").in_bulk(masters)
    for rule in rules:
        rule.master_subnet = subnets[rule.master_subnet_id]
    return {rule.pk: rule for rule in rules}


def announce(instance: Any, provisioned: Provisioned | None, *, robust: bool = False) -> None:
    """Send ``subnet_provisioned``.

    Args:
        instance: what got something.
        provisioned: what it got, None = nothing.
        robust: a receiver that raises is logged and does not stop the others.
    """
    send_now(instance, "subnets provisioned", robust=robust, provisioned=_or_none(provisioned))


def _or_none(provisioned: Provisioned | None) -> Provisioned | None:
    """Return what was provisioned, None where that is nothing."""
    return provisioned if provisioned and any(provisioned.values()) else None


def _stored(rule_type: Type, instances: Sequence[Any]) -> dict[str, Config]:
    """Lock the configurations of objects and return them by object, leaving out what is not stored any more."""
    configs: dict[str, Config] = {}
    for instance in instances:
        try:
            configs[str(instance.pk)] = rule_type.get_config(instance)
        except ObjectDoesNotExist:
            logger.info("%r has no stored configuration, nothing is provisioned for it", instance)
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk for config in configs.values()])
    model = type(instances[0])
    keys = [instance.pk for instance in instances]
    alive = {str(key) for key in model._base_manager.filter(pk__in=keys).values_list("pk", flat=True)}
    if model is not Config:
        existing = set(Config.objects.filter(pk__in=[c.pk for c in configs.values()]).values_list("pk", flat=True))
        configs = {origin: config for origin, config in configs.items() if config.pk in existing}
    return {origin: config for origin, config in configs.items() if origin in alive}


def _provision(
    rule_type: Type, rule: SubnetDivisionRule, objects: dict[str, Any], configs: dict[str, Config]
) -> dict[str, Provisioned]:
    allocator = Allocator(rule, {origin: configs[origin].pk for origin in objects})
    allocator.run()
    changed = [origin for origin in objects if allocator.subnets[origin] or allocator.ips[origin]]
    result = {
        origin: Provisioned(subnets=allocator.subnets[origin], ip_addresses=allocator.ips[origin]) for origin in changed
    }
    empty = [origin for origin in allocator.lacking if origin not in result]
    result.update({origin: Provisioned(subnets=[], ip_addresses=[]) for origin in empty})
    rule_type.after_provisioning([(objects[origin], result[origin]) for origin in changed])
    recompile([configs[origin] for origin in changed], f'subnet division rule "{rule.label}"')
    if allocator.lacking:
        _report_exhaustion(rule, configs[allocator.lacking[0]])
    for origin in result:
        if allocator.subnets[origin] or origin in allocator.lacking:
            _announce_later(rule_type, objects[origin], result[origin])
    return result


def recompile(configs: Iterable[Config], detail: str) -> None:
    """Compile configurations whose variables changed at the end of the unit of work, but not of deactivated devices."""
    with unit_of_work():
        for config in configs:
            if not config.device.is_deactivated():
                compilation.request(config, Cause.INPUTS, detail)


def _announce_later(rule_type: Type, instance: Any, provisioned: Provisioned) -> None:
    """Announce after the commit; in the background a receiver that raises does not stop the others."""
    with unit_of_work() as unit:
        robust = unit.background

    emit = rule_type.subnet_provisioned_signal_emitter
    # types written for the two arguments of the field's interface need not know the third one
    told = {"robust": robust} if "robust" in inspect.signature(emit).parameters else {}
    transaction.on_commit(lambda: emit(instance, _or_none(provisioned), **told), robust=robust)


def _report_exhaustion(rule: SubnetDivisionRule, config: Config) -> None:
    logger.info("Cannot create more subnets of %s", rule.master_subnet)
    wake("subnet_division.notify_exhausted", str(config.pk), str(rule.master_subnet_id))
