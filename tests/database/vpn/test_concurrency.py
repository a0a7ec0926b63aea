"""Many devices join a server at the same moment."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from openwisp_ipam.models import IpAddress

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, VpnClient
from openwisp_controller.pki.models import Cert

from ... import factories as make
from .helpers import client_of, files

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="Writers queue up, so nobody comes in between."),
]
COUNT = 200


@pytest.mark.usefixtures("lost_messages")
@pytest.mark.parametrize("kind", ["Wireguard", "VxlanWireguard"])
def test_no_address_twice_and_none_lost(kind: str) -> None:
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


@pytest.mark.usefixtures("lost_messages")
def test_nobody_waits_in_a_circle() -> None:
    """Devices come and go while the server is edited, certificates are renewed, and workers do their part."""
    organization = make.organization()
    vpn = make.vpn(organization, "OpenVpn", subnet=make.subnet(organization))
    wireguard = make.vpn(organization, subnet=vpn.subnet)
    templates = [make.vpn_template(vpn), make.vpn_template(wireguard)]
    keys = [make.config(organization, templates=templates).pk for _ in range(8)]

    def come_and_go(key: Any) -> None:
        for wanted in ([], templates, templates[:1], templates):
            Config.objects.get(pk=key).templates.set(wanted)

    def edit(number: Any) -> None:
        for each in (vpn, wireguard):
            server = type(each).objects.get(pk=each.pk)
            server.host = f"host-{number}"
            server.save()

    def renew(number: Any) -> None:
        for cert in Cert.objects.filter(revoked=False, vpnclient__isnull=False)[:3]:
            with contextlib.suppress(Cert.DoesNotExist, ValidationError):
                cert.renew()

    def work(number: Any) -> None:
        maintenance.reconcile()

    def closing(action: Any, argument: Any) -> None:
        try:
            action(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        futures = [pool.submit(closing, come_and_go, key) for key in keys]
        futures += [pool.submit(closing, action, number) for number in range(6) for action in (edit, renew, work)]
        for future in futures:
            future.result()
    for _ in range(2):
        maintenance.reconcile()
    assert VpnClient.objects.count() == 2 * len(keys)
    for config in Config.objects.all():
        assert "host-" in files(config)["etc/config/openvpn"]
        assert client_of(config, vpn).cert.certificate in files(config).values()
    assert files(wireguard)["wg0.conf"].count("[Peer]") == len(keys)
    assert IpAddress.objects.count() == 2 + 2 * len(keys)
