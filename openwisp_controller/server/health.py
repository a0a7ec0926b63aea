"""Whether the process is alive and whether it can do its work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from ..common.sql import impatient
from .celery import app

logger = logging.getLogger(__name__)
_OF_NOBODY = "readiness"
"""Key of the session that readiness writes: an empty one, shorter than any key that is given out."""
_PATIENCE = 2.0
"""Seconds that readiness waits for others who write."""


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process serves requests."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, broker and migrations are in order, else 503; the body names what is not."""
    problems = failing_checks()
    status = {name: "failed" if name in problems else "ok" for name in CHECKS}
    return JsonResponse({"ready": not problems, "checks": status}, status=503 if problems else 200)


def failing_checks() -> dict[str, str]:
    """Run every check; return what is wrong, by name of the check."""
    problems = {}
    for name, check in CHECKS.items():
        try:
            check()
        except Exception as error:
            logger.error("Not ready, %s: %s", name, error)
            problems[name] = str(error)
    return problems


def _database() -> None:
    """Write a row: a database that can only be read, for it is full or locked, lets no device in."""
    with impatient(_PATIENCE):
        sessions: Any = apps.get_model("sessions", "Session")
        tomorrow = timezone.now() + timedelta(days=1)
        sessions.objects.update_or_create(
            session_key=_OF_NOBODY, defaults={"session_data": "", "expire_date": tomorrow}
        )


def _broker() -> None:
    if settings.CELERY_BROKER_URL.startswith("memory:"):
        return
    with app.connection_for_write(connect_timeout=2) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise RuntimeError(f"{len(plan)} migrations are not applied: run `openwisp-controller manage migrate`")


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "broker": _broker, "migrations": _migrations}
