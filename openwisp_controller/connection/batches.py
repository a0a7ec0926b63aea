"""Mass commands: their targets, creating commands in chunks, cancelling them, and their status."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, TextField, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from ..common.wakeup import wake
from ..config.models import Device
from . import commands, live, locations
from .models import BatchCommand, Command, DeviceConnection

CHUNK = 100
Status = BatchCommand.Status
CANCELLED = "Cancelled before it was sent.\n"
STOPPED = "Not sent: too many commands of this mass command failed.\n"


@dataclass
class Plan:
    """Preview of a mass command."""

    devices: list[Any] = field(default_factory=list)
    """Keys of all targets."""
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Key of a target that would be skipped → the reasons."""


def targets(batch: BatchCommand, devices: Iterable[Any] = ()) -> QuerySet[Device]:
    """Return the devices that a mass command is for: those given, else those of its organization, group and location.

    Raises:
        ValidationError: a given device belongs to another organization, or there is none at all.
    """
    found = Device.objects.order_by("pk")
    keys = [getattr(device, "pk", device) for device in devices]
    if keys:
        found = found.filter(pk__in=keys)
        if batch.organization_id is not None and found.exclude(organization=batch.organization_id).exists():
            text = _("All devices must belong to the same organization as the batch command.")
            raise ValidationError({"devices": text})
    else:
        if batch.organization_id is not None:
            found = found.filter(organization=batch.organization_id)
        if batch.group_id is not None:
            found = found.filter(group=batch.group_id)
        if batch.location is not None:
            found = locations.devices_at(found, batch.location)
    if not found.exists():
        raise ValidationError({"devices": _("No devices match the specified criteria.")})
    return found


def plan(batch: BatchCommand, devices: QuerySet[Device]) -> Plan:
    """Return which devices would receive a mass command, and which would be skipped and why. Changes nothing."""
    result = Plan()
    for device in _with_reachability(devices):
        result.devices.append(str(device.pk))
        reasons = _skip_reasons(batch, device)
        if reasons:
            result.skipped[str(device.pk)] = reasons
    return result


def execute(batch: BatchCommand, devices: QuerySet[Device]) -> BatchCommand:
    """Store a checked mass command with its targets; it starts after the commit."""
    with transaction.atomic():
        batch.save()
        through: Any = BatchCommand.devices.through
        rows = [through(batchcommand_id=batch.pk, device_id=key) for key in devices.values_list("pk", flat=True)]
        through.objects.bulk_create(rows, batch_size=1000)
        wake("connection.launch_batch_command", str(batch.pk))
    return batch


def launch(batch_id: Any) -> None:
    """Create the commands of a mass command, in chunks; continues where an interrupted run stopped."""
    while _launch_chunk(batch_id):
        pass


def forget_location(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Receive that a location was deleted: mass commands for it stay, without it."""
    BatchCommand.objects.filter(location=instance.pk).update(location=None)


def resume_unfinished() -> None:
    """Continue mass commands whose message was lost, and finish those whose last outcome was missed."""
    for batch in BatchCommand.objects.filter(status__in=(Status.IDLE, Status.IN_PROGRESS)):
        launch(batch.pk)
        update_status(batch.pk)


def update_status(batch_id: Any) -> None:
    """Update the status of a mass command after some of its commands finished."""
    with transaction.atomic():
        batch = BatchCommand.objects.select_for_update(of=("self",)).filter(pk=batch_id).first()
        if batch is None or batch.status != Status.IN_PROGRESS:
            return
        failed = batch.batch_commands.filter(status=Command.Status.FAILED).count()
        if batch.stop_after_failures and failed >= batch.stop_after_failures:
            _withdraw(batch, STOPPED)
            _finish(batch, Status.FAILED)
        elif batch.cursor == _END and not batch.batch_commands.filter(status=Command.Status.IN_PROGRESS).exists():
            _finish(batch, _final_status(batch))
        else:
            live.batch_changed(batch)


def cancel(batch: BatchCommand) -> bool:
    """Cancel the commands that were not sent yet; return False when the mass command has finished already."""
    with transaction.atomic():
        batch = BatchCommand.objects.select_for_update(of=("self",)).get(pk=batch.pk)
        if batch.status not in (Status.IDLE, Status.IN_PROGRESS):
            return False
        _withdraw(batch, CANCELLED)
        _finish(batch, Status.CANCELLED)
    return True


_END = uuid.UUID(int=2**128 - 1)


def _launch_chunk(batch_id: Any) -> bool:
    """Create one chunk of commands; return False when there are no more."""
    with transaction.atomic():
        batch = BatchCommand.objects.select_for_update(of=("self",)).filter(pk=batch_id).first()
        if batch is None or batch.status not in (Status.IDLE, Status.IN_PROGRESS) or batch.cursor == _END:
            return False
        remaining = batch.devices.order_by("pk")
        if batch.cursor is not None:
            remaining = remaining.filter(pk__gt=batch.cursor)
        chunk = list(_with_reachability(remaining)[:CHUNK])
        rows = []
        for device in chunk:
            reasons = _skip_reasons(batch, device)
            if reasons:
                batch.skipped_devices[str(device.pk)] = reasons
            else:
                rows.append(Command(device=device, type=batch.type, input=batch.input, batch_command=batch))
        Command.objects.bulk_create(rows)
        batch.status = Status.IN_PROGRESS
        last = len(chunk) < CHUNK
        batch.cursor = _END if last else chunk[-1].pk
        if last:
            batch.input = commands.masked(batch.type, batch.input)
        batch.save()
        wake("connection.push_due")
        live.batch_changed(batch)
    if last:
        update_status(batch_id)
    return not last


def _with_reachability(devices: QuerySet[Device]) -> QuerySet[Device]:
    enabled = DeviceConnection.objects.filter(device=OuterRef("pk"), enabled=True)
    known = DeviceConnection.objects.filter(device=OuterRef("pk"))
    return devices.select_related("config").annotate(reachable=Exists(enabled), known=Exists(known))


def _skip_reasons(batch: BatchCommand, device: Any) -> list[str]:
    reasons = []
    if device.is_deactivated():
        reasons.append(_("Device is deactivated."))
    if not device.known:
        reasons.append(_("Device has no credentials assigned."))
    elif not device.reachable:
        reasons.append(_("Device has no enabled connection."))
    if batch.type and not commands.is_allowed(batch.type, device.organization_id):
        reasons.append(_('"{type}" command is not available for this organization').format(type=batch.type))
    return reasons


def _final_status(batch: BatchCommand) -> str:
    counts = batch.counts()
    if counts["failed"] or (not counts["total"] and counts["skipped"]):
        return Status.FAILED
    return Status.SUCCESS


def withdraw_late(command_ids: Iterable[Any]) -> set[Any]:
    """Cancel those of the locked commands whose mass command has finished, and return their keys.

    They were being claimed while it was cancelled or stopped.
    """
    rows = Command.objects.filter(pk__in=command_ids).exclude(batch_command=None)
    late = rows.exclude(batch_command__status__in=(Status.IDLE, Status.IN_PROGRESS)).select_related("batch_command")
    withdrawn = set()
    for command in late:
        batch: Any = command.batch_command
        _fail(batch, [command.pk], CANCELLED if batch.status == Status.CANCELLED else STOPPED)
        withdrawn.add(command.pk)
    return withdrawn


def _withdraw(batch: BatchCommand, why: str) -> None:
    """Cancel the commands that no process is claiming at this moment, and skip the devices that have none yet."""
    unsent = batch.batch_commands.filter(status=Command.Status.IN_PROGRESS, started=None).order_by("pk")
    skip = connection.features.has_select_for_update_skip_locked
    _fail(batch, unsent.select_for_update(of=("self",), skip_locked=skip).values_list("pk", flat=True), why)
    if batch.cursor != _END:
        rest = batch.devices.all() if batch.cursor is None else batch.devices.filter(pk__gt=batch.cursor)
        batch.skipped_devices.update({str(key): [why.strip()] for key in rest.values_list("pk", flat=True)})


def _fail(batch: BatchCommand, command_ids: Iterable[Any], why: str) -> None:
    field: Any = Command._meta.get_field("input")
    value = field.encrypt_value(commands.masked(batch.type, batch.input))
    Command.objects.filter(pk__in=list(command_ids)).update(
        status=Command.Status.FAILED, output=why, claim=None, claimed_until=None, modified=timezone.now(),
        input=Value(value, output_field=TextField()),
    )  # fmt: skip


def _finish(batch: BatchCommand, status: str) -> None:
    batch.status = status
    batch.cursor = _END
    batch.input = commands.masked(batch.type, batch.input)
    batch.save()
    live.batch_changed(batch)
    wake("connection.notify_batch_finished", str(batch.pk))
