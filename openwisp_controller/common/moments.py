"""Moments by the clock of the database, which all processes share: theirs may differ, and be set at any time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from django.db import connection, models
from django.db.models.functions import Now
from django.utils import timezone

#: Between the time of a statement and that of another one which saw its effect lies less.
MARGIN = timedelta(minutes=1)


def moment() -> Any:
    """Return what to store as the present moment; SQLite has no clock but that of the process, in fewer digits."""
    return Now() if connection.vendor == "postgresql" else timezone.now()


def database_time() -> datetime:
    """Ask the database for the present moment."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT STATEMENT_TIMESTAMP()")
        (now,) = cursor.fetchone()
    return cast("datetime", now)


def is_ahead(until: datetime, longest: timedelta) -> bool:
    """Tell whether a moment is still to come; the opposite of ``claims.passed`` for a row in hand.

    Args:
        until: the moment.
        longest: none is ever written that lies further ahead; one that does counts as passed.
    """
    now = database_time()
    return now < until <= now + longest + MARGIN


class MomentField(models.DateTimeField):
    """A moment that the database may work out when a row is inserted; the instance is told of it by the same statement.

    For the migrations it is a ``DateTimeField``.
    """

    @property
    def db_returning(self) -> bool:
        """Whether an inserted row is asked for the value."""
        return connection.features.can_return_columns_from_insert

    def deconstruct(self) -> Any:
        """Return how migrations write it."""
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, {**options, "default": timezone.now}
