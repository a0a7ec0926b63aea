"""Driving a connector from the event loop, whether it has coroutines or only the synchronous interface."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any

from django.db import connections

THREADS = 32
_TWINS = ("connect", "disconnect", "exec_command", "update_config")


def _definer(kind: type, name: str) -> int | None:
    """Place in the method resolution order of the class that defines ``name``."""
    return next((place for place, base in enumerate(kind.__mro__) if name in vars(base)), None)


def _is_newer(kind: type, name: str) -> bool:
    """Tell whether the coroutine of ``name`` is defined no further up than the synchronous method."""
    synchronous, coroutine = _definer(kind, name), _definer(kind, "a" + name)
    if coroutine is None:
        return False
    return synchronous is None or coroutine <= synchronous


@lru_cache(maxsize=256)
def _is_asynchronous(kind: Any, name: str) -> bool:
    if not _is_newer(kind, name):
        return False
    return all(_is_newer(kind, twin) for twin in _TWINS if _definer(kind, twin) is not None and twin != name)


async def call(connector: Any, name: str, **arguments: Any) -> Any:
    """Call a method of a connector: as a coroutine on this loop, else in a thread.

    Args:
        arguments: by name; ``on_output`` is left out where the method does not take it.

    Raises:
        AttributeError: the connector has no such method.
    """
    kind: Any = type(connector)
    if _is_asynchronous(kind, name):
        method = getattr(connector, "a" + name)
        return await method(**_accepted(method, arguments))
    method = getattr(connector, name)
    accepted = _accepted(method, arguments)
    return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), _in_thread, method, accepted)


def _accepted(method: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    if "on_output" not in arguments or "on_output" in inspect.signature(method).parameters:
        return arguments
    return {name: value for name, value in arguments.items() if name != "on_output"}


def _in_thread(method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return method(**arguments)
    finally:
        connections.close_all()


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="connector")
