"""Downloading the archive."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import HEADER, PEER, download, files, path

pytestmark = pytest.mark.django_db


def test_answer(client: Any, organization: Any) -> None:
    config = make.config(
        make.device(organization, "router"), config={"interfaces": [{"name": "eth0", "type": "ethernet"}]}
    )
    response = download(client, config.device)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == "attachment; filename=router.tar.gz"
    assert response.headers[HEADER] == "true"
    assert response.headers["Content-Length"] == str(len(response.content))
    assert response.content[:10] == bytes.fromhex("1f8b08000000000002ff")
    assert hashlib.md5(response.content).hexdigest() == config.checksum
    contents = files(response.content)
    assert sorted(contents) == ["etc/config/network", "etc/config/system"]
    assert "option hostname 'router'" in contents["etc/config/system"]


def test_name_of_the_file_may_be_a_mac_address(client: Any, organization: Any) -> None:
    device = make.config(make.device(organization, "02:AA:BB:CC:DD:EE")).device
    response = download(client, device)
    assert response.headers["Content-Disposition"] == "attachment; filename=02:AA:BB:CC:DD:EE.tar.gz"
    assert "option hostname '02-AA-BB-CC-DD-EE'" in files(response.content)["etc/config/system"]


def test_download_is_remembered(client: Any, organization: Any) -> None:
    config = make.config(organization)
    assert config.downloaded is None
    download(client, config.device)
    config.refresh_from_db()
    assert config.downloaded == config.released
    assert config.status == "modified"


def test_head_is_no_download(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    config = make.config(organization)
    response = client.head(path("download-config", config.device.pk), {"key": config.device.key})
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0
    assert recorded.names == ["config_download_requested"]
    config.refresh_from_db()
    assert config.downloaded is None


def test_signal(client: Any, organization: Any, recorded: SignalRecorder) -> None:
    device = make.config(organization).device
    for _ in range(2):
        recorded.clear()
        download(client, device)
        (emission,) = recorded.emitted
        assert (emission.name, emission.sender, emission.instance) == ("config_download_requested", Device, device)
        assert emission.instance.last_ip == PEER
        assert emission.request.path == path("download-config", device.pk)
        assert set(emission.arguments) == {"instance", "request"}


def test_deactivating_device_gets_just_its_hostname(client: Any, organization: Any) -> None:
    template = make.template(organization)
    config = make.config(make.device(organization, "router"), templates=[template])
    config.device.deactivate()
    assert Config.objects.get().status == "deactivating"
    contents = files(download(client, config.device).content)
    assert list(contents) == ["etc/config/system"]
    assert "option hostname 'router'" in contents["etc/config/system"]


def test_file_sizes_count_bytes(client: Any, organization: Any) -> None:
    motd = {"path": "/etc/motd", "mode": "0644", "contents": "ciàò"}
    config = make.config(organization, config={"files": [motd]})
    assert files(download(client, config.device).content)["etc/motd"] == "ciàò"


def test_other_backend(client: Any, organization: Any) -> None:
    """It packs its files in its own way."""
    config = make.config(organization, backend="netjsonconfig.OpenWisp", config={"general": {"hostname": "legacy"}})
    contents = files(download(client, config.device).content)
    assert contents["uci/system.conf"].startswith("package system\n\n")
