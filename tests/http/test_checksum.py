"""Polling the checksum."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from openwisp_controller.config.models import Config, Device, Revision

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import PEER, assert_text, download, path, poll, register

pytestmark = pytest.mark.django_db


def test_answer(client: Any, organization: Any) -> None:
    config = make.config(organization)
    response = poll(client, config.device)
    assert_text(response, 200, config.checksum)
    assert re.fullmatch(rb"[0-9a-f]{32}", response.content)


def test_is_the_md5_of_the_download(client: Any, organization: Any) -> None:
    motd = {"path": "/etc/motd", "contents": "ciàò {{ name }}", "mode": "0644"}
    make.template(organization, default=True, config={"files": [motd]})
    register(client)
    device = Device.objects.get()
    assert poll(client, device).content.decode() == hashlib.md5(download(client, device).content).hexdigest()


def test_follows_a_change_at_once(client: Any, organization: Any) -> None:
    config = make.config(organization, context={"a": "1"}, config={"general": {"description": "{{ a }}"}})
    before = poll(client, config.device).content
    config.context = {"a": "2"}
    config.save()
    after = poll(client, config.device).content
    assert after != before
    assert after.decode() == hashlib.md5(download(client, config.device).content).hexdigest()


def test_head_does_the_same(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    device = make.config(organization).device
    response = client.head(path("checksum", device.pk), {"key": device.key, "management_ip": "10.0.0.1"})
    assert (response.status_code, response.content, response.headers["Content-Length"]) == (200, b"", "32")
    assert recorded.names == ["management_ip_changed", "checksum_requested"]
    device.refresh_from_db()
    assert device.management_ip == "10.0.0.1"


def test_signal(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    device = make.config(organization).device
    for _ in range(2):  # the first one changes the last address, the second one nothing
        recorded.clear()
        poll(client, device)
        (emission,) = recorded.emitted
        assert (emission.name, emission.sender, emission.instance) == ("checksum_requested", Device, device)
        assert emission.instance.last_ip == PEER
        assert emission.request.path == path("checksum", device.pk)
        assert set(emission.arguments) == {"instance", "request"}


def test_no_device_is_built_for_nobody(client: Any, organization: Any, django_assert_num_queries: Any) -> None:
    device = make.config(organization).device
    poll(client, device)
    with django_assert_num_queries(1):
        poll(client, device)


def test_never_compiled(client: Any, organization: Any) -> None:
    """A row that was stored by other means gets its checksum when it is asked for."""
    config = make.config(organization)
    checksum = config.checksum
    Config.objects.update(released=None, compiled=None)
    Revision.objects.all().delete()
    assert_text(poll(client, config.device), 200, checksum)
    assert Revision.objects.get().checksum == checksum


def test_cannot_be_compiled(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    config = make.config(organization)
    Config.objects.update(released=None, compiled=None, config={"interfaces": "broken"})
    for request in (poll, download):
        response = request(client, config.device)
        assert_text(response, 503, "error: the configuration cannot be generated, please try again later\n")
    assert "checksum_requested" not in recorded.names
    assert "config_download_requested" not in recorded.names
    config.refresh_from_db()
    assert config.status == "error"
    assert config.error_reason


def test_broken_edit_keeps_the_last_good_one(client: Any, organization: Any) -> None:
    config = make.config(organization)
    before = poll(client, config.device).content
    config.config = {"interfaces": "broken"}
    config.save()
    config.refresh_from_db()
    assert config.status == "error"
    assert poll(client, config.device).content == before
    assert hashlib.md5(download(client, config.device).content).hexdigest().encode() == before
