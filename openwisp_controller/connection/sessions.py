"""Sessions on the event loop: connecting to a device over one of its connections, then pushing or running a command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .attempts import Attempt
from .connectors import dispatch
from .exceptions import NO_CONNECTION, CommandTimeoutException, DeviceBusy, reason_of
from .execution import CommandOutcome, CommandTask, Withdrawn, completed_outcome, log_failure
from .models import DeviceConnection
from .push import PushOutcome, Task
from .settings import settings

logger = logging.getLogger(__name__)
_MARGIN = 5.0
"""Seconds granted beyond the sum of all time-outs."""


async def connect(
    connections: Sequence[DeviceConnection], attempts: list[Attempt]
) -> tuple[DeviceConnection | None, str]:
    """Connect over the first connection that works; return it, or None and the reason of the last failure.

    Args:
        connections: tried in this order.
        attempts: every attempt that was made is appended; there is none without an address.
    """
    reason = NO_CONNECTION
    for connection in connections:
        try:
            connector = connection.connector_instance
            await dispatch.call(connector, "connect")
            reason = ""
        except Exception as error:
            reason = reason_of(error)
            if _has_no_address(connection):
                continue  # that says nothing about the connection
        policy = getattr(connection.__dict__.get("connector_instance"), "host_keys", None)
        attempts.append(Attempt(connection.pk, connection.device_id, reason, policy))
        if not reason:
            return connection, ""
    return None, reason


def _has_no_address(connection: DeviceConnection) -> bool:
    """Tell whether the device did not say yet where it is reached."""
    connector = connection.__dict__.get("connector_instance")
    return connector is not None and not getattr(connector, "addresses", True)


async def push(task: Task) -> PushOutcome:
    """Connect to a device and make it fetch its configuration."""
    outcome = PushOutcome(task)
    connection = None
    try:
        async with asyncio.timeout(settings.CONTROLLER_PUSH_DEADLINE):
            connection, outcome.reason = await connect(task.connections, outcome.attempts)
            if connection is not None:
                device = connection.device
                logger.info("Updating %s (pk: %s)", device, device.pk)
                connector = connection.connector_instance
                again = task.is_last_try and task.is_report_missing and hasattr(connector, "refetch_config")
                await dispatch.call(connector, "refetch_config" if again else "update_config")
    except TimeoutError:
        outcome.reason = f"The device did not answer within {settings.CONTROLLER_PUSH_DEADLINE} seconds."
        if connection is None and task.connections and not outcome.attempts:
            first = task.connections[0]
            outcome.attempts.append(Attempt(first.pk, first.device_id, outcome.reason))
    except DeviceBusy as error:
        outcome.is_busy = True
        logger.info("%s is told again later: %s", task.device_id, error)
    except Exception as error:
        outcome.reason = reason_of(error)
        logger.warning("Could not tell %s to fetch its configuration: %s", task.device_id, outcome.reason)
    finally:
        if connection is not None:
            await _disconnect(connection)
    return outcome


async def command(
    task: CommandTask, on_start: Callable[[], Awaitable[None]], on_output: Callable[[str], None]
) -> CommandOutcome:
    """Run a command on its device.

    Args:
        task: the claimed command.
        on_start: awaited before anything is sent, so that it is stored that the device may have received it.
        on_output: called with what was printed so far.

    Raises:
        Withdrawn: the command is not to be run any more; nothing was sent.
    """
    outcome = CommandOutcome(task)
    connection, reason = await connect(task.connections, outcome.attempts)
    if connection is None:
        outcome.connection_id = outcome.attempts[-1].connection_id if outcome.attempts else None
        return outcome.failed(reason)
    outcome.connection_id = connection.pk
    limit = settings.SSH_COMMAND_TIMEOUT + _MARGIN
    try:
        await on_start()
        try:
            async with asyncio.timeout(limit):
                output, status = await _run(task, connection.connector_instance, on_output)
        except TimeoutError:
            return outcome.failed("Background task time limit exceeded.\n")
        return completed_outcome(outcome, output, status)
    except Withdrawn:
        raise
    except CommandTimeoutException as error:
        return outcome.failed(f"The command took longer than expected: {error}\n")
    except Exception as error:
        log_failure(task.command_id, error, task.secrets)
        return outcome.failed(f"Internal system error: {reason_of(error)}\n")
    finally:
        await _disconnect(connection)


async def _run(task: CommandTask, connector: Any, on_output: Callable[[str], None]) -> tuple[str, int]:
    connector.log_as = task.shown if task.secrets else ""  # quoted in whatever way, a secret cannot be found again
    if task.shell is not None:
        output, status = await dispatch.call(
            connector, "exec_command", command=task.shell, raise_unexpected_exit=False, on_output=on_output
        )
    else:
        output, status = await dispatch.call(connector, task.type, **task.arguments, on_output=on_output)
    return str(output), int(status)


async def _disconnect(connection: DeviceConnection) -> None:
    try:
        await dispatch.call(connection.connector_instance, "disconnect")
    except Exception as error:
        logger.info("The session with %s did not end well: %s", connection.device_id, error)
