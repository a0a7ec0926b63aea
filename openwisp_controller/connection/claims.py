"""Who works at what: rows are claimed in the database, for as long as the process that claimed them is heard of.

Not ``common.claims.Work``, which does one row after the other: a process claims as many sessions as all of them
together may open, works at them at once, and their results come in any order.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from ..common.claims import passed
from ..config.models import ControllerState
from .models import Command, Push
from .settings import settings

LEASE = timedelta(seconds=20)
RENEW_EVERY = 5.0
"""Seconds."""
_LOCK = "connection-claims"


def free() -> Q:
    """Return the condition of rows that nobody works at."""
    return Q(claim=None) | lapsed()


def lapsed() -> Q:
    """Return the condition of claims whose process was not heard of in time."""
    return passed("claimed_until", LEASE)


def room(model: type[Command] | type[Push], wanted: int) -> int:
    """Return how many sessions more all processes together may open; the answer holds until the transaction ends.

    Commands and pushes are counted apart, so that people do not wait for devices that do not answer.
    """
    if connection.features.has_select_for_update:
        locked = ControllerState.objects.select_for_update().filter(name=_LOCK)
        if locked.first() is None:  # once in the life of a database
            ControllerState.objects.get_or_create(name=_LOCK, defaults={"value": ""})
            locked.get()
    claimed = model._base_manager.filter(claim__isnull=False, claimed_until__isnull=False)
    active = claimed.exclude(lapsed()).count()
    return max(0, min(wanted, settings.CONTROLLER_PUSH_CONCURRENCY_TOTAL - active))


def until() -> Any:
    """Return when a claim made or renewed by this statement runs out."""
    return Now() + LEASE


def renew(owner: uuid.UUID) -> None:
    """Say that a process is alive."""
    for model in (Push, Command):
        model._base_manager.filter(claim=owner, claimed_until__isnull=False).update(claimed_until=until())
