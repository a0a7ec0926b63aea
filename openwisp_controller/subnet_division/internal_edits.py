"""Telling what this app deletes itself from what people delete by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_own: ContextVar[bool] = ContextVar("subnet_division_own_deletion", default=False)


@contextmanager
def off() -> Iterator[None]:
    """While open, deleted subnets and addresses are this app's own doing."""
    token = _own.set(True)
    try:
        yield
    finally:
        _own.reset(token)


def on() -> bool:
    """Tell whether it is somebody else who deletes."""
    return not _own.get()
