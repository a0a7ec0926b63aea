"""Guessing passwords is slowed down."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db
LIMIT = 3


@pytest.fixture(autouse=True)
def _people(settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE = LIMIT
    for name in ("alice", "bob"):
        get_user_model().objects.create_superuser(name, f"{name}@example.org", "right")


def log_in(client: Any, name: str, password: str, peer: str = "203.0.113.5") -> int:
    form = {"username": name, "password": password}
    status: int = client.post("/admin/login/", form, REMOTE_ADDR=peer).status_code
    return status


def test_an_address_that_guesses_has_to_wait(client: Any) -> None:
    assert [log_in(client, "alice", "wrong") for _ in range(LIMIT + 1)] == [200] * LIMIT + [429]
    assert log_in(client, "bob", "right") == 429
    answer = client.post("/admin/login/", {"username": "bob", "password": "right"}, REMOTE_ADDR="203.0.113.5")
    assert answer["Retry-After"] == "60"
    assert log_in(client, "bob", "right", peer="198.51.100.9") == 302


def test_an_account_is_protected_from_many_addresses(client: Any) -> None:
    for number in range(LIMIT):
        assert log_in(client, "alice", "wrong", peer=f"198.51.100.{number}") == 200
    assert log_in(client, "alice", "right", peer="198.51.100.99") == 429
    assert log_in(client, "bob", "right", peer="198.51.100.99") == 302


def test_the_form_itself_always_opens(client: Any) -> None:
    for _ in range(LIMIT + 1):
        log_in(client, "alice", "wrong")
    assert client.get("/admin/login/", REMOTE_ADDR="203.0.113.5").status_code == 200


def test_a_server_that_was_replaced_does_not_take_the_counting_with_it(client: Any) -> None:
    replaced = Client()
    assert [log_in(each, "alice", "wrong") for each in (replaced, client)] == [200, 200]
    del replaced
    gc.collect()
    assert [log_in(client, "alice", "wrong") for _ in range(2, LIMIT + 1)] == [200] * (LIMIT - 2) + [429]
