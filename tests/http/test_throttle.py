"""Guessing shared secrets is limited per address; nothing else that devices do is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import cache

from openwisp_controller.config.models import Device

from .. import factories as make
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
    answer = register(client, secret="wrong")
    assert answer.content == b"error: too many failed attempts, please try again later\n"
    assert answer["Retry-After"] == "60"
    assert answer[HEADER] == "true"


def test_the_right_secret_is_never_kept_out(client: Any, organization: Any) -> None:
    """Whoever else guesses behind the same address."""
    fail(client, LIMIT + 1)
    assert register(client).status_code == 201
    assert register(client).status_code == 201, "and again"
    assert fail(client, 1) == [429], "which makes the others no friends"


def test_the_secret_of_another_organization(client: Any, organization: Any, other: Any, recorded: Any) -> None:
    """A device is recognised by its key whatever secret it presents, but nobody tries keys that way."""
    register(client)
    device = Device.objects.get()
    secret = other.config_settings.shared_secret
    answers = [register(client, secret=secret, model=f"model {number}") for number in range(LIMIT + 1)]
    assert [answer.status_code for answer in answers] == [201] * LIMIT + [429]
    device.refresh_from_db()
    assert (device.organization, device.model) == (organization, f"model {LIMIT - 1}"), "and nothing is half-saved"
    assert register(client, secret=secret, key="x" * 32, mac_address="02:00:00:00:00:09", name="new").status_code == 201


@pytest.mark.parametrize(("key", "status"), [("x", 400), ("1234567", 400), ("12345678", 201)])
def test_keys_that_can_be_guessed_do_not_enrol(client: Any, organization: Any, key: str, status: int) -> None:
    answer = register(client, key=key)
    assert answer.status_code == status
    if status == 400:
        assert answer.content.decode().strip() == "A key must have at least 8 characters."
        assert not Device.objects.exists()


def test_a_short_key_that_is_known_stays_good(client: Any, organization: Any) -> None:
    make.config(make.device(organization, key="short"))
    assert register(client, key="short").status_code == 201
    assert Device.objects.count() == 1


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
