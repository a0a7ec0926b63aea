"""Telling those who watch: messages over the WebSockets, after the commit."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

if TYPE_CHECKING:
    from .models import BatchCommand, Command

logger = logging.getLogger(__name__)
_PATIENCE = 2.0
"""Seconds; sessions must not wait for a channel layer that hangs."""


def device_group(device_id: Any) -> str:
    """Return the name of the group of those who watch a device."""
    return f"config.device-{device_id}"


def batch_group(batch_id: Any) -> str:
    """Return the name of the group of those who watch a mass command."""
    return f"connection.batch-command-{batch_id}"


def command_changed(command: Command) -> None:
    """Send the command, as the REST interface shows it, after the commit."""
    from .api.serializers import CommandSerializer

    message = {"type": "send.update", "model": "Command", "data": dict(CommandSerializer(command).data)}
    transaction.on_commit(partial(_send, device_group(command.device_id), message))


def batch_changed(batch: BatchCommand) -> None:
    """Send the state of a mass command after the commit."""
    data = {"id": str(batch.pk), "status": batch.status, **batch.counts()}
    message = {"type": "send.update", "model": "BatchCommand", "data": data}
    transaction.on_commit(partial(_send, batch_group(batch.pk), message))


async def _send_in_time(layer: Any, group: str, message: dict[str, Any]) -> None:
    async with asyncio.timeout(_PATIENCE):
        await layer.group_send(group, message)


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_send_in_time)(layer, group, message)
    except Exception as error:  # who watches can look again; the truth is in the database
        logger.warning("A live update could not be sent: %r", error)
