"""Sizes: nothing becomes so large that rendering it keeps everybody waiting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from openwisp_controller.config.models import Config, Template
from openwisp_controller.rendering import Stack

from .. import factories as make
from .test_admin import device_form, errors, url

pytestmark = pytest.mark.django_db
FILE = {"path": "/etc/large", "mode": "0644"}
LARGE = {"files": [{**FILE, "contents": "x" * 9_000_000}]}
DEEP = {"general": {"description": "x" * 600 * 1024}}


@pytest.fixture
def nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("it was rendered")

    for name in ("validate", "render", "text"):
        monkeypatch.setattr(Stack, name, render)


def unsaved(field: str, organization: Any, value: Any) -> Any:
    """An object of each model with such a field, with that value."""
    config = make.config(organization)
    config.context = value if field == "context" else {}
    config.config = value if field == "config" else {}
    template = make.template(organization)
    setattr(template, "config" if field == "config" else "default_values", value)
    group, server = make.group(organization), make.vpn(organization)
    group.context = value
    server.config = value
    organization.config_settings.context = value
    return [config, template, *([server] if field == "config" else [group, organization.config_settings])]


@pytest.mark.parametrize(
    ("field", "limit"),
    [("config", "MAX_ARCHIVE_SIZE"), ("config", "MAX_NETJSON_SIZE"), ("context", "MAX_VARIABLES_SIZE")],
)
def test_every_model(field: str, limit: str, organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"MAX_ARCHIVE_SIZE": LARGE, "MAX_NETJSON_SIZE": DEEP}.get(limit, {"name": "x" * 200_000})
    instances = unsaved(field, organization, value)
    monkeypatch.setattr(Stack, "validate", lambda *_: 1 / 0)
    for instance in instances:
        with pytest.raises(ValidationError) as caught:
            instance.full_clean()
        (text,) = next(iter(caught.value.message_dict.values()))
        assert text.startswith("It is too large: "), instance
        assert f"(setting OPENWISP_CONTROLLER_{limit})" in text


@pytest.mark.usefixtures("nothing_is_rendered")
def test_forms(administrator: Client, organization: Any) -> None:
    text = "It is too large: 8790 KiB in files, at most 8192 KiB are allowed"
    data = {"name": "t", "organization": organization.pk, "backend": make.BACKEND, "type": "generic",
            "default_values": "{}", "config": json.dumps(LARGE)}  # fmt: skip
    assert text in errors(administrator.post(url("template_add"), data))
    assert not Template.objects.exists()
    address = reverse("admin:config_template_preview")
    answer = administrator.post(address, data)
    assert answer.status_code in (200, 400)
    assert text in answer.content.decode()


def test_device_form(administrator: Client, organization: Any) -> None:
    config = make.config(organization)
    data = device_form(config.device, **{"config-0-config": json.dumps(LARGE)})
    assert "It is too large: 8790 KiB" in errors(administrator.post(url("device_change", config.device), data))
    config.refresh_from_db()
    assert config.config == {}


def test_the_limit_is_a_setting(organization: Any, settings: Any) -> None:
    config = make.config(organization)
    config.config = DEEP
    with pytest.raises(ValidationError, match="It is too large: 601 KiB of JSON"):
        config.full_clean()
    settings.OPENWISP_CONTROLLER_MAX_NETJSON_SIZE = 1024 * 1024
    config.full_clean()


def test_archives_that_variables_make_large(organization: Any, settings: Any) -> None:
    """Many small references to one variable: the device keeps what it has, and its page says why."""
    config = make.config(organization)
    settings.OPENWISP_CONTROLLER_MAX_ARCHIVE_SIZE = 1024 * 1024
    config.context = {"text": "x" * 100_000}
    config.config = {"files": [{**FILE, "contents": "{{ text }}" * 20}]}
    released = config.released_id
    config.save()
    config = Config.objects.get()
    assert "at most 10000 files and 1 MiB in all are possible" in config.compile_error
    assert config.released_id == released
