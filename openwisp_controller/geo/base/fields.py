"""A field of organizations that need not decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models


class FollowsDefault(models.BooleanField):
    """Yes or no; NULL stands for the default of the system, and is what an equal value is stored as.

    Args:
        default_value: returns the default of the system.
    """

    def __init__(self, *args: Any, default_value: Callable[[], bool] = bool, **options: Any) -> None:
        self.default_value = default_value
        super().__init__(*args, **{"null": True, "blank": True, "default": None, **options})

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bool:
        """Read what holds."""
        return self.default_value() if value is None else bool(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Store what differs from the default."""
        return super().get_db_prep_save(None if value == self.default_value() else value, connection)
