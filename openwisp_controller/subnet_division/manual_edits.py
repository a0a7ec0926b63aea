"""People deleted what a rule had generated: devices are compiled without it and get it anew."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet
from openwisp_ipam.models import Subnet

from ..common.handover import Handover
from ..config.compiling import compilation
from ..config.delivery import jobs
from ..config.models import Cause, Config
from ..config.unit_of_work import UnitOfWork, current_unit, unit_of_work
from .deprovision import Leaving
from .internal_edits import InternalDeletions
from .models import SubnetDivisionIndex
from .provisioning import JOB

#: Querysets whose deletion was looked at as a whole.
_seen: Handover[bool] = Handover()


def before_deletion(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of subnets and addresses; looks once at all that is deleted together."""
    keys = _deleted(sender, instance, origin)
    unit = current_unit()
    if unit is not None:
        internal = unit.of(InternalDeletions).keys
        keys = [key for key in keys if key not in internal]
    if not keys:
        return
    which = Q(subnet__in=_with_descendants(keys)) if sender is Subnet else Q(ip__in=keys)
    with unit_of_work() as unit:
        _provision_again(unit, which)


def _provision_again(unit: UnitOfWork, which: Q) -> None:
    rows = SubnetDivisionIndex.objects.filter(which, config__isnull=False)
    for path, origins in unit.of(Leaving).origins.items():
        rows = rows.exclude(rule__type=path, origin__in=origins)
    affected = list(rows.values_list("rule", "config").distinct())
    if affected:
        configs = Config.objects.filter(pk__in={config for _rule, config in affected})
        compilation.mark_stale(configs, Cause.INPUTS, "generated subnet or address deleted")
        for rule in {rule for rule, _config in affected if rule is not None}:
            jobs.enqueue(JOB, rule)


def _deleted(sender: type[Model], instance: Any, origin: Any) -> list[Any]:
    """Return the keys of what is deleted itself, not along with something else; empty when they were told already."""
    if isinstance(origin, sender):
        return [instance.pk] if origin.pk == instance.pk else []
    if isinstance(origin, QuerySet) and origin.model is sender and origin not in _seen:
        _seen.put(origin, True)
        return list(origin.order_by().values_list("pk", flat=True))
    return []


def _with_descendants(keys: list[Any]) -> list[Any]:
    result = list(keys)
    while keys:
        keys = list(Subnet.objects.filter(master_subnet__in=keys).values_list("pk", flat=True))
        result += keys
    return result
