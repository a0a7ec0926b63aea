"""Pushes: which devices are to fetch their configuration, which process connects to them, and the results."""

from __future__ import annotations

import logging
import random
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from ..common.claims import lock, passed
from ..common.sql import update_many
from ..common.wakeup import wake
from ..config.models import Config, Device
from . import claims
from .attempts import Attempt
from .connectors.configured import paths_with_update_strategy
from .models import Credentials, DeviceConnection, Push, PushCount
from .settings import settings

#: Where the field's programs look for what became of pushes.
logger = logging.getLogger("openwisp_controller.connection.tasks")
_CHUNK = 500
BUSY_PAUSE = 10.0
"""Seconds after which a push is repeated to a device that was just applying an earlier configuration."""
_REQUEST = """
INSERT INTO {pushes} (device_id, requested, since, due, attempts, reason, claim, claimed_until)
SELECT DISTINCT connection.device_id, 1, {now}, {now}, 0, '', {no_claim}, {never}
FROM {connections} AS connection
JOIN {credentials} AS credentials ON credentials.id = connection.credentials_id
WHERE connection.enabled AND connection.device_id IN ({devices}) AND credentials.connector IN ({connectors})
ORDER BY 1
ON CONFLICT (device_id) DO UPDATE
SET requested = {pushes}.requested + 1, due = excluded.due, attempts = 0, reason = ''
"""
_COUNT = """
INSERT INTO {counts} (outcome, number) VALUES {rows}
ON CONFLICT (outcome) DO UPDATE SET number = {counts}.number + excluded.number
"""
_NOW = {"postgresql": "STATEMENT_TIMESTAMP()", "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"}
"""The time of the database, as ``Now`` writes it."""


@dataclass(frozen=True)
class Task:
    """A claimed push: which device, for which of its changes, over which connections."""

    device_id: Any
    requested: int
    attempts: int
    connections: Sequence[DeviceConnection] = ()
    is_report_missing: bool = False
    """Whether the device fetched something and never told whether it could apply it."""

    @property
    def is_last_try(self) -> bool:
        """Whether the device is not told again after this time."""
        return self.attempts + 1 >= settings.CONTROLLER_PUSH_ATTEMPTS


@dataclass
class PushOutcome:
    """Result of a push; ``reason`` is why it failed, empty when it did not."""

    task: Task
    reason: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    is_busy: bool = False
    """Whether the device is to be told again, though nothing is wrong with it."""


class PushRequests:
    """The devices that a unit of work finds to be told."""

    def __init__(self) -> None:
        self._devices: set[Any] = set()

    def add(self, device: Device) -> None:
        """Note a device, unless it is talking to the controller right now: it will look for changes by itself."""
        if device.skip_next_push:
            # receivers of signals may want to know that, too
            transaction.on_commit(partial(setattr, device, "skip_next_push", False))
        else:
            self._devices.add(device.pk)

    def run(self) -> None:
        """Write down what was noted, with one statement."""
        request(self._devices)


def request(device_ids: Collection[Any]) -> int:
    """Request pushes to those of the devices that have an enabled connection; return how many.

    A push that is running at this moment is followed by another one.
    """
    keys = sorted(device_ids, key=str)
    count = sum(_request(keys[start : start + _CHUNK]) for start in range(0, len(keys), _CHUNK))
    if count:
        wake("connection.push_due")
    return count


def _request(keys: Sequence[Any]) -> int:
    connectors = paths_with_update_strategy()
    if not keys or not connectors:
        return 0
    quote = connection.ops.quote_name
    typed = connection.vendor == "postgresql"
    statement = _REQUEST.format(
        pushes=quote(Push._meta.db_table),
        connections=quote(DeviceConnection._meta.db_table),
        credentials=quote(Credentials._meta.db_table),
        devices=", ".join(["%s"] * len(keys)),
        connectors=", ".join(["%s"] * len(connectors)),
        now=_NOW[connection.vendor],
        no_claim="CAST(NULL AS uuid)" if typed else "NULL",
        never="CAST(NULL AS timestamptz)" if typed else "NULL",
    )
    pk: Any = Device._meta.pk
    values = [pk.get_db_prep_value(pk.to_python(key), connection) for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *connectors])
        return int(cursor.rowcount)


def due_now() -> Any:
    """Return the pushes that are due and that nobody works at."""
    longest = timedelta(seconds=settings.CONTROLLER_PUSH_BACKOFF * 2 * 4**settings.CONTROLLER_PUSH_ATTEMPTS)
    is_due = Q(attempts=0) | passed("due", max(longest, timedelta(seconds=BUSY_PAUSE)))
    return Push.objects.filter(is_due, claims.free())


def seconds_until_due(within: float) -> float | None:
    """Return in how many seconds the next push falls due that nobody works at.

    Args:
        within: seconds; None is returned when there is none in so many.
    """
    soon = Push.objects.filter(claims.free(), due__lte=Now() + timedelta(seconds=within)).order_by("due")
    found = soon.annotate(now=Now()).values_list("due", "now").first()
    return None if found is None else float((found[0] - found[1]).total_seconds())


def claim(owner: uuid.UUID, limit: int) -> list[Task]:
    """Claim pushes that are due; those that turn out not to be needed any more are forgotten."""
    with transaction.atomic():
        due = due_now()
        if limit < 1 or not due.exists():
            return []
        rows = list(lock(due.order_by("due"))[: claims.room(Push, limit)])
        keys = [row.pk for row in rows]
        Push.objects.filter(pk__in=keys).update(claim=owner, claimed_until=claims.until())
        needed = _needed(keys)
        Push.objects.filter(pk__in=[key for key in keys if key not in needed]).delete()
    candidates = DeviceConnection.candidates(needed)
    return [
        Task(row.pk, row.requested, row.attempts, candidates.get(row.pk, ()), needed[row.pk])
        for row in rows
        if row.pk in needed
    ]


def is_needed(device_id: Any) -> bool:
    """Tell whether a device has something to fetch; where it has not, it is logged why."""
    return bool(_needed([uuid.UUID(str(device_id))]))


def _needed(keys: Collection[Any]) -> dict[Any, bool]:
    """Return those of the devices that have something to fetch, and whether a report of each is missing.

    It is logged why the others have nothing to fetch.
    """
    model: Any = apps.get_model(settings.UPDATE_CONFIG_MODEL)
    devices = model.objects.select_related("config").in_bulk(list(keys))
    needed = {}
    for key in keys:
        device = devices.get(key)
        if device is None or not device.has_config():
            what = "Device matching query does not exist." if device is None else "Device has no config."
            logger.warning('update_config("%s") failed: %s', key, what)
        elif device.is_fully_deactivated():
            logger.info("%s (pk: %s) is deactivated, skipping update", device, key)
        elif not device.can_be_updated():
            logger.info("%s (pk: %s) is not going to be updated", device, key)
        else:
            config = device.config
            needed[key] = config.downloaded_id is not None and config.downloaded_id != config.applied_id
    return needed


def store(owner: uuid.UUID, outcomes: Sequence[PushOutcome]) -> None:
    """Store the results of claimed pushes: done, to be repeated after a change, or to be retried after a failure."""
    with transaction.atomic():
        mine = Push.objects.filter(pk__in=[outcome.task.device_id for outcome in outcomes], claim=owner)
        rows = {row.pk: row for row in mine.annotate(now=Now()).order_by("pk").select_for_update()}
        busy = _busy(rows)
        done, again, failed = [], [], []
        counts: Counter[PushCount.Outcome] = Counter()
        for outcome in outcomes:
            row = rows.get(outcome.task.device_id)
            if row is None:
                continue  # another process has taken over the claim
            if row.requested != outcome.task.requested:
                again.append(row.pk)
                counts[PushCount.Outcome.AGAIN] += 1
            elif (
                outcome.reason or outcome.is_busy or row.pk in busy
            ) and row.attempts + 1 < settings.CONTROLLER_PUSH_ATTEMPTS:
                wait = backoff(row.attempts) if outcome.reason else BUSY_PAUSE
                due = row.now + timedelta(seconds=wait)
                failed.append((row.pk, due, row.attempts + 1, outcome.reason, None, None))
                counts[PushCount.Outcome.RETRIED if outcome.reason else PushCount.Outcome.AGAIN] += 1
            else:
                done.append(row.pk)
                counts[PushCount.Outcome.GIVEN_UP if outcome.reason else PushCount.Outcome.TOLD] += 1
        Push.objects.filter(pk__in=done).delete()
        Push.objects.filter(pk__in=again).update(claim=None, claimed_until=None)
        update_many(Push, ("device_id", "due", "attempts", "reason", "claim", "claimed_until"), failed)
        _count(counts)


def _count(counts: Mapping[PushCount.Outcome, int]) -> None:
    """Add to the numbers of outcomes, with one statement, which locks their rows in one order."""
    if counts:
        statement = _COUNT.format(
            counts=connection.ops.quote_name(PushCount._meta.db_table), rows=", ".join(["(%s, %s)"] * len(counts))
        )
        with connection.cursor() as cursor:
            cursor.execute(
                statement, [value for outcome in sorted(counts) for value in (outcome.value, counts[outcome])]
            )


def _busy(device_ids: Collection[Any]) -> set[Any]:
    """Return those of the devices that fetched an earlier configuration and did not report about it yet.

    Their agents are applying it and ignore signals meanwhile, so the push has to be repeated.
    """
    configs = Config.objects.filter(device__in=device_ids, downloaded__isnull=False).exclude(downloaded=F("released"))
    applying = configs.exclude(Q(applied__isnull=False) & Q(applied=F("downloaded")))
    return set(applying.values_list("device", flat=True))


def release(owner: uuid.UUID) -> None:
    """Give back what a process that is about to end has claimed."""
    Push.objects.filter(claim=owner).update(claim=None, claimed_until=None)


def disown(owner: uuid.UUID, task: Task) -> None:
    """Leave a push whose outcome cannot be stored to a later attempt."""
    due = Now() + timedelta(seconds=backoff(min(task.attempts, settings.CONTROLLER_PUSH_ATTEMPTS)))
    mine = Push.objects.filter(pk=task.device_id, claim=owner)
    mine.update(claim=None, claimed_until=None, due=due, attempts=task.attempts + 1)


def backoff(attempts: int) -> float:
    """Return how many seconds to wait after a failure, the more the more attempts there were before."""
    return settings.CONTROLLER_PUSH_BACKOFF * 4**attempts * random.uniform(0.75, 1.25)
