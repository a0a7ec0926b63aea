"""Versions of what people edit by the REST interface, the same as those of the administration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import reversion
from django.db import router
from reversion import revisions
from reversion.models import Revision, Version
from reversion.signals import post_revision_commit, pre_revision_commit


@contextmanager
def version(request: Any, deletes: bool = False) -> Iterator[None]:
    """Keep a version of what is saved inside, with the person who does it. Goes into a transaction of the caller.

    Args:
        request: whose user does it.
        deletes: whether what is saved inside may be deleted inside, too: django-reversion then asks for each kind
            which objects are still there.
    """
    with reversion.create_revision(atomic=False):
        reversion.set_user(request.user)
        yield
        if not deletes and len(revisions._stack.get()) == 1:
            _store()


def _store() -> None:
    """Store the versions that were collected, and leave none for django-reversion to ask about."""
    using = router.db_for_write(Revision)
    frame = revisions._current_frame()
    versions = list(frame.db_versions[using].values())
    revisions._update_frame(db_versions={**frame.db_versions, using: {}})
    if not versions:
        return
    revision = Revision(date_created=frame.date_created, user=frame.user, comment=frame.comment)
    told = {"sender": reversion.create_revision, "revision": revision, "versions": versions}
    pre_revision_commit.send(**told)
    revision.save(using=using)
    for each in versions:
        each.revision = revision
    Version.objects.using(using).bulk_create(versions)
    for model, values in frame.meta:
        model._base_manager.using(using).create(revision=revision, **values)
    post_revision_commit.send(**told)
