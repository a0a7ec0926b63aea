"""Random histories; ``make soak`` runs many more of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .certifying import CertifyingMachine
from .dividing import DividingMachine
from .machine import ControllerMachine

HISTORIES = int(os.environ.get("HISTORIES", "200"))
STEPS = int(os.environ.get("STEPS", "30"))
WORLDS = (ControllerMachine, DividingMachine, CertifyingMachine)
#: The same histories in every run, so that a change fails for what it does; ``make soak`` plays others each time.
SEED = int(os.environ["SEED"]) if "SEED" in os.environ else None if "HISTORIES" in os.environ else 1


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Refusals are part of the histories and would fill the output."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# Each history has a transaction of its own, which it undoes: in a single one around all PostgreSQL would have to look
# at every version of every row of all histories before.
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(0 if "HISTORIES" in os.environ else 1800)
@pytest.mark.parametrize("world", WORLDS)
def test_histories(world: type[ControllerMachine]) -> None:
    machine = type("Machine", (world,), {})  # a seed is kept in the class
    run_state_machine_as_test(
        machine if SEED is None else seed(SEED)(machine),
        settings=settings(
            max_examples=HISTORIES // len(WORLDS),
            stateful_step_count=STEPS,
            database=None,
            phases=[Phase.generate, Phase.shrink],
        ),
    )
