"""A rule got another label: variables and subnets are renamed."""

from __future__ import annotations

import uuid

from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat
from openwisp_ipam.models import Subnet

from ..config.delivery import jobs
from ..config.models import Config, Job
from ..config.unit_of_work import unit_of_work
from .models import SubnetDivisionIndex, SubnetDivisionRule
from .provisioning import recompile

JOB = "subnet_division_relabel"


def step(job: Job) -> uuid.UUID | None:
    """Rename what a chunk of configurations has by a rule, and compile them."""
    rule = SubnetDivisionRule.objects.filter(pk=job.subject).first()
    if rule is None:
        return None
    outdated = SubnetDivisionIndex.objects.filter(rule=rule, config__isnull=False, ip_number=None)
    outdated = outdated.exclude(keyword=_keyword(rule))
    configs = Config.objects.filter(pk__in=outdated.values("config")).select_related("device").order_by("pk")
    chunk = list(configs[: jobs.CHUNK])
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk for config in chunk])
        _rename(rule, [config.pk for config in chunk])
        recompile(chunk, f'subnet division rule "{rule.label}"')
    return chunk[-1].pk if len(chunk) == jobs.CHUNK else None


def _rename(rule: SubnetDivisionRule, configs: list[uuid.UUID]) -> None:
    rows = SubnetDivisionIndex.objects.filter(rule=rule, config__in=configs)
    base = _keyword(rule)
    rows.filter(ip_number=None).update(keyword=base)
    rows.filter(ip_number__isnull=False).update(keyword=Concat(base, Value("_ip"), Cast(F("ip_number"), CharField())))
    own = SubnetDivisionIndex.objects.filter(subnet=OuterRef("pk"), ip=None, rule=rule)
    Subnet.objects.filter(pk__in=rows.filter(ip=None).values("subnet")).update(
        name=Subquery(own.values("keyword")[:1]), description=f"Automatically generated using {rule.label} rule."
    )


def _keyword(rule: SubnetDivisionRule) -> Concat:
    return Concat(Value(f"{rule.label}_subnet"), Cast(F("subnet_number"), CharField()))
