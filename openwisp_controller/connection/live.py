"""Live updates: messages to the groups of WebSockets, sent after the commit.

Every save of a command that is not its first is told. A restored version or a fixture is no change.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from ..common.live_updates import send_after_commit
from .models import BatchCommand, Command
from .serialization import CommandSerializer


def device_group(device_id: Any) -> str:
    """Return the name of the channel group of a device."""
    return f"config.device-{device_id}"


def batch_group(batch_id: Any) -> str:
    """Return the name of the channel group of a mass command."""
    return f"connection.batch-command-{batch_id}"


def command_changed(command: Command) -> None:
    """Send the command, as the REST interface shows it, after the commit."""
    message = {"type": "send.update", "model": "Command", "data": dict(CommandSerializer(command).data)}
    send_after_commit(message, device_group(command.device_id))


@receiver(post_save, sender=Command, dispatch_uid="connection_live_updates")
def on_command_saved(sender: Any, instance: Command, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Receive that a command was stored."""
    if not created and not raw:
        command_changed(instance)


def batch_changed(batch: BatchCommand) -> None:
    """Send the state of a mass command after the commit."""
    data = {"id": str(batch.pk), "status": batch.status, **batch.counts()}
    message = {"type": "send.update", "model": "BatchCommand", "data": data}
    send_after_commit(message, batch_group(batch.pk))
