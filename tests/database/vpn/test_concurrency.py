"""Many devices join a server at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from openwisp_ipam.models import IpAddress

from openwisp_controller.config import maintenance, wakeup
from openwisp_controller.config.models import Config, VpnClient

from ... import factories as make
from .helpers import files

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="Writers queue up, so nobody comes in between."),
]
COUNT = 200


@pytest.mark.parametrize("kind", ["Wireguard", "VxlanWireguard"])
def test_no_address_twice_and_none_lost(monkeypatch: Any, kind: str) -> None:
    monkeypatch.setattr(wakeup, "_send", lambda *arguments: None)
    organization = make.organization()
    vpn = make.vpn(organization, kind)
    template = make.vpn_template(vpn)
    keys = [make.config(organization).pk for _ in range(COUNT)]

    def join(key: Any) -> None:
        try:
            Config.objects.get(pk=key).templates.add(template)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(join, keys))
    clients = list(VpnClient.objects.select_related("ip"))
    assert len({str(client.ip.ip_address) for client in clients if client.ip}) == COUNT
    assert IpAddress.objects.count() == COUNT + 1
    if kind == "VxlanWireguard":
        assert sorted(client.vni or 0 for client in clients) == list(range(1, COUNT + 1))
    maintenance.reconcile()
    assert files(vpn)["wg0.conf"].count("[Peer]") == COUNT

    def leave(key: Any) -> None:
        try:
            Config.objects.get(pk=key).templates.remove(template)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(leave, keys))
    assert IpAddress.objects.count() == 1
    maintenance.reconcile()
    assert "[Peer]" not in files(vpn)["wg0.conf"]
