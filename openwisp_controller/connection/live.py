"""Live updates: messages to the groups of WebSockets, sent after the commit.

Every save of a command that is not its first is told. A restored version or a fixture is no change.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from .models import BatchCommand, Command
from .serialization import CommandSerializer

logger = logging.getLogger(__name__)
_TIMEOUT = 2.0
"""Seconds; sessions must not wait for a channel layer that hangs."""


def device_group(device_id: Any) -> str:
    """Return the name of the channel group of a device."""
    return f"config.device-{device_id}"


def batch_group(batch_id: Any) -> str:
    """Return the name of the channel group of a mass command."""
    return f"connection.batch-command-{batch_id}"


def command_changed(command: Command) -> None:
    """Send the command, as the REST interface shows it, after the commit."""
    message = {"type": "send.update", "model": "Command", "data": dict(CommandSerializer(command).data)}
    transaction.on_commit(partial(_send, device_group(command.device_id), message))


@receiver(post_save, sender=Command, dispatch_uid="connection_live_updates")
def on_command_saved(sender: Any, instance: Command, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Receive that a command was stored."""
    if not created and not raw:
        command_changed(instance)


def batch_changed(batch: BatchCommand) -> None:
    """Send the state of a mass command after the commit."""
    data = {"id": str(batch.pk), "status": batch.status, **batch.counts()}
    message = {"type": "send.update", "model": "BatchCommand", "data": data}
    transaction.on_commit(partial(_send, batch_group(batch.pk), message))


async def _send_in_time(layer: Any, group: str, message: dict[str, Any]) -> None:
    async with asyncio.timeout(_TIMEOUT):
        await layer.group_send(group, message)


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_send_in_time)(layer, group, message)
    except Exception as error:  # pages can be loaded again; the truth is in the database
        logger.warning("A live update could not be sent: %r", error)
