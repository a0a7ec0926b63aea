"""Running commands: which are to run, which process runs them, and their outcomes.

A command that the device may have received is never sent again. The time of the start is stored before anything is
sent; a command whose process disappeared after that is marked as failed, one that was not sent yet is run by another.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from ..common.claims import lock
from ..common.encryption import readable
from ..config.models.config import storable
from . import batches, claims, commands
from .attempts import Attempt
from .exceptions import NO_CONNECTION, reason_of
from .models import Command, DeviceConnection
from .settings import settings
from .transport import TRUNCATED

logger = logging.getLogger(__name__)
DEACTIVATED = "Device is deactivated.\n"
INTERRUPTED = (
    "The controller was interrupted while it ran this command. The device may have executed it, wholly or in part;"
    " it was not sent again.\n"
)


class Withdrawn(Exception):
    """The command was deleted or cancelled before it was sent."""


@dataclass(frozen=True)
class CommandTask:
    """A claimed command."""

    command_id: Any
    device_id: Any
    type: str
    shown: str = field(repr=False)
    """How it is shown: its text, or the label of its type."""
    shell: str | None = field(repr=False)
    """What to run in the device's shell; None = a method of the connector."""
    arguments: dict[str, Any] = field(repr=False)
    """For that method."""
    secrets: list[str] = field(repr=False)
    connections: Sequence[DeviceConnection] = ()
    refusal: str = ""
    """Why it cannot be run at all."""


@dataclass
class CommandOutcome:
    """Result of a command."""

    task: CommandTask
    status: str = Command.Status.FAILED
    output: str = ""
    connection_id: Any = None
    attempts: list[Attempt] = field(default_factory=list)

    def failed(self, output: str) -> CommandOutcome:
        self.status, self.output = Command.Status.FAILED, self.output + output
        return self


def completed_outcome(outcome: CommandOutcome, output: str, exit_status: int) -> CommandOutcome:
    """Complete an outcome with what the device printed and its exit status."""
    outcome.output = _with_newline(output)
    if exit_status == 0:
        outcome.status = Command.Status.SUCCESS
        return outcome
    return outcome.failed(f'Command "{outcome.task.shown}" returned non-zero exit code: {exit_status}\n')


def claim(owner: uuid.UUID, limit: int) -> list[CommandTask]:
    """Claim commands that were not started yet, single ones first; mass commands only so many at once."""
    fail_interrupted()
    with transaction.atomic():
        waiting = Command.objects.filter(claims.free(), status=Command.Status.IN_PROGRESS, started=None)
        if limit < 1 or not waiting.exists():
            return []
        room = claims.room(Command, limit)
        rows = list(lock(waiting.filter(batch_command=None))[:room])
        for batch_id, allowed in _batches(waiting):
            rows += list(lock(waiting.filter(batch_command=batch_id))[: min(allowed, room - len(rows))])
        Command.objects.filter(pk__in=[row.pk for row in rows]).update(claim=owner, claimed_until=claims.until())
    rows = list(_complete().filter(pk__in=[row.pk for row in rows]))
    unchosen = [row.device_id for row in rows if row.connection_id is None]
    candidates = DeviceConnection.candidates(unchosen) if unchosen else {}
    DeviceConnection.prepare(row.connection for row in rows if row.connection is not None)
    return [_task(row, candidates.get(row.device_id, ())) for row in rows]


def _complete() -> Any:
    """Return commands with all that is needed on the event loop, where the database cannot be asked."""
    return Command.objects.select_related(
        "device__config", "device__host_key", "connection__credentials", "connection__device__config",
        "connection__device__host_key",
    )  # fmt: skip


def _batches(waiting: Any) -> Iterable[tuple[Any, int]]:
    """Yield the mass commands with waiting commands, and how many of each may be started."""
    ids = waiting.exclude(batch_command=None).order_by().values_list("batch_command", flat=True).distinct()
    claimed = Command.objects.filter(status=Command.Status.IN_PROGRESS, claimed_until__isnull=False)
    active = claimed.exclude(claims.lapsed())
    running = dict(active.order_by().values_list("batch_command").annotate(count=Count("pk")))
    for batch_id in ids:
        allowed = settings.CONTROLLER_BATCH_CONCURRENCY - running.get(batch_id, 0)
        if allowed > 0:
            yield batch_id, allowed


def _task(command: Command, candidates: Sequence[DeviceConnection]) -> CommandTask:
    shell: str | None = None
    arguments: dict[str, Any] = {}
    usable: list[DeviceConnection] = []
    secrets = commands.secret_values(command.type, command.input)
    try:
        shell, arguments = _shell_or_arguments(command)
        chosen = [command.connection] if command.connection is not None else candidates
        usable = [connection for connection in chosen if connection.credentials.connector_class.has_update_strategy]
        refusal = "" if usable else f"{NO_CONNECTION}\n"
    except Exception as error:
        log_failure(command.pk, error, secrets)
        refusal = f"Internal system error: {reason_of(error)}\n"
    if command.device.is_fully_deactivated():
        refusal = DEACTIVATED
    return CommandTask(
        command.pk,
        command.device_id,
        command.type,
        shown=command.input_text if command.type == "custom" else commands.label(command.type),
        shell=shell,
        arguments=arguments,
        secrets=secrets,
        connections=usable,
        refusal=refusal,
    )


def _shell_or_arguments(command: Command) -> tuple[str | None, dict[str, Any]]:
    """Return the shell command; or None and the arguments of the connector's method."""
    readable(command.input)
    values: dict[str, Any] = command.input if isinstance(command.input, dict) else {}
    if command.type == "custom":
        return values["command"], {}
    function = commands.get_command_callable(command.type)
    return (None, values) if function is None else (function(**values), {})


def log_failure(command_id: Any, error: BaseException, secrets: list[str]) -> None:
    """Log the exception that is being handled; without its traceback where that might show secrets."""
    text = "An exception was raised while executing command %s"
    if secrets:
        logger.error(
            f"{text}: %s: %s", command_id, type(error).__name__, commands.mask_secrets(reason_of(error), secrets)
        )
    else:
        logger.error(text, command_id, exc_info=error)


def start(owner: uuid.UUID, command_ids: Sequence[Any]) -> set[Any]:
    """Store that commands are about to be sent; return those that still are to be."""
    with transaction.atomic():
        mine = Command.objects.filter(
            pk__in=command_ids, claim=owner, status=Command.Status.IN_PROGRESS, started=None
        ).order_by("pk")
        keys = set(mine.select_for_update().values_list("pk", flat=True))
        keys -= batches.withdraw_late(keys)
        Command.objects.filter(pk__in=keys).update(started=timezone.now(), claimed_until=claims.until())
    return keys


def progress(owner: uuid.UUID, outputs: Sequence[tuple[CommandTask, str]]) -> None:
    """Store what running commands have printed so far."""
    by_id = {task.command_id: (task, text) for task, text in outputs}
    rows = Command.objects.filter(pk__in=by_id, claim=owner, status=Command.Status.IN_PROGRESS)
    for command in rows.select_related("connection__credentials"):
        task, text = by_id[command.pk]
        command.output = cleaned_output(text, task.secrets)
        command.save(update_fields=["output", "modified"])


def store(owner: uuid.UUID, outcomes: Sequence[CommandOutcome]) -> None:
    """Store how claimed commands ended. A late outcome replaces ``INTERRUPTED``."""
    by_id = {outcome.task.command_id: outcome for outcome in outcomes}
    changed_batches = set()
    with transaction.atomic():
        # an interrupted one keeps its claim, a cancelled one has none
        rows = Command.objects.filter(pk__in=by_id, claim=owner).order_by("pk").select_for_update(of=("self",))
        for command in rows:
            outcome = by_id[command.pk]
            command.status = outcome.status
            command.output = cleaned_output(outcome.output, outcome.task.secrets)
            command.input = commands.masked(command.type, command.input)
            command.claimed_until = None
            if outcome.connection_id is not None and command.connection_id is None:
                existing = DeviceConnection.objects.filter(pk=outcome.connection_id)
                command.connection_id = existing.values_list("pk", flat=True).first()
            command.save(update_fields=["status", "output", "input", "claimed_until", "connection", "modified"])
            changed_batches.add(command.batch_command_id)
    for batch_id in changed_batches - {None}:
        batches.update_status(batch_id)


def fail_interrupted() -> int:
    """Mark commands as failed whose process disappeared after the start; return how many."""
    lost = Command.objects.filter(claims.lapsed(), status=Command.Status.IN_PROGRESS, started__isnull=False)
    if not lost.exists():
        return 0
    changed_batches = set()
    with transaction.atomic():
        rows = list(lock(lost))
        for command in rows:
            command.status = Command.Status.FAILED
            command.output = _with_newline(command.output) + INTERRUPTED
            command.input = commands.masked(command.type, command.input)
            command.claimed_until = None
            command.save(update_fields=["status", "output", "input", "claimed_until", "modified"])
            changed_batches.add(command.batch_command_id)
    for batch_id in changed_batches - {None}:
        batches.update_status(batch_id)
    logger.warning("%d commands were interrupted", len(rows))
    return len(rows)


def release(owner: uuid.UUID) -> None:
    """Give back commands that a process that is about to end has claimed and not sent."""
    Command.objects.filter(Q(claim=owner), started=None, status=Command.Status.IN_PROGRESS).update(
        claim=None, claimed_until=None
    )


def disown(owner: uuid.UUID, command_id: Any) -> None:
    """Leave a command whose outcome cannot be stored to ``fail_interrupted``."""
    Command.objects.filter(pk=command_id, claim=owner).update(claim=None, claimed_until=Now())


def claim_one(owner: uuid.UUID, command_id: Any) -> CommandTask | None:
    """Claim a certain command; None when it is not to be run any more."""
    waiting = Command.objects.filter(claims.free(), pk=command_id, status=Command.Status.IN_PROGRESS, started=None)
    if not waiting.update(claim=owner, claimed_until=claims.until()):
        return None
    command = _complete().get(pk=command_id)
    candidates = DeviceConnection.candidates([command.device_id]).get(command.device_id, [])
    DeviceConnection.prepare([command.connection] if command.connection is not None else [])
    return _task(command, candidates)


def cleaned_output(text: str, secrets: list[str]) -> str:
    """Return an output as it may be stored: without secrets and characters that databases refuse, cut to the limit."""
    limit = settings.CONTROLLER_COMMAND_OUTPUT_LIMIT
    text = commands.mask_secrets(storable(text), secrets)
    return text if len(text) <= limit + 2 * len(TRUNCATED) + 1000 else text[:limit] + TRUNCATED


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
