"""What the reconciler does: find whatever a lost message, a killed worker or a new setting left behind."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from ..common.moments import database_time
from ..common.recently import Recently
from ..common.sql import delete_rows
from ..common.wakeup import wake
from . import imports
from .compiling import compiler
from .compiling.compilation import Compilation
from .delivery import jobs, notices
from .devices import shared_address
from .models import Cause, Config, ControllerState, Job, Notice, OutboxEntry, Revision, Vpn, VpnRevision
from .policy import evaluation
from .settings import settings
from .unit_of_work import unit_of_work
from .vpn import credentials, outbound_calls, servers

logger = logging.getLogger(__name__)
CHUNK = 200
PRUNED_AT_ONCE = 10_000
_INPUTS = "system-inputs"
_RECONCILED = "reconciled"
_noted = Recently(_RECONCILED, seconds=20)


def compile_stale(limit: int | None = None) -> int:
    """Compile stale configurations, a chunk a transaction, until none is left; return how many were compiled.

    Args:
        limit: stop after about so many.
    """
    total = 0
    while limit is None or total < limit:
        with unit_of_work(background=True) as unit:
            claimed = compiler.claim_stale(CHUNK)
            unit.consider_locked(Config, claimed)
            for key, why in claimed.items():
                unit.of(Compilation).request_claimed(key, why)
        total += len(claimed)
        if len(claimed) < CHUNK:
            break
    return total


def reconcile() -> None:
    """Start again whatever is left undone. Cheap when nothing is."""
    _note_reconciled()
    shared_address.look()
    mark_after_system_change()
    if Job.objects.exists():
        jobs.run_all()
    if Config.objects.filter(stale_since__isnull=False).exists():
        compile_stale()
    if OutboxEntry.objects.exists():
        evaluation.redeliver()
    if credentials.exist_to_make():
        credentials.make_all()
    if servers.exist_stale():
        servers.compile_stale()
    if outbound_calls.exist_due():
        outbound_calls.run_due()
    if Notice.objects.exists():
        notices.deliver_all()
    if imports.exist_due():
        wake("config.run_device_imports")


def last_reconciled() -> datetime | None:
    """Return when ``reconcile`` was last begun, by the clock of the database, give or take 20 seconds; None = never."""
    value = ControllerState.objects.filter(name=_RECONCILED).values_list("value", flat=True).first()
    return datetime.fromisoformat(value) if value is not None else None


def _note_reconciled() -> None:
    if _noted.is_new(""):
        value = {"value": database_time().isoformat()}
        if not ControllerState.objects.filter(name=_RECONCILED).update(**value):
            ControllerState.objects.get_or_create(name=_RECONCILED, defaults=value)


def mark_after_system_change() -> bool:
    """Mark every configuration when the system's variables, syntax rules or generator changed since the last time."""
    inputs = [
        settings.CONTEXT, settings.DSA_OS_MAPPING, settings.DSA_DEFAULT_FALLBACK, settings.HARDWARE_ID_ENABLED,
        settings.CERT_PATH,
        importlib.metadata.version("netjsonconfig"),
    ]  # fmt: skip
    value = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()
    stored = ControllerState.objects.filter(name=_INPUTS).values_list("value", flat=True).first()
    if stored == value:
        return False
    with transaction.atomic():
        ControllerState.objects.update_or_create(name=_INPUTS, defaults={"value": value})
        if stored is not None:
            recompute("system-wide variables or generator changed")
            servers.mark_all_stale()
    return stored is not None


def recompute(detail: str = "recomputed") -> int:
    """Mark all configurations of active devices for compiling; return how many there are."""
    count = Config.mark_stale(Config.objects.filter(device___is_deactivated=False), Cause.INPUTS, detail)
    wake("config.compile_stale")
    return count


def prune_revisions() -> int:
    """Delete revisions beyond the number to keep, except those that a configuration points to; return how many."""
    pointed = Config.objects.filter(
        Q(compiled=OuterRef("pk"))
        | Q(released=OuterRef("pk"))
        | Q(downloaded=OuterRef("pk"))
        | Q(applied=OuterRef("pk"))
    )
    count = _prune(Revision.objects.all(), "config_id", pointed)
    return count + _prune(VpnRevision.objects.all(), "vpn_id", Vpn.objects.filter(released=OuterRef("pk")))


def _prune(revisions: QuerySet[Any], owner: str, pointed: QuerySet[Any]) -> int:
    newest_first = Window(RowNumber(), partition_by=F(owner), order_by=F("id").desc())
    old = revisions.annotate(age=newest_first).filter(age__gt=settings.REVISIONS_KEPT)
    unused = revisions.filter(~Exists(pointed), pk__in=old.order_by().values("pk")).order_by()
    return delete_rows(revisions.filter(pk__in=unused.values("pk")[:PRUNED_AT_ONCE]).order_by())
