"""People deleted what a rule had generated: devices are compiled without it and get it anew."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet
from openwisp_ipam.models import Subnet

from ..config.delivery import jobs
from ..config.models import Cause, Config
from ..config.unit_of_work import batch
from . import deprovision, internal_edits
from .models import SubnetDivisionIndex
from .provisioning import JOB

_SEEN = "_subnet_division_seen"


def before_deletion(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of subnets and addresses; looks once at all that is deleted together."""
    if not internal_edits.on():
        return
    keys = _deleted(sender, instance, origin)
    if not keys:
        return
    which = Q(subnet__in=_with_descendants(keys)) if sender is Subnet else Q(ip__in=keys)
    with batch() as current:
        rows = SubnetDivisionIndex.objects.filter(which, config__isnull=False)
        for path, origins in current.memory.get(deprovision.LEAVING, {}).items():
            rows = rows.exclude(rule__type=path, origin__in=origins)
        affected = list(rows.values_list("rule", "config").distinct())
        if affected:
            configs = Config.objects.filter(pk__in={config for _rule, config in affected})
            current.stale(configs, Cause.INPUTS, "generated subnet or address deleted")
            for rule in {rule for rule, _config in affected if rule is not None}:
                jobs.enqueue(JOB, rule)


def _deleted(sender: type[Model], instance: Any, origin: Any) -> list[Any]:
    """Return the keys of what is deleted itself, not along with something else; empty when they were told already."""
    if isinstance(origin, sender):
        return [instance.pk] if origin.pk == instance.pk else []
    if isinstance(origin, QuerySet) and origin.model is sender and not origin.__dict__.get(_SEEN):
        origin.__dict__[_SEEN] = True
        return list(origin.order_by().values_list("pk", flat=True))
    return []


def _with_descendants(keys: list[Any]) -> list[Any]:
    result = list(keys)
    while keys:
        keys = list(Subnet.objects.filter(master_subnet__in=keys).values_list("pk", flat=True))
        result += keys
    return result
