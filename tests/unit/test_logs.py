"""Logs never hold a device key or a shared secret, in whatever form these come."""

from __future__ import annotations

import json
import logging

import pytest

from openwisp_controller.server.logs import HideSecrets, JsonFormatter, hide_secrets

HIDDEN = "d0n7-l0g-7h15"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /controller/checksum/1/?key={HIDDEN}&management_ip=10.0.0.1",
        f"next=%2F%3Fkey%3D{HIDDEN}",
        f"DETAIL:  Key (key)=({HIDDEN}) already exists.",
        f"<QueryDict: {{'name': ['a'], 'key': ['{HIDDEN}'], 'secret': ['{HIDDEN}']}}>",
        f"{{'password': b'{HIDDEN}'}}",
        f'{{"shared_secret": "with spaces {HIDDEN}"}}',
        f'{{"key": "-----BEGIN PRIVATE KEY-----\\n{HIDDEN}\n{HIDDEN}"}}',
        f"Vpn(auth_token='it\\'s {HIDDEN}', private_key={HIDDEN})",
        f"cannot connect to redis://user:{HIDDEN}@127.0.0.1:6379/0",
        f"Authorization: Bearer {HIDDEN}-{HIDDEN}",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    hidden = hide_secrets(text)
    assert HIDDEN not in hidden
    assert "***" in hidden


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'key'",
        "keyboard: pressed",
        "monkey=banana",
        "Not Found: /controller/checksum/00000000000000000000000000000000/",
        "insert or update violates foreign key constraint",
        "see https://example.org:8000/path@home",
    ],
)
def test_the_rest_stays_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


def test_messages_arguments_tracebacks_and_extras_are_masked() -> None:
    try:
        raise LookupError(f"no device with key={HIDDEN}")
    except LookupError as error:
        record = logging.LogRecord(
            "app", logging.ERROR, __file__, 1, "%s: %r", ("failed", {"secret": HIDDEN}),
            (LookupError, error, error.__traceback__),
        )  # fmt: skip
    record.form = {"key": HIDDEN}
    record.token = HIDDEN
    assert HideSecrets().filter(record)
    entry = json.loads(JsonFormatter().format(record))
    assert HIDDEN not in json.dumps(entry)
    assert entry["message"] == "failed: {'secret': '***'}"
    assert "LookupError: no device with key=***" in entry["error"]
    assert HIDDEN not in logging.Formatter("%(message)s").format(record)


def test_nothing_of_django_goes_another_way() -> None:
    assert all(not logging.getLogger(name).handlers for name in ("django", "django.request", "django.security"))
    assert logging.getLogger("django.request").propagate
