"""Storing what attempts to reach devices came to, however many at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from .hostkeys import HostKeyPolicy
from .models import DeviceConnection, HostKey
from .wakeup import wake

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One attempt to connect."""

    connection_id: Any
    device_id: Any
    reason: str
    """Why it failed; empty when it did not."""
    policy: HostKeyPolicy | None = None


def store(attempts: Sequence[Attempt]) -> None:
    """Store the outcome of attempts; what did not change costs one statement for all of them."""
    if not attempts:
        return
    now = timezone.now()
    latest = {attempt.connection_id: attempt for attempt in attempts}
    with transaction.atomic():
        rows = DeviceConnection.objects.select_related("credentials", "device__config").order_by("pk")
        changed: list[tuple[DeviceConnection, tuple[bool, str]]] = []
        same: list[tuple[DeviceConnection, tuple[bool, str]]] = []
        for row in rows.filter(pk__in=latest).select_for_update(of=("self",)):
            attempt = latest[row.pk]
            outcome = (not attempt.reason, attempt.reason)
            (same if (row.is_working, row.failure_reason) == outcome else changed).append((row, outcome))
        if same:
            keys = [row.pk for row, _ in same]
            DeviceConnection.objects.filter(pk__in=keys).update(last_attempt=now)
        for row, outcome in changed:
            row.is_working, row.failure_reason = outcome
            row.last_attempt = now
            _save(row)
    store_host_keys((attempt.device_id, attempt.policy) for attempt in attempts if attempt.policy is not None)


def _save(row: DeviceConnection) -> None:
    """Save and announce; a receiver that raises is logged and neither stops the others nor undoes the outcome."""
    fields = ["is_working", "failure_reason", "last_attempt", "modified"]
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("A receiver of is_working_changed failed for connection %s", row.pk)
        DeviceConnection.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in fields})


def store_host_keys(shown: Iterable[tuple[Any, HostKeyPolicy]]) -> None:
    """Remember first keys and refused ones; whoever is first wins."""
    now = timezone.now()
    for device_id, policy in shown:
        if policy.to_pin:
            HostKey.objects.bulk_create(
                [HostKey(device_id=device_id, key=policy.to_pin, accepted=now)], ignore_conflicts=True
            )
            HostKey.objects.filter(device=device_id, key="").update(key=policy.to_pin, accepted=now)
        elif policy.refused:
            HostKey.objects.bulk_create([HostKey(device_id=device_id)], ignore_conflicts=True)
            refused = HostKey.objects.filter(device=device_id).exclude(refused_key=policy.shown)
            if refused.update(refused_key=policy.shown, refused=now):
                wake("notify_host_key", str(device_id))
        elif policy.shown and policy.mode != "off":
            HostKey.objects.filter(device=device_id).exclude(refused_key="").update(refused_key="", refused=None)
