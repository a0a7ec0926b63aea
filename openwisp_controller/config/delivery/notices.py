"""Telling people what happened: one notification each where little happened, one for all in a burst."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import models, transaction
from openwisp_notifications.signals import notify

from ...common import claims
from ...common.registry import Registry
from ..models.notice import Notice

logger = logging.getLogger(__name__)
CHUNK = 1000
#: So many notifications of one kind are sent one by one to the people of an organization; more become one.
ALONE = 5


@dataclass(frozen=True)
class Kind:
    """How people are told of one kind of thing."""

    look: Callable[[Sequence[Notice]], Iterable[dict[str, Any]]]
    """Returns the arguments of ``notify.send`` for each notice that is still worth telling; ``target`` is a device."""
    together: Callable[[dict[str, Any], int], str]
    """Returns the message for a burst; takes the arguments of the first, which is named, and how many there are."""
    alone: int = ALONE


kinds: Registry[Kind] = Registry("kind of notice")


def latest(rows: models.QuerySet[Any], notices: Sequence[Notice]) -> Iterator[tuple[Any, Notice]]:
    """Yield those of the objects that are still there, each with the latest notice about it.

    Args:
        rows: among which the subjects of the notices are.
        notices: in the order in which they were written.
    """
    by_subject = {notice.subject: notice for notice in notices}
    for row in rows.filter(pk__in=by_subject):
        yield row, by_subject[row.pk]


def message_about(target: models.Model, level: str, message: Any, **more: Any) -> dict[str, Any]:
    """Return the arguments of ``notify.send`` for a message of no type of its own.

    Args:
        target: whose page the notification leads to; the sender, too, unless ``more`` names another.
        level: such as ``warning``.
        message: may be translated lazily.
        more: arguments besides.
    """
    arguments = {"sender": target, "type": "generic_message", "level": level, "target": target}
    return {**arguments, "message": str(message), **more}


def deliver_all() -> int:
    """Tell people everything that is written down; return how many notices there were.

    A kind that fails is logged and dropped: people are told as well as possible, and nothing else waits for it.
    """
    Notice.taken()
    total = 0
    while True:
        with transaction.atomic():
            notices = list(claims.lock(Notice.objects.order_by("pk"))[:CHUNK])
            for kind in dict.fromkeys(notice.kind for notice in notices):
                _deliver(kind, [notice for notice in notices if notice.kind == kind])
            Notice.objects.filter(pk__in=[notice.pk for notice in notices]).delete()
        total += len(notices)
        if len(notices) < CHUNK:
            return total


def _deliver(name: str, notices: list[Notice]) -> None:
    kind = kinds.get(name)
    if kind is None:
        return  # of an app that is not installed any more
    try:
        with transaction.atomic():
            for arguments in _bundled(kind, kind.look(notices)):
                notify.send(**arguments)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        logger.exception("People could not be told of %d × %s", len(notices), name)


def _bundled(kind: Kind, told: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for arguments in told:
        groups.setdefault((arguments["target"].organization_id, arguments["type"]), []).append(arguments)
    for group in groups.values():
        if len(group) <= kind.alone:
            yield from group
        else:
            yield {**group[0], "message": kind.together(group[0], len(group))}
