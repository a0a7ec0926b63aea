"""Tests with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import deployment

HERE = Path(__file__).parent
#: Seconds after which a test is given up: many processes start in one, and each may take a minute on a slow machine.
TIMEOUT = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.fixture(scope="session")
def services() -> Iterator[deployment.Services]:
    """PostgreSQL and Redis that tests may stop."""
    with deployment.services() as running:
        yield running
