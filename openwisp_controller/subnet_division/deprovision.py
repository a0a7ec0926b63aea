"""Taking back what was provisioned: when an object goes, when a rule goes, when a device changes its organization."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from openwisp_ipam.models import Subnet

from ..config.compiling import compilation
from ..config.delivery import jobs
from ..config.models import Cause, Config, Device, Job, VpnClient
from ..config.unit_of_work import unit_of_work
from . import rules
from .internal_edits import InternalDeletions
from .models import SubnetDivisionIndex
from .provisioning import recompile, schedule
from .vpn_addresses import clients_of, fall_back

if TYPE_CHECKING:
    from .rule_types.base import BaseSubnetDivisionRuleType

#: Kind of the jobs that take back what a deleted rule provisioned.
JOB = "subnet_division_withdraw"
_ORPHANS = Q(config=None)


class Leaving:
    """The objects that lose, in a unit of work, what rules provisioned for them."""

    def __init__(self) -> None:
        self.origins: dict[str, set[str]] = {}
        """Path of the type of the rules → primary keys of the objects, as text."""


def schedule_objects(rule_type: type[BaseSubnetDivisionRuleType], keys: Iterable[Any]) -> None:
    """Take back, at the end of the unit of work, what rules of a type provisioned for objects.

    Args:
        keys: primary keys of the objects.
    """
    path = rules.path_of(rule_type)
    with unit_of_work() as unit:
        origins = unit.of(Leaving).origins
        origins.setdefault(path, set()).update(str(key) for key in keys)
        unit.follow_up(("subnets of objects", path), lambda: _withdraw_objects(path, origins.pop(path, set())))


def schedule_orphans() -> None:
    """Give back, at the end of the unit of work, the subnets of configurations that are gone."""
    with unit_of_work() as unit:
        unit.follow_up(("subnets of objects", "orphans"), lambda: _delete(SubnetDivisionIndex.objects.filter(_ORPHANS)))


def step(job: Job) -> uuid.UUID | None:
    """Take back what a chunk of configurations has by rules that do not exist any more."""
    rows = SubnetDivisionIndex.objects.filter(rule=None)
    # A client whose subnet was deleted by hand before this job ran has no row any more, and no address either.
    lacking = VpnClient.objects.filter(ip=None, auto_cert=True, vpn__subnet__isnull=False)
    served = rows.filter(config__isnull=False).values("config").union(lacking.values("config"))
    configs = Config.objects.filter(pk__in=served).select_related("device").order_by("pk")
    if job.cursor is not None:
        configs = configs.filter(pk__gt=job.cursor)
    chunk = list(configs[: jobs.CHUNK])
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk for config in chunk])
        _delete(rows.filter(Q(config__in=chunk) | _ORPHANS))
        fall_back(chunk)
        recompile(chunk, "subnet division rule deleted")
    return chunk[-1].pk if len(chunk) == jobs.CHUNK else None


def follow_move(device: Device) -> None:
    """Let a device that moves to another organization leave the rules of the old one for those of the new one."""
    if device.has_config():
        with unit_of_work() as unit:  # after its VPN clients have followed the templates
            unit.follow_up(("subnet division", "move", device.pk), lambda: _move(device))


def _move(device: Device) -> None:
    config: Config = device.config
    foreign = SubnetDivisionIndex.objects.filter(config=config).exclude(rule__organization=device.organization_id)
    _delete(foreign)
    fall_back([config])
    clients = clients_of([config], Q())
    for rule_type in rules.types().values():
        objects: dict[Any, list[Any]] = {Config: [config], VpnClient: clients}
        for instance in objects.get(rule_type.provision_sender, ()):
            if rule_type.should_create_subnets_ips(instance, created=True):
                schedule(rule_type, instance)


def _withdraw_objects(path: str, origins: set[str]) -> None:
    rows = SubnetDivisionIndex.objects.filter(rule__type=path, origin__in=origins)
    with unit_of_work():
        configs = set(rows.filter(config__isnull=False).values_list("config", flat=True))
        if configs:
            compilation.mark_stale(Config.objects.filter(pk__in=configs), Cause.INPUTS, "subnets taken back")
        _delete(rows)


def _delete(rows: QuerySet[SubnetDivisionIndex]) -> None:
    """Delete the subnets of index rows, with all that is in them."""
    subnets = set(rows.filter(subnet__isnull=False).values_list("subnet", flat=True))
    if subnets:
        with unit_of_work() as unit:
            unit.of(InternalDeletions).keys.update(subnets)
            Subnet.objects.filter(pk__in=subnets).delete()
