"""Messages to the groups of WebSockets, sent after the commit."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)
_TIMEOUT = 2.0
"""Seconds; sessions must not wait for a channel layer that hangs."""


def send_after_commit(message: dict[str, Any], *groups: str) -> None:
    """Send a message to groups once the current transaction is committed.

    Args:
        message: with the name of the consumer's method in ``type``.
        groups: their names.
    """
    transaction.on_commit(partial(_send, message, groups))


async def _send_in_time(layer: Any, message: dict[str, Any], groups: tuple[str, ...]) -> None:
    async with asyncio.timeout(_TIMEOUT):
        for group in groups:
            await layer.group_send(group, message)


def _send(message: dict[str, Any], groups: tuple[str, ...]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_send_in_time)(layer, message, groups)
    except Exception as error:  # pages can be loaded again; the truth is in the database
        logger.warning("A live update could not be sent: %r", error)
