"""What the jobs of this app do, one chunk of devices at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from ..assignment import assigning, rules
from ..compiling import compilation, concurrent_edits
from ..compiling.compilation import Compilation
from ..delivery import jobs
from ..devices import lifecycle
from ..models import Cause, Config, Device, DeviceGroup, Job, Template
from ..settings import settings
from ..unit_of_work import unit_of_work
from ..vpn.clients import ClientsToReconcile
from . import dependents


def register() -> None:
    """Register the steps; called once, when the app starts."""
    jobs.steps.register(Job.Kind.GROUP_TEMPLATES, assign_group_templates)
    jobs.steps.register(Job.Kind.AUTOMATIC_TEMPLATE, assign_automatic_template)
    jobs.steps.register(Job.Kind.VPN_TEMPLATE, reconcile_vpn_clients)
    jobs.steps.register(Job.Kind.RECHECK, recheck)


def recheck(job: Job) -> None:
    """Mark configurations that came to an edited object unseen."""
    arguments = job.arguments
    came = dependents.configs_depending_on(arguments["model"], job.subject)
    if came is not None and job.since is not None:
        came = came.filter(concurrent_edits.configs_since(job.since))
        compilation.mark_stale(came, Cause(arguments["cause"]), arguments["detail"])


def assign_group_templates(job: Job) -> uuid.UUID | None:
    """Let devices of a group follow an edit of its list of templates."""
    group = DeviceGroup.objects.filter(pk=job.subject).first()
    if group is None:
        return None
    present = {str(template.pk): template for template in group.templates.all()}
    added = [present[key] for key in job.arguments["added"] if key in present]
    gone = Template.objects.filter(
        pk__in=[key for key in job.arguments["removed"] if key not in present], required=False
    )
    removed = set(gone.values_list("pk", flat=True))
    devices = Device.objects.filter(group=group, _is_deactivated=False).select_related(
        "config", "organization__config_settings"
    )
    if job.phase == Job.Phase.RECHECK and job.since is not None:
        came = Q(pk__in=concurrent_edits.devices_since(job.since))
        devices = devices.filter(came & _lacking(added, removed))
    chunk, cursor = _next(devices, job.cursor)
    configs = []
    for device in chunk:
        device.group = group
        if device.has_config():
            configs.append(device.config)
        elif added and settings.DEFAULT_BACKEND:
            lifecycle.configure_for_group(device)
    assigning.reassign(
        configs,
        lambda config, have: (
            [key for key in have if key not in removed]
            + [template.pk for template in added if template.backend == config.backend]
        ),
        detail=f'group "{group.name}"',
    )
    return cursor


def _lacking(added: Iterable[Template], removed: Iterable[uuid.UUID]) -> Q:
    """Return the condition for devices that did not follow an edit of their group's list."""
    result = Q(config=None) | Q(config__in=Config.objects.filter(templates__in=removed))
    for template in added:
        result |= ~Q(config__in=template.config_relations.all())
    return result


def assign_automatic_template(job: Job) -> uuid.UUID | None:
    """Give a template that became default or required to all devices it suits."""
    template = Template.objects.filter(Q(default=True) | Q(required=True), pk=job.subject).first()
    if template is None:
        return None
    configs = Config.objects.filter(backend=template.backend, device___is_deactivated=False)
    if template.organization_id is not None:
        configs = configs.filter(device__organization_id=template.organization_id)
    chunk, cursor = _next(configs.exclude(templates=template).select_related("device"), job.cursor)
    required: set[uuid.UUID] = set()
    if template.required:
        required = set(Template.objects.filter(required=True).values_list("pk", flat=True))

    def rule(config: Config, present: list[uuid.UUID]) -> list[uuid.UUID]:
        if template.pk in present:
            return present
        if template.required:
            return rules.required_first(present, required, template.pk)
        return [*present, template.pk]

    assigning.reassign(chunk, rule, detail=f'template "{template.name}"')
    return cursor


def reconcile_vpn_clients(job: Job) -> uuid.UUID | None:
    """Let devices follow a template that was given another VPN server, or another kind of provisioning."""
    template = Template.objects.filter(pk=job.subject).first()
    if template is None:
        return None
    configs = Config.objects.filter(templates=template, device___is_deactivated=False).select_related("device")
    chunk, cursor = _next(configs, job.cursor)
    with unit_of_work() as unit:
        for config in chunk:
            unit.of(ClientsToReconcile).add(config.pk)
            unit.of(Compilation).request(config, Cause.TEMPLATE_DEFAULTS, f'template "{template.name}"')
    return cursor


def _next(queryset: Any, cursor: uuid.UUID | None) -> tuple[list[Any], uuid.UUID | None]:
    """Lock the next rows; return them and where to go on, None when they are the last ones.

    They are read again once they are locked, with what they refer to: some may have been edited while we waited, such
    that the job does not concern them any more.
    """
    following = queryset if cursor is None else queryset.filter(pk__gt=cursor)
    locked = following.select_related(None).only("pk").order_by("pk").select_for_update(of=("self",), no_key=True)
    keys = [row.pk for row in locked[: jobs.CHUNK]]
    rows = list(queryset.filter(pk__in=keys).order_by("pk")) if keys else []
    return rows, keys[-1] if len(keys) == jobs.CHUNK else None
