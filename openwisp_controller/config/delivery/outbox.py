"""The outbox: compiled changes whose signals are still to be sent, kept until they are."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import transaction

from ...common import claims
from ...common.moments import database_time, moment
from ...common.sql import delete_rows, insert_many
from ..compiling.compilation import Compilation
from ..models import Cause, OutboxEntry
from ..unit_of_work import UnitOfWork
from .emissions import Emission
from .outcomes import is_modification

logger = logging.getLogger(__name__)
#: An entry older than this has been left behind by a worker that was killed.
OVERDUE = timedelta(seconds=60)
#: How often a worker that is still sending says so.
RENEWED_AFTER = OVERDUE / 6


class Outbox:
    """The entries that one unit of work has written (``unit.of(Outbox)``)."""

    def __init__(self) -> None:
        self.entries: list[OutboxEntry] = []

    def write(self, unit: UnitOfWork) -> None:
        """Store an entry for each configuration about which signals are to be sent after the commit."""
        now = moment()  # the same for all of them, it tells whose they are
        entries = []
        for request, outcome in unit.of(Compilation).results:
            cause, modified = request.why().cause, is_modification(request, outcome)
            changed = outcome.status_changed and cause != Cause.CLEARED
            if modified or changed:
                entries.append(
                    OutboxEntry(
                        config_id=outcome.config.pk,
                        created=now,
                        cause=cause,
                        previous_status=outcome.previous_status,
                        status_changed=changed,
                        modified=modified,
                    )
                )
        insert_many(entries)
        self.entries = entries


def send_and_delete(emissions: Iterable[Emission], entries: Sequence[OutboxEntry]) -> None:
    """Send the signals of a background change after its commit, then delete ``entries``, which stood for them."""
    emissions = list(emissions)
    lease = _Lease(entries)
    for place, emission in enumerate(emissions):
        if lease.is_due():
            lease.renew({emission.subject.pk for emission in emissions[place:]})
        if emission.subject.pk not in lease.lost:
            emission.send_robustly()
    lease.end()


def claim_overdue(limit: int) -> list[OutboxEntry]:
    """Take overdue entries as if they were new; they fall due again should this worker be killed, too."""
    with transaction.atomic():
        now = database_time()
        # as old as nobody leaves them, or from the future: the clock of the database was set back
        rows = OutboxEntry.objects.exclude(created__range=(now - OVERDUE, now + OVERDUE)).order_by("pk")
        overdue = list(claims.lock(rows)[:limit])
        OutboxEntry.objects.filter(pk__in=[entry.pk for entry in overdue]).update(created=now)
    for entry in overdue:
        entry.created = now
    return overdue


class _Lease:
    """Entries whose signals this worker is sending: others leave them alone while it renews them in time.

    The time of the last renewal, ``created``, is also the proof of whose they are.
    """

    def __init__(self, entries: Iterable[OutboxEntry]) -> None:
        self.entries = {entry.pk: entry.config_id for entry in entries}
        self.since: Any = next((entry.created for entry in entries), None)
        self.renewed = monotonic()
        self.lost: set[uuid.UUID] = set()
        """Configurations whose signals another worker sends, for this one took too long."""

    def is_due(self) -> bool:
        return bool(self.entries) and monotonic() - self.renewed > RENEWED_AFTER.total_seconds()

    def renew(self, remaining: set[uuid.UUID]) -> None:
        """Delete the entries of configurations that are done; keep those of ``remaining`` for another while."""
        self._delete([key for key, config in self.entries.items() if config not in remaining])
        self.entries = {key: config for key, config in self.entries.items() if config in remaining}
        now = database_time()
        OutboxEntry.objects.filter(pk__in=list(self.entries), created=self.since).update(created=now)
        kept = set(OutboxEntry.objects.filter(pk__in=list(self.entries), created=now).values_list("pk", flat=True))
        self.lost |= {config for key, config in self.entries.items() if key not in kept}
        self.entries = {key: config for key, config in self.entries.items() if key in kept}
        self.since, self.renewed = now, monotonic()

    def end(self) -> None:
        self._delete(list(self.entries))

    def _delete(self, keys: list[int]) -> None:
        if keys:
            delete_rows(OutboxEntry.objects.filter(pk__in=keys, created=self.since))
