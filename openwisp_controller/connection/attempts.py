"""Attempts to connect to devices: making one, and storing the results of however many at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from ..config.models import Device, Notice
from ..config.unit_of_work import unit_of_work
from .exceptions import reason_of
from .hostkeys import HostKeyPolicy
from .models import DeviceConnection, HostKey

logger = logging.getLogger(__name__)
DEACTIVATED = "Device is deactivated"
_OUTCOME = ["is_working", "failure_reason", "last_attempt", "modified"]
"""Fields of a connection that an attempt writes."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to connect."""

    connection_id: Any
    device_id: Any
    reason: str
    """Why it failed; empty when it did not."""
    policy: HostKeyPolicy | None = None


def connect(connection: DeviceConnection) -> bool:
    """Connect to a device in this thread, store whether that worked and return it.

    Args:
        connection: gets the outcome; its connector is connected then.
    """
    if connection.device.is_fully_deactivated():
        connection.is_working, connection.failure_reason = False, DEACTIVATED
    else:
        try:
            connection.connector_instance.connect()
        except Exception as error:
            connection.is_working, connection.failure_reason = False, reason_of(error)
        else:
            connection.is_working, connection.failure_reason = True, ""
    _store_one(connection)
    return bool(connection.is_working)


def _store_one(connection: DeviceConnection) -> None:
    """Store the outcome that a connection has noted, unless its row is gone."""
    connection.last_attempt = timezone.now()
    policy = getattr(connection.__dict__.get("connector_instance"), "host_keys", None)
    if policy is not None:
        store_host_keys([(connection.device_id, policy)])
    try:
        with transaction.atomic():
            connection.save(update_fields=_OUTCOME)
    except DatabaseError:
        if DeviceConnection.objects.filter(pk=connection.pk).exists():
            logger.exception(
                "The outcome of an attempt to connect could not be stored for connection %s", connection.pk
            )
            raise
        logger.info("The connection %s was deleted meanwhile", connection.pk)


def store(attempts: Sequence[Attempt]) -> None:
    """Store the outcome of attempts; what did not change costs one statement for all of them.

    A receiver of ``is_working_changed`` that raises is logged and neither stops the others nor undoes the outcome.
    """
    if not attempts:
        return
    now = timezone.now()
    latest = {attempt.connection_id: attempt for attempt in attempts}
    with unit_of_work(robust=True):
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
            row.save(update_fields=["is_working", "failure_reason", "last_attempt", "modified"])
    store_host_keys((attempt.device_id, attempt.policy) for attempt in attempts if attempt.policy is not None)


def store_host_keys(shown: Iterable[tuple[Any, HostKeyPolicy]]) -> None:
    """Store first keys and refused ones; of two first keys, the one stored first stays."""
    with transaction.atomic():
        _store_host_keys(shown)


def _store_host_keys(shown: Iterable[tuple[Any, HostKeyPolicy]]) -> None:
    now = timezone.now()
    first, refused, right = {}, {}, []
    for device_id, policy in shown:
        if policy.to_pin:
            first[device_id] = policy.to_pin
        elif policy.refused:
            refused[device_id] = policy.shown
        elif policy.shown and policy.mode != "off":
            right.append(device_id)
    if first or refused:
        there = _locked({*first, *refused})
        first = {key: value for key, value in first.items() if key in there}
        refused = {key: value for key, value in refused.items() if key in there}
    rows = [HostKey(device_id=device_id, key=key, accepted=now) for device_id, key in first.items()]
    rows += [HostKey(device_id=device_id) for device_id in refused]
    HostKey.objects.bulk_create(rows, ignore_conflicts=True)
    for row in HostKey.objects.filter(device__in=first, key="") if first else ():
        HostKey.objects.filter(pk=row.pk, key="").update(key=first[row.pk], accepted=now)
    for device_id, key in refused.items():
        other = HostKey.objects.filter(device=device_id).exclude(refused_key=key)
        if other.update(refused_key=key, refused=now):
            Notice.write("host_key_refused", device_id)
    if right:
        HostKey.objects.filter(device__in=right).exclude(refused_key="").update(refused_key="", refused=None)


def _locked(device_ids: set[Any]) -> set[Any]:
    """Lock devices, so that none is deleted until the end of the transaction; return those that exist."""
    rows = Device.objects.filter(pk__in=device_ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    return set(rows.values_list("pk", flat=True))
