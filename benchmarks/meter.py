"""Measuring: SQL round trips, CPU and wall time of one operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


@dataclass(frozen=True)
class Cost:
    """What one operation costs: SQL round trips (BEGIN and COMMIT included), milliseconds of CPU and of wall time.

    CPU is that of the controller's process; the database server's comes on top.
    """

    operation: str
    sql: float
    cpu: float
    wall: float
    budget_sql: float | None = None
    budget_cpu: float | None = None
    total: float | None = None
    """Seconds of wall time for all units, where one call does many."""

    @property
    def within(self) -> bool:
        sql = self.budget_sql is None or self.sql <= self.budget_sql
        return sql and (self.budget_cpu is None or self.cpu <= self.budget_cpu)


def measure(
    operation: str,
    calls: Iterable[Callable[[], Any]],
    *,
    units: int | None = None,
    budget: tuple[float | None, float | None] = (None, None),
) -> Cost:
    """Run ``calls`` one after the other and return the cost of one.

    Args:
        operation: the name in the table.
        calls: the first is run once before the measurement, to warm up, and counted for SQL.
        units: divide the sum by this instead of the number of calls.
        budget: upper limits of SQL and CPU (ms).
    """
    calls = list(calls)
    if len(calls) > 1:
        with CaptureQueriesContext(connection) as queries:
            calls.pop(0)()
        sql = float(len(queries))
        _run(calls[: len(calls) // 10])
        calls = calls[len(calls) // 10 :]
        cpu, wall = _run(calls)
    else:
        with CaptureQueriesContext(connection) as queries:
            cpu, wall = _run(calls)
        sql = len(queries) / (units or 1)
    count = units or len(calls)
    return Cost(operation, sql, cpu / count * 1000, wall / count * 1000, *budget, total=wall if units else None)


def _run(calls: Iterable[Callable[[], Any]]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for call in calls:
        call()
    return time.process_time() - cpu, time.perf_counter() - wall
