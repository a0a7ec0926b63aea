"""What the database knows about the controller's work, for Prometheus: read when asked for, with few statements."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, DateTimeField, Min, QuerySet, Value
from django.db.models.functions import Cast
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ..common.moments import database_time
from ..config import maintenance
from ..config.models import Config, Device, Job, Notice, OutboxEntry, ServerCall, StaleServer
from ..connection.models import Command, Push, PushCount

logger = logging.getLogger(__name__)
PREFIX = "openwisp_controller"


class DatabaseMetrics:
    """Reads the database for each collection; one that is away is told by ``database_up``."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        try:
            metrics = [*_work(), _devices(), _pushes(), *_reconciled()]
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The database could not be asked for numbers: %s", error)
            metrics = []
        yield GaugeMetricFamily(f"{PREFIX}_database_up", "Whether the database answers.", float(bool(metrics)))
        yield from metrics


def _work() -> list[Metric]:
    """Return how much work of each kind waits, and how old the oldest piece of it is."""
    kinds = [
        _waiting("configuration", Config.objects.filter(stale_since__isnull=False), "stale_since"),
        _waiting("vpn-server", StaleServer.objects.all(), None),
        _waiting("job", Job.objects.all(), "created"),
        _waiting("notice", Notice.objects.all(), "created"),
        _waiting("signal", OutboxEntry.objects.all(), "created"),
        _waiting("vpn-server-call", ServerCall.objects.all(), "due"),
        _waiting("push", Push.objects.all(), "since"),
        _waiting("command", Command.objects.filter(status=Command.Status.IN_PROGRESS), "created"),
    ]
    items = GaugeMetricFamily(f"{PREFIX}_work_items", "Work that waits or is being done.", labels=["kind"])
    ages = GaugeMetricFamily(f"{PREFIX}_work_oldest_seconds", "Age of the oldest of it.", labels=["kind"])
    now = database_time()
    for kind, number, oldest in kinds[0].union(*kinds[1:], all=True):
        items.add_metric([kind], number)
        ages.add_metric([kind], _age(oldest, now))
    return [items, ages]


def _waiting(kind: str, rows: QuerySet[Any], since: str | None) -> QuerySet[Any, Any]:
    """Return the query for one kind of work: its name, how many rows, the earliest moment.

    Args:
        since: the field that says since when a row waits; None = nothing does.
    """
    oldest = Min(since if since is not None else Cast(Value(None), DateTimeField()))
    named = rows.order_by().annotate(kind_of_work=Value(kind)).values("kind_of_work")
    return named.annotate(number=Count("pk"), oldest=oldest).values_list("kind_of_work", "number", "oldest")


def _age(oldest: datetime | None, now: datetime) -> float:
    return max((now - oldest).total_seconds(), 0.0) if oldest is not None else 0.0


def _devices() -> Metric:
    devices = GaugeMetricFamily(
        f"{PREFIX}_devices", "Devices by status of their configuration; none = without one.", labels=["status"]
    )
    for status, number in Device.objects.order_by().values_list("config__status").annotate(number=Count("pk")):
        devices.add_metric([status or "none"], number)
    return devices


def _pushes() -> Metric:
    pushes = CounterMetricFamily(f"{PREFIX}_pushes", "Attempts to tell devices of changes.", labels=["outcome"])
    counted = dict(PushCount.objects.values_list("outcome", "number"))
    for outcome in PushCount.Outcome:
        pushes.add_metric([outcome.value], counted.get(outcome.value, 0))
    return pushes


def _reconciled() -> list[Metric]:
    """Return when periodic work was last begun; nothing where it never was."""
    moment = maintenance.last_reconciled()
    if moment is None:
        return []
    text = "When the periodic work was last begun, in seconds since 1970."
    return [GaugeMetricFamily(f"{PREFIX}_last_reconcile_timestamp_seconds", text, moment.timestamp())]
