"""Sending the public signals: in which order, with which arguments, and how often."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from django.db import connection, models, transaction
from django.dispatch import Signal
from django.utils import timezone

from ...common.sql import delete_rows
from ...common.wakeup import wake
from .. import signals
from ..compiling.compiler import Outcome, Why, load
from ..models import Announcement, Cause, Config

if TYPE_CHECKING:
    from ..unit_of_work import Pending

logger = logging.getLogger(__name__)
Status = Config.Status

#: Cause → the ``action`` of ``config_modified``. Other causes are not announced as modifications.
ACTIONS = {
    Cause.EDITED: "config_changed",
    Cause.INPUTS: "config_changed",
    Cause.TEMPLATES: "m2m_templates_changed",
    Cause.TEMPLATE: "related_template_changed",
    Cause.TEMPLATE_DEFAULTS: "related_template_changed",
    Cause.ROLLED_BACK: "config_changed",
    Cause.VPN: "related_template_changed",
}
#: An announcement older than this has been left behind by a worker that was killed.
OVERDUE = timedelta(seconds=60)
#: How often a worker that is still sending says so.
RENEWED_AFTER = OVERDUE / 6
#: Opened around the sending of many signals at once, so that other apps can do their part for all of them together.
around_sending: list[Callable[[], AbstractContextManager[None]]] = []


class Rank(IntEnum):
    """The order of signals about one device."""

    REQUEST = 0
    BACKEND = 1
    NAME = 2
    CONFIG = 3
    GROUP = 4
    MANAGEMENT_IP = 5
    ACTIVATION = 6
    GROUP_TEMPLATES = 7
    VPN_SERVER = 8
    REGISTERED = 9
    ANSWER = 10


@dataclass(slots=True)
class Emission:
    """One signal about to be sent."""

    rank: Rank
    signal: Signal
    subject: models.Model
    arguments: dict[str, Any]
    status: str | None = None
    """The status that the configuration has while the signal is sent, where it passes through two of them."""

    def send(self) -> None:
        """Send the signal; what a receiver raises goes to the caller."""
        with _Status(self):
            self.signal.send(sender=type(self.subject), instance=self.subject, **self.arguments)

    def send_robustly(self) -> None:
        """Send the signal; a receiver that raises is logged with its name and does not stop the others."""
        with _Status(self):
            self.signal.send_robust(sender=type(self.subject), instance=self.subject, **self.arguments)


class _Status:
    """Shows receivers the configuration in the status that the signal speaks of, which is not the stored one."""

    def __init__(self, emission: Emission) -> None:
        self.emission = emission

    def __enter__(self) -> None:
        if self.emission.status is not None:
            self.final: str = self.emission.subject.status  # type: ignore[attr-defined]
            self._show(self.emission.status)

    def __exit__(self, *error: Any) -> None:
        if self.emission.status is not None:
            self._show(self.final)

    def _show(self, status: str) -> None:
        config: Any = self.emission.subject
        config.status = status
        config._remember(["status"])  # a receiver that saves the configuration leaves the stored status alone


def in_order(emissions: Iterable[Emission]) -> list[Emission]:
    """Sort by subject (in order of first mention, a configuration counts as its device), then by rank."""
    emissions = list(emissions)
    first: dict[Any, int] = {}
    for emission in emissions:
        first.setdefault(_about(emission.subject), len(first))
    return sorted(emissions, key=lambda emission: (first[_about(emission.subject)], emission.rank))


def _about(subject: models.Model) -> Any:
    return subject.device_id if isinstance(subject, Config) else subject.pk


def of_config(config: Config, why: Why, outcome: Outcome, forced: bool = False) -> list[Emission]:
    """Return the signals that follow from compiling a configuration or from a new status.

    Args:
        config: the instance that receivers get.
        why: the cause of the compile.
        outcome: its result.
        forced: announce a modification though nothing changed.
    """
    modified = _is_modification(why, outcome, forced)
    return _emissions(config, why.cause, outcome.previous_status, outcome.status_changed, modified)


def owed(results: Sequence[tuple[Pending, Outcome]]) -> list[Announcement]:
    """Return rows that stand for the signals of a background compile until these are sent."""
    rows = []
    now = timezone.now()
    for pending, outcome in results:
        why = pending.why()
        modified = _is_modification(why, outcome, pending.announced_anyway)
        changed = outcome.status_changed and why.cause != Cause.CLEARED
        if modified or changed:
            rows.append(
                Announcement(
                    config_id=outcome.config.pk,
                    created=now,
                    cause=why.cause,
                    previous_status=outcome.previous_status,
                    status_changed=changed,
                    modified=modified,
                )
            )
    return rows


def _is_modification(why: Why, outcome: Outcome, forced: bool) -> bool:
    if why.cause not in ACTIONS or outcome.config.is_deactivating_or_deactivated():
        return False
    if outcome.config.release_policy == Config.Release.HELD and why.cause != Cause.ROLLED_BACK:
        return False
    return outcome.released or forced or why.cause == Cause.TEMPLATE


def _emissions(
    config: Config, cause: Cause, previous_status: str, status_changed: bool, modified: bool
) -> list[Emission]:
    result = []
    if modified:
        result.append(_emission(
            signals.config_modified, config,
            previous_status=previous_status, action=ACTIONS[cause], config=config, device=config.device,
        ))  # fmt: skip
    if status_changed and cause != Cause.CLEARED:
        if config.is_deactivating_or_deactivated():
            result += _deactivation(config, previous_status)
        else:
            change = _emission(signals.config_status_changed, config)
            # an edited template announces the status first, as the field's receivers know it
            result.insert(0 if cause in (Cause.TEMPLATE, Cause.TEMPLATE_DEFAULTS) else len(result), change)
    return result


def _deactivation(config: Config, previous_status: str) -> list[Emission]:
    result = []
    if previous_status != Status.DEACTIVATING:
        result.append(_emission(signals.config_status_changed, config))
        result.append(_emission(
            signals.config_deactivating, config, previous_status=previous_status, device=config.device
        ))  # fmt: skip
        if config.status == Status.DEACTIVATED:
            for emission in result:
                emission.status = Status.DEACTIVATING
    if config.status == Status.DEACTIVATED:
        result.append(_emission(signals.config_status_changed, config))
        result.append(_emission(signals.config_deactivated, config, previous_status=Status.DEACTIVATING.value))
    return result


def _emission(signal: Signal, subject: Config, /, **arguments: Any) -> Emission:
    return Emission(Rank.CONFIG, signal, subject, arguments)


class _Lease:
    """Rows that stand for signals which this worker is sending: others leave them alone while it renews them in time.

    The time of the last renewal, ``created``, is also the proof of whose they are.
    """

    def __init__(self, rows: Iterable[Announcement]) -> None:
        self.rows = {row.pk: row.config_id for row in rows}
        self.since = next((row.created for row in rows), timezone.now())
        self.lost: set[uuid.UUID] = set()
        """Configurations that another worker announces, for this one took too long."""

    def is_due(self) -> bool:
        return bool(self.rows) and timezone.now() - self.since > RENEWED_AFTER

    def renew(self, remaining: set[uuid.UUID]) -> None:
        """Forget the rows of configurations that are announced; keep those of ``remaining`` for another while."""
        self._delete([key for key, config in self.rows.items() if config not in remaining])
        self.rows = {key: config for key, config in self.rows.items() if config in remaining}
        now = timezone.now()
        Announcement.objects.filter(pk__in=list(self.rows), created=self.since).update(created=now)
        kept = set(Announcement.objects.filter(pk__in=list(self.rows), created=now).values_list("pk", flat=True))
        self.lost |= {config for key, config in self.rows.items() if key not in kept}
        self.rows = {key: config for key, config in self.rows.items() if key in kept}
        self.since = now

    def end(self) -> None:
        self._delete(list(self.rows))

    def _delete(self, keys: list[int]) -> None:
        if keys:
            delete_rows(Announcement.objects.filter(pk__in=keys, created=self.since))


def send_robustly(emissions: Iterable[Emission], rows: Sequence[Announcement]) -> None:
    """Send the signals of a background change after its commit, then forget ``rows``, which stood for them."""
    emissions = list(emissions)
    lease = _Lease(rows)
    surroundings = _surroundings()
    try:
        for place, emission in enumerate(emissions):
            if lease.is_due():
                surroundings.close()
                surroundings = _surroundings()
                lease.renew({emission.subject.pk for emission in emissions[place:]})
            if emission.subject.pk not in lease.lost:
                emission.send_robustly()
    finally:
        surroundings.close()
    lease.end()


def _surroundings() -> ExitStack:
    """Open what other apps want around the sending. They close it before the rows that stand for it are forgotten."""
    stack = ExitStack()
    for opened in around_sending:
        stack.enter_context(opened())
    return stack


def _claim_overdue(limit: int) -> list[Announcement]:
    """Take overdue rows as if they were new; they fall due again should this worker be killed, too."""
    with transaction.atomic():
        rows = Announcement.objects.filter(created__lt=timezone.now() - OVERDUE).order_by("pk")
        rows = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        overdue = list(rows[:limit])
        now = timezone.now()
        Announcement.objects.filter(pk__in=[row.pk for row in overdue]).update(created=now)
    for row in overdue:
        row.created = now
    return overdue


def send_overdue(limit: int = 200) -> int:
    """Send signals that a killed worker still owed; return how many changes they announced."""
    overdue = _claim_overdue(limit)
    configs = {config.pk: config for config in load({row.config_id for row in overdue})}
    emissions = [
        emission
        for row in overdue
        if row.config_id in configs
        for emission in _emissions(
            configs[row.config_id], Cause(row.cause), row.previous_status, row.status_changed, row.modified
        )
    ]
    send_robustly(emissions, overdue)
    if overdue:
        logger.warning("Sent the signals of %d changes that an interrupted worker had left.", len(overdue))
    if len(overdue) == limit:
        wake("config.send_overdue")
    return len(overdue)
