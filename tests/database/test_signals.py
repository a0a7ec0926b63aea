"""Which change sends which signals, in which order: the decision table, row by row."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from openwisp_controller.config.models import Announcement, Config

from ..recorder import SignalRecorder
from .scenarios import ALL, Scenario, World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario, organization: Any, committing: Any, recorded: SignalRecorder) -> None:
    world = World(organization)
    with committing():
        world.things.update(scenario.given(world))
    recorded.clear()
    with committing():
        scenario.when(world)
    expected = scenario.then(world) if callable(scenario.then) else scenario.then
    assert recorded.names == [signal.name for signal in expected]
    for signal, emission in zip(expected, recorded.emitted, strict=True):
        for name, value in signal.arguments.items():
            assert emission.arguments[name] == value, (signal.name, name)
    assert not Announcement.objects.exists()
    check_consistency()


def check_consistency() -> None:
    """After every change: nothing is stale, and what is served hashes to the checksum that is served."""
    assert not Config.objects.filter(stale_since__isnull=False).exists()
    for config in Config.objects.select_related("released", "compiled"):
        assert config.released is not None
        assert hashlib.md5(bytes(config.released.archive)).hexdigest() == config.checksum
        assert config.compiled_id == config.released_id
