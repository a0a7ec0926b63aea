"""The queue of jobs: work over many devices, in chunks, each of which is committed together with the job's progress."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import Exists, OuterRef

from ...common import claims
from ...common.authorship import author_id
from ...common.registry import Registry
from ...common.wakeup import wake
from ..compiling import concurrent_edits
from ..models import Cause, Job
from ..unit_of_work import unit_of_work

CHUNK = 200
Phase = Job.Phase
#: What does one chunk of a job, by the kind of the job (at most 32 characters, beginning with the label of the app):
#: takes the job, in a unit of work; returns the key to go on after, None when the job is done.
steps: Registry[Callable[[Job], uuid.UUID | None]] = Registry("kind of jobs")


def enqueue(kind: str, subject: uuid.UUID, **arguments: Any) -> None:
    """Write down a job in the current transaction and wake a worker after its commit.

    Args:
        kind: one of those registered in ``steps``.
        subject: primary key of the object whose devices are concerned.
        arguments: what the step needs to know; values that JSON can hold.
    """
    _enqueue(Job(kind=kind, subject=subject, arguments=arguments))


def enqueue_for_fleet(kind: str, subject: uuid.UUID, **arguments: Any) -> None:
    """Write down a job whose step is done once more for devices that come to ``subject`` while it is written.

    The step then has to look at devices since ``job.since`` only; see ``concurrent_edits.py``.
    """
    _enqueue(Job(kind=kind, subject=subject, arguments=arguments, since=concurrent_edits.now()))


def enqueue_recheck(model: str, subject: uuid.UUID, cause: Cause, detail: str) -> None:
    """Write down that configurations which come to depend on ``subject`` just now are to be marked, too.

    Call it before those that depend on it already are marked; see ``concurrent_edits.py``.

    Args:
        model: label of the model of ``subject``.
        subject: its primary key.
        cause: the one of the first mark; nobody is told twice of an edited template that changes nothing.
        detail: what changed, in words.
    """
    since = concurrent_edits.now()
    if since is not None:
        cause = Cause.TEMPLATE_DEFAULTS if cause == Cause.TEMPLATE else cause
        arguments = {"model": model, "cause": cause, "detail": detail}
        _enqueue(Job(kind=Job.Kind.RECHECK, subject=subject, arguments=arguments, since=since, phase=Phase.WAIT))


def run_all() -> int:
    """Run all jobs to their end; return the number of chunks."""
    return _JOBS.all()


def run_chunk(failed: set[int] | None = None) -> bool:
    """Do one chunk of the oldest job that no other worker holds; return False when there is none.

    Jobs about the same group or template run in the order in which they were written, apart from rechecks.

    Args:
        failed: keys of jobs to leave out; a job that fails is logged, added, and waits for the reconciler.
    """
    return _JOBS.one(set() if failed is None else failed)


def _claim(prepared: Any, failed: set[int]) -> Job | None:
    earlier = Job.objects.filter(subject=OuterRef("subject"), pk__lt=OuterRef("pk"), phase=Phase.RUN)
    return claims.lock(Job.objects.filter(~Exists(earlier)).exclude(pk__in=failed).order_by("pk")).first()


def _do(job: Job, prepared: Any) -> bool:
    """Do one chunk of a job; return whether it has to wait."""
    with unit_of_work() as unit:
        unit.author = job.author
        if _has_to_wait(job):
            return True
        _advance(job)
        return False


_JOBS = claims.Work("Job", _claim, _do, opened=partial(unit_of_work, background=True))


def _enqueue(job: Job) -> None:
    job.author = author_id()
    job.save()
    wake("config.run_jobs")


def _has_to_wait(job: Job) -> bool:
    """Tell whether a recheck comes too early; the reconciler tries again."""
    if job.phase != Phase.WAIT:
        return False
    if job.writers is None:
        job.writers = concurrent_edits.writers()
        waits = bool(job.writers)
    else:
        waits = not concurrent_edits.have_ended(job.writers)
    if waits:
        job.save(update_fields=["phase", "writers", "cursor"])
    else:
        job.phase = Phase.RECHECK
    return waits


def _advance(job: Job) -> None:
    step = steps[job.kind]
    last = step(job)
    if last is None and job.phase == Phase.RUN and job.since is not None:
        # all devices that could be seen are done; now those that came since the job was written down
        job.phase, job.cursor = Phase.WAIT, None
        if _has_to_wait(job):
            return
        last = step(job)
    if last is None:
        job.delete()
    else:
        job.cursor = last
        job.save(update_fields=["phase", "cursor"])
