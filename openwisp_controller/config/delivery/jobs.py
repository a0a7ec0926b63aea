"""Work over many devices, in chunks, each of which is committed together with how far the job has come."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from ...common.authorship import author_id
from ...common.wakeup import wake
from ..assignment import assigning
from ..compiling import concurrent_edits
from ..devices import lifecycle
from ..models import Cause, Config, Device, DeviceGroup, Job, Template
from ..settings import settings
from ..unit_of_work import batch

logger = logging.getLogger(__name__)
CHUNK = 200


def register(kind: str, step: Callable[[Job], uuid.UUID | None]) -> None:
    """Let another app have jobs of its own.

    Args:
        kind: at most 32 characters; begins with the label of the app.
        step: does one chunk of a job, in a batch; returns the key to go on after, None when the job is done.
    """
    _STEPS[kind] = step


def enqueue(kind: str, subject: uuid.UUID, **arguments: Any) -> None:
    """Write down a job in the current transaction and wake a worker after its commit."""
    author = author_id()
    Job.objects.create(kind=kind, subject=subject, arguments={**arguments, "author": str(author) if author else None})
    wake("config.run_jobs")


def hand_out(kind: str, subject: uuid.UUID, **arguments: Any) -> None:
    """Write down that templates are to be given to, or taken from, many devices, stragglers included."""
    since = concurrent_edits.now()
    enqueue(kind, subject, **arguments, **({"started": since} if since is not None else {}))


def look_again(model: str, subject: uuid.UUID, cause: Cause, detail: str) -> None:
    """Write down that configurations which come to depend on ``subject`` just now are to be marked, too.

    Call it before those that depend on it already are marked; see ``stragglers.py``.

    Args:
        model: label of the model of ``subject``.
        cause: the one of the first mark; nobody is told twice of an edited template that changes nothing.
    """
    since = concurrent_edits.now()
    if since is not None:
        cause = Cause.TEMPLATE_DEFAULTS if cause == Cause.TEMPLATE else cause
        enqueue(Job.Kind.STRAGGLERS, subject, model=model, cause=cause, detail=detail, since=since)


def run_chunk(failed: set[int] | None = None) -> bool:
    """Do one chunk of the oldest job that no other worker holds; return False when there is none.

    Jobs about the same group or template run in the order in which they were written, apart from looks at stragglers.

    Args:
        failed: keys of jobs to leave out; a job that fails is logged, added, and waits for the reconciler.
    """
    failed = set() if failed is None else failed
    earlier = Job.objects.filter(subject=OuterRef("subject"), pk__lt=OuterRef("pk"))
    earlier = earlier.exclude(arguments__has_key="since")
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
            if _has_to_wait(job):
                failed.add(job.pk)
            else:
                _advance(job)
    except Exception:  # one job that cannot go on must not stop the others
        if job is None:
            raise
        logger.exception("Job %s of kind %s failed, it is tried again later", job.pk, job.kind)
        failed.add(job.pk)
    return True


def _has_to_wait(job: Job) -> bool:
    """Tell whether a look at stragglers comes too early; the reconciler tries again."""
    if "since" not in job.arguments or job.cursor is not None:
        return False
    if "writers" in job.arguments:
        return not concurrent_edits.have_ended(job.arguments["writers"])
    job.arguments["writers"] = concurrent_edits.writers()
    if job.arguments["writers"]:
        job.save(update_fields=["arguments", "cursor"])
    return bool(job.arguments["writers"])


def _advance(job: Job) -> None:
    step = _STEPS[job.kind]
    last = step(job)
    if last is None and "started" in job.arguments:
        # all devices that could be seen are done; now those that came since the job was written down
        job.arguments["since"], job.cursor = job.arguments.pop("started"), None
        if _has_to_wait(job):
            return
        last = step(job)
    if last is None:
        job.delete()
    else:
        job.cursor = last
        job.save(update_fields=["arguments", "cursor"])


def _stragglers(job: Job) -> None:
    """Mark configurations that came to an edited object unseen."""
    from ..policy import changes

    arguments = job.arguments
    came = changes.dependents(arguments["model"], job.subject)
    if came is not None:
        came = came.filter(concurrent_edits.configs_since(arguments["since"]))
        with batch() as current:
            current.stale(came, Cause(arguments["cause"]), arguments["detail"])


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
    if "since" in job.arguments:
        came = Q(pk__in=concurrent_edits.devices_since(job.arguments["since"]))
        devices = devices.filter(came & _lacking(added, removed))
    chunk, cursor = _next(devices, job.cursor)
    configs = []
    for device in chunk:
        device.group = group
        if device._has_config():
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


def _automatic_template(job: Job) -> uuid.UUID | None:
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
            return assigning.required_first(present, required, template.pk)
        return [*present, template.pk]

    assigning.reassign(chunk, rule, detail=f'template "{template.name}"')
    return cursor


def _vpn_template(job: Job) -> uuid.UUID | None:
    """Let devices follow a template that was given another VPN server, or another kind of provisioning."""
    template = Template.objects.filter(pk=job.subject).first()
    if template is None:
        return None
    configs = Config.objects.filter(templates=template, device___is_deactivated=False).select_related("device")
    chunk, cursor = _next(configs, job.cursor)
    with batch() as current:
        for config in chunk:
            current.vpn_clients_follow(config.pk)
            current.compile(config, Cause.TEMPLATE_DEFAULTS, f'template "{template.name}"')
    return cursor


def _next(queryset: Any, cursor: uuid.UUID | None) -> tuple[list[Any], uuid.UUID | None]:
    """Lock the next rows; return them and where to go on, None when they are the last ones.

    They are read again once they are locked, with what they refer to: some may have been edited while we waited, such
    that the job does not concern them any more.
    """
    following = queryset if cursor is None else queryset.filter(pk__gt=cursor)
    locked = following.select_related(None).only("pk").order_by("pk").select_for_update(of=("self",), no_key=True)
    keys = [row.pk for row in locked[:CHUNK]]
    rows = list(queryset.filter(pk__in=keys).order_by("pk")) if keys else []
    return rows, keys[-1] if len(keys) == CHUNK else None


_STEPS: dict[str, Callable[[Job], uuid.UUID | None]] = {
    Job.Kind.GROUP_TEMPLATES: _group_templates,
    Job.Kind.AUTOMATIC_TEMPLATE: _automatic_template,
    Job.Kind.VPN_TEMPLATE: _vpn_template,
    Job.Kind.STRAGGLERS: _stragglers,
}
