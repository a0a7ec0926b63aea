"""Telling what this app deletes itself from what people delete."""

from __future__ import annotations

from typing import Any


class InternalDeletions:
    """Keys of the subnets and addresses that this app deletes itself in a unit of work."""

    def __init__(self) -> None:
        self.keys: set[Any] = set()
