"""The REST interface as people see it."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Rest


@pytest.fixture
def rest(administrator: Any) -> Rest:
    """The interface for an administrator of the organization."""
    return Rest(administrator)
