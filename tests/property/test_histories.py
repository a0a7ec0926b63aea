"""Random histories; ``make soak`` runs many more of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import ControllerMachine

HISTORIES = int(os.environ.get("HISTORIES", "100"))
STEPS = int(os.environ.get("STEPS", "30"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Refusals are part of the histories and would fill the output."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.django_db
@pytest.mark.parametrize("part", range(2))
def test_histories(part: int) -> None:
    run_state_machine_as_test(
        ControllerMachine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
