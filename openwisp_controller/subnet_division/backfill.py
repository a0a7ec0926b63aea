"""Provisioning what existed before a rule, or lacks something, in chunks."""

from __future__ import annotations

import logging
import uuid

from ..config.compiling import concurrent_edits
from ..config.delivery import jobs
from ..config.models import Config, Job
from ..config.unit_of_work import unit_of_work
from .allocator import Allocator
from .models import SubnetDivisionIndex, SubnetDivisionRule
from .provisioning import lock_rules, provision, recompile

logger = logging.getLogger(__name__)


def step(job: Job) -> uuid.UUID | None:
    """Bring a chunk of configurations up to what a rule says."""
    rule = SubnetDivisionRule.objects.filter(pk=job.subject).first()
    if rule is None:
        logger.warning("Failed to provision IPs on existing devices for rule %s: it does not exist", job.subject)
        return None
    configs = rule.rule_class.existing_configs(rule)
    if configs is None:
        rule.rule_class.provision_for_existing_objects(rule)
        _complete(rule)
        return None
    if job.phase == Job.Phase.RECHECK and job.since is not None:
        configs = configs.filter(concurrent_edits.configs_since(job.since))
    if job.cursor is not None:
        configs = configs.filter(pk__gt=job.cursor)
    chunk = list(configs.select_related("device").order_by("pk")[: jobs.CHUNK])
    with unit_of_work() as unit:
        unit.lock(Config, [config.pk for config in chunk])
        objects = rule.rule_class.existing_objects(rule, chunk)
        provision(rule.rule_class, [(instance, rule) for instance in objects])
    return chunk[-1].pk if len(chunk) == jobs.CHUNK else None


def _complete(rule: SubnetDivisionRule) -> None:
    """Complete what objects of a custom type have by a rule: more addresses, or those deleted by hand."""
    rows = SubnetDivisionIndex.objects.filter(rule=rule, config__isnull=False)
    owners = dict(rows.values_list("origin", "config"))
    with unit_of_work() as unit:
        unit.lock(Config, owners.values())
        rules = lock_rules([rule])
        if rule.pk in rules:
            allocator = Allocator(rules[rule.pk], owners)
            allocator.run()
            changed = {owners[origin] for origin in owners if allocator.ips[origin]}
            configs = Config.objects.filter(pk__in=changed).select_related("device")
            recompile(configs, f'subnet division rule "{rule.label}"')
