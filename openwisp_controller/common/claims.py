"""Working off rows that say what is to be done: each is claimed by one process at a time, and failures stop nobody.

Two ways to claim a row: it stays locked while it is worked at, in one transaction; or, where the work takes long and
must not keep a transaction open, it is put out of reach for a while (a *lease*), and the work follows the commit.

Leases, and when something falls due, are told by the clock of the database alone, which all processes share: theirs may
differ, and be set at any time. Should that of the database be set back, what ends later than anything could end counts
as ended (``passed``), so nothing waits for longer than it was put off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, models, transaction
from django.db.models import Q

from .moments import MARGIN, moment

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound=models.Model)
Rows = TypeVar("Rows", bound="models.QuerySet[Any]")


def lock(rows: Rows, *, of: tuple[str, ...] = ("self",), no_key: bool = False) -> Rows:
    """Return ``rows`` locked until the end of the transaction, without those that another process has locked.

    Args:
        rows: the query.
        of: which of the joined tables are locked.
        no_key: rows that refer to these may be written meanwhile.
    """
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(of=of, no_key=no_key, skip_locked=skip)


def passed(field: str, longest: timedelta) -> Q:
    """Return the condition that the moment in a field has come, by the clock of the database.

    Args:
        field: name of the field.
        longest: no moment is ever written that lies further ahead.
    """
    now = moment()
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": now + longest + MARGIN})


@dataclass(frozen=True)
class Work(Generic[Row]):
    """One kind of work.

    Attributes:
        what: names a row in the log, such as ``Job``.
        claim: takes what ``prepare`` returned and the keys to leave out; returns the next row, claimed, or None.
        do: does the work; takes the row and what ``prepare`` returned. Returns whether the row has to wait: it is
            left out for the rest of the run.
        opened: opens what surrounds claiming (and the work), a transaction by default.
        prepare: makes, outside of the transaction, what the work needs; takes the keys to leave out; None = no work.
        is_leased: the claim is committed before the work begins.
    """

    what: str
    claim: Callable[[Any, set[Any]], Row | None]
    do: Callable[[Row, Any], bool | None]
    opened: Callable[[], AbstractContextManager[Any]] = transaction.atomic
    prepare: Callable[[set[Any]], Any] | None = None
    is_leased: bool = False

    def one(self, failed: set[Any]) -> bool:
        """Claim the next row and do its work; return False when there is none.

        Args:
            failed: keys of rows to leave out; one that fails is logged and added, and waits for the reconciler.
        """
        row: Row | None = None
        key = None
        try:
            prepared = self.prepare(failed) if self.prepare is not None else True
            if prepared is None:
                return False
            with self.opened():
                row = self.claim(prepared, failed)
                key = row.pk if row is not None else None  # one that is done may be deleted, and the commit still fail
                waits = row is not None and not self.is_leased and self.do(row, prepared)
            if row is not None and self.is_leased:
                waits = self.do(row, prepared)
            if row is not None and waits:
                failed.add(key)
        except SoftTimeLimitExceeded:
            raise  # the worker is told to stop
        except Exception:
            if row is None:
                raise
            logger.exception("%s %s failed, it is tried again later", self.what, key)
            failed.add(key)
        return row is not None

    def all(self) -> int:
        """Do all the work that there is; return how many pieces were done."""
        failed: set[Any] = set()
        pieces = 0
        while self.one(failed):
            pieces += 1
        return pieces - len(failed)
