"""What VPN servers fetch."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from openwisp_controller.common.wakeup import intercepted
from openwisp_controller.config.models import Vpn
from openwisp_controller.config.tasks import reconcile

from .. import factories as make
from ..database.scenarios import save
from ..recorder import SignalRecorder

pytestmark = pytest.mark.django_db


@pytest.fixture
def vpn(organization: Any, committing: Any) -> Vpn:
    with committing():
        return make.vpn(organization, name="the server")


def get(client: Any, what: str, pk: Any, **parameters: Any) -> Any:
    return client.get(f"/controller/vpn/{what}/{pk}/", parameters)


@pytest.mark.parametrize("spelling", ["hex", "dashed"])
def test_checksum_and_download_agree(client: Any, vpn: Vpn, spelling: str) -> None:
    pk = vpn.pk.hex if spelling == "hex" else str(vpn.pk)
    checksum = get(client, "checksum", pk, key=vpn.key)
    assert (checksum.status_code, checksum["Content-Type"]) == (200, "text/plain")
    download = get(client, "download-config", pk, key=vpn.key)
    assert checksum.content.decode() == hashlib.md5(download.content, usedforsecurity=False).hexdigest()
    assert download["Content-Type"] == "application/octet-stream"
    assert download["Content-Disposition"] == "attachment; filename=the server.tar.gz"
    for answer in (checksum, download):
        assert answer["X-Openwisp-Controller"] == "true"


def test_addresses() -> None:
    pk = uuid.uuid4().hex
    assert reverse("controller:vpn_checksum", args=[pk]) == f"/controller/vpn/checksum/{pk}/"
    assert reverse("controller:vpn_download_config", args=[pk]) == f"/controller/vpn/download-config/{pk}/"


@pytest.mark.parametrize("what", ["checksum", "download-config"])
class TestRefused:
    def test_key(self, client: Any, vpn: Vpn, what: str) -> None:
        missing, wrong = get(client, what, vpn.pk), get(client, what, vpn.pk, key="wrong")
        assert (missing.status_code, missing.content) == (400, b'error: missing required parameter "key"\n')
        assert (wrong.status_code, wrong.content) == (403, b"error: wrong key\n")

    def test_unknown(self, client: Any, vpn: Vpn, what: str) -> None:
        assert get(client, what, uuid.uuid4(), key=vpn.key).status_code == 404

    def test_organization_disabled(self, client: Any, vpn: Vpn, what: str) -> None:
        type(vpn.organization).objects.update(is_active=False)
        assert get(client, what, vpn.pk, key=vpn.key).status_code == 404

    def test_method(self, client: Any, vpn: Vpn, what: str) -> None:
        assert client.post(f"/controller/vpn/{what}/{vpn.pk}/").status_code == 405


@pytest.mark.parametrize("what", ["checksum", "download-config"])
def test_shared_servers_are_served(client: Any, committing: Any, what: str) -> None:
    with committing():
        vpn = make.vpn(None)
    assert get(client, what, vpn.pk, key=vpn.key).status_code == 200


@pytest.mark.parametrize(
    ("what", "signal"), [("checksum", "checksum_requested"), ("download-config", "config_download_requested")]
)
def test_signals(client: Any, vpn: Vpn, recorded: SignalRecorder, what: str, signal: str) -> None:
    get(client, what, vpn.pk, key="wrong")
    assert recorded.names == []
    get(client, what, vpn.pk, key=vpn.key)
    assert (recorded.only(signal).sender, recorded.only(signal).instance) == (Vpn, vpn)
    assert recorded.only(signal).request.path.startswith("/controller/vpn/")


@pytest.mark.parametrize("what", ["checksum", "download-config"])
def test_one_plain_read(client: Any, vpn: Vpn, what: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert get(client, what, vpn.pk, key=vpn.key).status_code == 200
    assert len(queries) == 1


def test_a_server_that_never_was_compiled(client: Any, organization: Any) -> None:
    vpn = make.vpn(organization)
    assert vpn.released is None
    assert get(client, "checksum", vpn.pk, key=vpn.key).status_code == 200


def test_a_broken_server_keeps_what_it_had(client: Any, vpn: Vpn, committing: Any) -> None:
    before = get(client, "checksum", vpn.pk, key=vpn.key).content
    with committing():
        save(vpn, config={"wireguard": "broken"})  # past all checks
    vpn.refresh_from_db()
    assert vpn.compile_error
    assert get(client, "checksum", vpn.pk, key=vpn.key).content == before


def test_a_lost_message_is_made_good(client: Any, vpn: Vpn, committing: Any) -> None:
    before = get(client, "checksum", vpn.pk, key=vpn.key).content
    with intercepted(), committing():
        make.config(vpn.organization, templates=[make.vpn_template(vpn)])
    assert get(client, "checksum", vpn.pk, key=vpn.key).content == before
    reconcile.delay()
    assert get(client, "checksum", vpn.pk, key=vpn.key).content != before
