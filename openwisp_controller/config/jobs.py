"""Work over many devices, in chunks, each of which is committed together with how far the job has come."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from . import assignment, lifecycle
from .authorship import author_id
from .batch import batch
from .models import Cause, Config, Device, DeviceGroup, Job, Template
from .settings import settings
from .wakeup import wake

logger = logging.getLogger(__name__)
CHUNK = 200


def enqueue(kind: Job.Kind, subject: uuid.UUID, **arguments: Any) -> None:
    """Write down a job in the current transaction and wake a worker after its commit."""
    author = author_id()
    Job.objects.create(kind=kind, subject=subject, arguments={**arguments, "author": str(author) if author else None})
    wake("run_jobs")


def run_chunk(failed: set[int] | None = None) -> bool:
    """Do one chunk of the oldest job that no other worker holds; return False when there is none.

    Jobs about the same group or template run in the order in which they were written.

    Args:
        failed: keys of jobs to leave out; a job that fails is logged, added, and waits for the reconciler.
    """
    failed = set() if failed is None else failed
    earlier = Job.objects.filter(subject=OuterRef("subject"), pk__lt=OuterRef("pk"))
    job = None
    try:
        with batch(background=True) as current:
            jobs = Job.objects.filter(~Exists(earlier)).exclude(pk__in=failed).order_by("pk")
            skip = connection.features.has_select_for_update_skip_locked
            job = jobs.select_for_update(of=("self",), skip_locked=skip).first()
            if job is None:
                return False
            author = job.arguments.get("author")
            current.author = uuid.UUID(author) if author else None
            _advance(job)
    except Exception:  # one job that cannot go on must not stop the others
        if job is None:
            raise
        logger.exception("Job %s of kind %s failed, it is tried again later", job.pk, job.kind)
        failed.add(job.pk)
    return True


def _advance(job: Job) -> None:
    last = _STEPS[Job.Kind(job.kind)](job)
    if last is None:
        job.delete()
    else:
        job.cursor = last
        job.save(update_fields=["cursor"])


def _group_templates(job: Job) -> uuid.UUID | None:
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
    chunk = _next(devices, job.cursor)
    configs = []
    for device in chunk:
        device.group = group
        if device._has_config():
            configs.append(device.config)
        elif added and settings.DEFAULT_BACKEND:
            lifecycle.configure_for_group(device)
    assignment.reassign(
        configs,
        lambda config, have: (
            [key for key in have if key not in removed]
            + [template.pk for template in added if template.backend == config.backend]
        ),
        detail=f'group "{group.name}"',
    )
    return _cursor(chunk)


def _automatic_template(job: Job) -> uuid.UUID | None:
    """Give a template that became default or required to all devices it suits."""
    template = Template.objects.filter(Q(default=True) | Q(required=True), pk=job.subject).first()
    if template is None:
        return None
    configs = Config.objects.filter(backend=template.backend, device___is_deactivated=False)
    if template.organization_id is not None:
        configs = configs.filter(device__organization_id=template.organization_id)
    chunk = _next(configs.exclude(templates=template).select_related("device"), job.cursor)
    required: set[uuid.UUID] = set()
    if template.required:
        required = set(Template.objects.filter(required=True).values_list("pk", flat=True))

    def rule(config: Config, present: list[uuid.UUID]) -> list[uuid.UUID]:
        if template.pk in present:
            return present
        if template.required:
            return assignment.required_first(present, required, template.pk)
        return [*present, template.pk]

    assignment.reassign(chunk, rule, detail=f'template "{template.name}"')
    return _cursor(chunk)


def _vpn_template(job: Job) -> uuid.UUID | None:
    """Let devices follow a template that was given another VPN server, or another kind of provisioning."""
    template = Template.objects.filter(pk=job.subject).first()
    if template is None:
        return None
    configs = Config.objects.filter(templates=template, device___is_deactivated=False).select_related("device")
    chunk = _next(configs, job.cursor)
    with batch() as current:
        for config in chunk:
            current.vpn_clients_follow(config.pk)
            current.compile(config, Cause.TEMPLATE_DEFAULTS, f'template "{template.name}"')
    return _cursor(chunk)


def _next(queryset: Any, cursor: uuid.UUID | None) -> list[Any]:
    if cursor is not None:
        queryset = queryset.filter(pk__gt=cursor)
    return list(queryset.order_by("pk").select_for_update(of=("self",), no_key=True)[:CHUNK])


def _cursor(chunk: Iterable[Any]) -> uuid.UUID | None:
    """Return how far the job has come; None when the chunk was the last one."""
    chunk = list(chunk)
    return chunk[-1].pk if len(chunk) == CHUNK else None


_STEPS: dict[Job.Kind, Callable[[Job], uuid.UUID | None]] = {
    Job.Kind.GROUP_TEMPLATES: _group_templates,
    Job.Kind.AUTOMATIC_TEMPLATE: _automatic_template,
    Job.Kind.VPN_TEMPLATE: _vpn_template,
}
