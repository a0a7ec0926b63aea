"""Guessing passwords is slowed down."""

from __future__ import annotations

import gc
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.core.internal.httpkit import get_client_ip
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from openwisp_controller.config.device_api.addresses import peer
from openwisp_controller.server.middleware import PeerAddress

pytestmark = pytest.mark.django_db
LIMIT = 3


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts are forgotten after a minute, which passes quickly where a machine is slow."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


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


class TestTokens:
    URL = "/api/v1/users/token/"

    def guess(self, client: Any, form: dict[str, str], kind: str, peer: str = "203.0.113.5") -> Any:
        if kind == "json":
            return client.post(self.URL, json.dumps(form), content_type="application/json", REMOTE_ADDR=peer)
        if kind == "form":
            content_type = "application/x-www-form-urlencoded"
            return client.post(self.URL, urlencode(form), content_type=content_type, REMOTE_ADDR=peer)
        return client.post(self.URL, form, REMOTE_ADDR=peer)

    @pytest.mark.parametrize("kind", ["json", "form", "multipart"])
    def test_guessing_is_slowed_down_from_an_address_and_for_an_account(self, client: Any, kind: str) -> None:
        wrong, right = ({"username": "alice", "password": password} for password in ("wrong", "right"))
        assert self.guess(client, right, kind).status_code == 200
        for number in range(LIMIT):
            assert self.guess(client, wrong, kind, peer=f"198.51.100.{number}").status_code == 400
        refused = self.guess(client, right, kind, peer="198.51.100.99")
        assert (refused.status_code, refused["Retry-After"]) == (429, "60")
        assert log_in(client, "alice", "right", peer="198.51.100.99") == 429, "it is the same account"
        assert self.guess(client, {**right, "username": "bob"}, kind, peer="198.51.100.99").status_code == 200

    @pytest.mark.parametrize("body", ["", "[]", "[" * 100_000, "{", '{"username": ["alice"]}', '{"username": null}'])
    def test_senseless_bodies(self, client: Any, body: str) -> None:
        assert client.post(self.URL, body, content_type="application/json").status_code == 400


def test_forged_addresses_do_not_help(client: Any, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE = 1000
    answers = [
        client.post("/accounts/password/reset/", {"email": f"{n}@example.org"}, HTTP_X_FORWARDED_FOR=f"192.0.2.{n}")
        for n in range(30)
    ]
    assert answers[0].status_code == 302
    assert (answers[-1].status_code, answers[-1]["Retry-After"]) == (429, "60")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "192.0.2.1", "203.0.113.5"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "192.0.2.66, 192.0.2.1", "192.0.2.1"),
        (2, "192.0.2.66, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        (2, "192.0.2.66", "203.0.113.5"),
        (1, "nonsense", "203.0.113.5"),
    ],
)
def test_libraries_see_the_address_that_trusted_proxies_tell(
    proxies: int, forwarded: str, seen: str, settings: Any
) -> None:
    settings.OPENWISP_CONTROLLER_TRUSTED_PROXIES = proxies
    requests: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse()

    headers = {"REMOTE_ADDR": "203.0.113.5", "HTTP_X_FORWARDED_FOR": forwarded}
    PeerAddress(answer)(RequestFactory().get("/", **headers))
    (request,) = requests
    assert BaseThrottle().get_ident(Request(request)) == seen
    assert get_client_ip(request) == seen
    assert peer(request) == seen
