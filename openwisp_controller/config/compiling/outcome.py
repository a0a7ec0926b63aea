"""Why a configuration is compiled, and what came of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ..models import Cause, Config


@dataclass(frozen=True, slots=True)
class Why:
    """Why a configuration is compiled: the cause, and in words what changed."""

    cause: Cause
    detail: str = ""
    author: uuid.UUID | None = None
    """Primary key of the person who made the change, if a person did."""


@dataclass(slots=True)
class Outcome:
    """What compiling did to one configuration. ``config`` carries the new values; they are stored."""

    config: Config
    previous_status: str
    released: bool = False
    """A new revision became available to the device."""
    error: str = ""
    postponed: bool = False
    """It lacks a key that is still being made; once that exists, the background compiles it."""

    @property
    def status_changed(self) -> bool:
        return self.config.status != self.previous_status
