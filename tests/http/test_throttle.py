"""Guessing shared secrets is limited per address; nothing else that devices do is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache

from openwisp_controller.config.models import Device

from .protocol import HEADER, poll, register

pytestmark = pytest.mark.django_db
LIMIT = 3


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts are forgotten after a minute, which passes quickly where a machine is slow."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture(autouse=True)
def _few_attempts(settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_REGISTRATION_FAILURES_PER_MINUTE = LIMIT


def fail(client: Any, times: int, **more: Any) -> list[int]:
    return [register(client, secret="wrong", **more).status_code for _ in range(times)]


def test_an_address_that_guesses_is_told_to_wait(client: Any, organization: Any) -> None:
    assert fail(client, LIMIT + 1) == [403] * LIMIT + [429]
    answer = register(client)
    assert answer.status_code == 429, "not even the right secret helps now"
    assert answer.content == b"error: too many failed attempts, please try again later\n"
    assert answer["Retry-After"] == "60"
    assert answer[HEADER] == "true"


def test_other_addresses_are_not_concerned(client: Any, organization: Any) -> None:
    fail(client, LIMIT + 1)
    assert register(client, peer="198.51.100.9").status_code == 201


def test_successful_enrolments_do_not_count(client: Any, organization: Any) -> None:
    assert [register(client).status_code for _ in range(LIMIT + 2)] == [201] * (LIMIT + 2)


def test_a_limit_of_zero_is_none(client: Any, organization: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_REGISTRATION_FAILURES_PER_MINUTE = 0
    assert fail(client, LIMIT + 2) == [403] * (LIMIT + 2)


def test_polls_are_never_limited(client: Any, organization: Any) -> None:
    register(client)
    device = Device.objects.get()
    fail(client, LIMIT + 1)
    assert [poll(client, device).status_code for _ in range(5)] == [200] * 5


def test_a_cache_that_is_away_keeps_nobody_out(client: Any, organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no cache")

    for name in ("get", "add"):
        monkeypatch.setattr(cache, name, away)
    assert fail(client, 1) == [403]
    assert register(client).status_code == 201
