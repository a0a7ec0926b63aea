"""Taking back what was provisioned: when an object goes, when a rule goes, when a device changes its organization."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from openwisp_ipam.models import Subnet

from ..config.delivery import jobs
from ..config.models import Cause, Config, Device, Job, VpnClient
from ..config.unit_of_work import batch
from . import internal_edits
from .models import SubnetDivisionIndex

if TYPE_CHECKING:
    from .rule_types.base import BaseSubnetDivisionRuleType

#: Kind of the jobs that take back what a deleted rule provisioned.
JOB = "subnet_division_withdraw"
#: Under what a batch remembers the objects that lose what they have.
LEAVING = "subnet division: leaving"
_ORPHANS = Q(config=None)


def schedule_objects(rule_type: type[BaseSubnetDivisionRuleType], keys: Iterable[Any]) -> None:
    """Take back, at the end of the batch, what rules of a type provisioned for objects.

    Args:
        keys: primary keys of the objects.
    """
    from .rules import path_of

    path = path_of(rule_type)
    with batch() as current:
        leaving = current.memory.setdefault(LEAVING, {})
        leaving.setdefault(path, set()).update(str(key) for key in keys)
        current.follow_up((LEAVING, path), lambda: _withdraw_objects(path, leaving.pop(path, set())))


def schedule_orphans() -> None:
    """Give back, at the end of the batch, the subnets of configurations that are gone."""
    with batch() as current:
        current.follow_up((LEAVING, "orphans"), lambda: _delete(SubnetDivisionIndex.objects.filter(_ORPHANS)))


def step(job: Job) -> uuid.UUID | None:
    """Take back what a chunk of configurations has by rules that do not exist any more."""
    from .provisioning import recompile
    from .vpn_addresses import fall_back

    rows = SubnetDivisionIndex.objects.filter(rule=None)
    # A client whose subnet was deleted by hand before this job ran has no row any more, and no address either.
    lacking = VpnClient.objects.filter(ip=None, auto_cert=True, vpn__subnet__isnull=False)
    served = rows.filter(config__isnull=False).values("config").union(lacking.values("config"))
    configs = Config.objects.filter(pk__in=served).select_related("device").order_by("pk")
    if job.cursor is not None:
        configs = configs.filter(pk__gt=job.cursor)
    chunk = list(configs[: jobs.CHUNK])
    with batch() as current:
        current.lock(config.pk for config in chunk)
        _delete(rows.filter(Q(config__in=chunk) | _ORPHANS))
        fall_back(chunk)
        recompile(chunk, "subnet division rule deleted")
    return chunk[-1].pk if len(chunk) == jobs.CHUNK else None


def follow_move(device: Device) -> None:
    """Let a device that moves to another organization leave the rules of the old one for those of the new one."""
    if device._has_config():
        with batch() as current:  # after its VPN clients have followed the templates
            current.follow_up(("subnet division", "move", device.pk), lambda: _move(device))


def _move(device: Device) -> None:
    from .provisioning import schedule
    from .rules import types
    from .vpn_addresses import clients_of, fall_back

    config: Config = device.config
    foreign = SubnetDivisionIndex.objects.filter(config=config).exclude(rule__organization=device.organization_id)
    _delete(foreign)
    fall_back([config])
    clients = clients_of([config], Q())
    for rule_type in types().values():
        objects: dict[Any, list[Any]] = {Config: [config], VpnClient: clients}
        for instance in objects.get(rule_type.provision_sender, ()):
            if rule_type.should_create_subnets_ips(instance, created=True):
                schedule(rule_type, instance)


def _withdraw_objects(path: str, origins: set[str]) -> None:
    rows = SubnetDivisionIndex.objects.filter(rule__type=path, origin__in=origins)
    with batch() as current:
        configs = set(rows.filter(config__isnull=False).values_list("config", flat=True))
        if configs:
            current.stale(Config.objects.filter(pk__in=configs), Cause.INPUTS, "subnets taken back")
        _delete(rows)


def _delete(rows: QuerySet[SubnetDivisionIndex]) -> None:
    """Delete the subnets of index rows, with all that is in them."""
    subnets = set(rows.filter(subnet__isnull=False).values_list("subnet", flat=True))
    if subnets:
        with internal_edits.off():
            Subnet.objects.filter(pk__in=subnets).delete()
