"""What is wrong in the environment is named, together with what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from openwisp_controller.server import environment
from openwisp_controller.server.cli import main

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("TIME_ZONE", "Mars/Base", environment.time_zone, "a name such as Europe/Rome"),
    ("TIME_ZONE", "/etc", environment.time_zone, "a name such as Europe/Rome"),
    ("TIME_ZONE", "Europe", environment.time_zone, "a name such as Europe/Rome"),
    ("LOG_LEVEL", "loud", environment.log_level, "one of DEBUG, INFO, WARNING"),
    ("LOG_FORMAT", "xml", lambda: environment.choice("LOG_FORMAT", "text", ("text", "json")), "one of text, json"),
    ("STATIC_ROOT", "/dev/null/x", lambda: environment.directory("STATIC_ROOT", ""), "cannot be used: Not a directory"),
    ("MEDIA_ROOT", "/dev/null/x", lambda: environment.directory("MEDIA_ROOT", ""), "cannot be used: Not a directory"),
    ("CSRF_TRUSTED_ORIGINS", "a.org", lambda: environment.origins("CSRF_TRUSTED_ORIGINS"), "such as https://a.org"),
    ("METRICS_TOKEN", "short", environment.metrics_token, "make one with `openssl rand -hex 32`"),
    ("METRICS_TOKEN", "of two words " * 4, environment.metrics_token, "ASCII without spaces"),
    ("REDIS_URL", "http://x", environment.redis_url, "write redis://host:6379/0"),
    ("OPENWISP_DATA_DIR", "/dev/null/x", environment.data_directory, "Name another one with OPENWISP_DATA_DIR"),
    ("OPENWISP_DATA_DIR", "/dev/null", environment.data_directory, "Name another one with OPENWISP_DATA_DIR"),
    ("MAX_BODY_SIZE", "12", lambda: environment.number("MAX_BODY_SIZE", 0, minimum=1024), "at least 1024"),
]


@pytest.mark.parametrize(("name", "value", "read", "mend"), WRONG, ids=[f"{name}={value}" for name, value, *_ in WRONG])
def test_wrong_values_are_refused(
    name: str, value: str, read: Callable[[], Any], mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        read()
    assert mend in str(refused.value)
    assert name in str(refused.value)
    assert value.upper() in str(refused.value).upper() or name in ("REDIS_URL", "METRICS_TOKEN"), "it may hold a secret"


@pytest.mark.parametrize(
    "url", ["postgresql://user:secret@host:http/name", "postgresql://user:secret@[::1/name", "postgresql://user@host/"]
)
def test_wrong_database_addresses_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        environment.database_from_url(url)
    assert "DATABASE_URL" in str(refused.value)
    assert "postgresql://user:password@host:5432/name" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("empty", ["TIME_ZONE", "LOG_LEVEL", "STATIC_ROOT", "REDIS_URL", "CSRF_TRUSTED_ORIGINS"])
def test_an_empty_variable_is_as_good_as_none(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(empty, "")
    assert environment.time_zone() == "UTC"
    assert environment.log_level() == "INFO"
    assert environment.directory("STATIC_ROOT", "") == environment.redis_url() == ""
    assert environment.origins("CSRF_TRUSTED_ORIGINS") == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["serve", "--port", "http"], "'http' is not a whole number"),
        (["serve", "--port", "65536"], "must be between 1 and 65535"),
        (["web", "--workers", "0"], "must be 1 or more"),
        (["worker", "--concurrency", "many"], "'many' is not a whole number"),
        (["fleet", "--devices", "0", "--url", "http://127.0.0.1", "--secret", "x"], "'0' is not a whole number from 1"),
        ([], "COMMAND"),
        (["server"], "invalid choice: 'server'"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err
