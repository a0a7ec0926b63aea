"""What people are to be told: written down where it happens, told a moment later with what happens meanwhile."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from ...common.recently import Recently
from ...common.sql import insert_many
from ...common.wakeup import wake

#: Seconds in which what happens is told together.
BURST = 2
_woken = Recently("notices-woken", seconds=BURST)


class Notice(models.Model):
    """One thing that people are to be told. ``kind`` names the entry of ``delivery.notices.kinds`` that knows how."""

    kind = models.CharField(max_length=32)
    subject = models.UUIDField()
    facts = models.JSONField(default=dict)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @staticmethod
    def write(kind: str, *subjects: uuid.UUID, **facts: Any) -> None:
        """Write down that something happened to these objects, as part of the open transaction, if there is one."""
        insert_many([Notice(kind=kind, subject=subject, facts=facts) for subject in subjects])
        transaction.on_commit(_wake)

    @staticmethod
    def taken() -> None:
        """Note that a worker is about to look at what is written down; what comes later needs another one."""
        _woken.forget("")


def _wake() -> None:
    if _woken.is_new(""):
        wake("config.deliver_notices", countdown=BURST)
