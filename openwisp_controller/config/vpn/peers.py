"""The peers of WireGuard servers, and announcing that they changed: once in a transaction, after its commit."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from .. import signals
from .kinds import first
from .variables import host_network

if TYPE_CHECKING:
    from ..models import Vpn


def of_server(vpn: Vpn) -> list[dict[str, Any]]:
    """Return the WireGuard peers of a server, in the order in which they came; one read however many there are."""
    return [
        {"public_key": public_key, "allowed_ips": host_network(str(address))}
        for public_key, address in _rows(vpn).values_list("public_key", "ip__ip_address")
    ]


def vxlan_of_server(vpn: Vpn) -> list[dict[str, Any]]:
    """Return the VXLAN tunnels of a server: one to each of its clients."""
    common = vpn.family.vni_of(vpn)
    name = first(vpn.config, "vxlan").get("name")
    interface = {"interface": name} if name else {}
    return [
        {"vni": vni or common, "remote": str(address), **interface}
        for vni, address in _rows(vpn).values_list("vni", "ip__ip_address")
    ]


def _rows(vpn: Vpn) -> Any:
    return vpn.vpnclient_set.filter(auto_cert=True, ip__isnull=False).order_by("pk")


def changed(servers: Collection[Vpn] | Iterable[Vpn]) -> None:
    """Let servers with peers be compiled again and announce it, once for each in a transaction."""
    from ..unit_of_work import batch
    from . import servers as compiling

    concerned = [vpn for vpn in servers if vpn.family.wireguard]
    if not concerned:
        return
    compiling.mark_stale(vpn.pk for vpn in concerned)
    pending = {entry.key for _, entry, *_ in connection.run_on_commit if isinstance(entry, _Announce) and entry.due}
    with batch() as current:
        for vpn in concerned:
            if vpn.pk not in pending:
                transaction.on_commit(_Announce(vpn.pk, robust=current.background))


class _Announce:
    """Sends ``vpn_peers_changed`` after the commit, unless the server is gone by then.

    Args:
        key: primary key of the server.
        robust: a receiver that raises is logged and does not stop the others.
    """

    def __init__(self, key: uuid.UUID, *, robust: bool) -> None:
        self.key = key
        self.robust = robust
        self.due = True

    def __call__(self) -> None:
        from ..models import Vpn

        self.due = False
        vpn = Vpn.objects.filter(pk=self.key).first()
        if vpn is not None:
            signal = signals.vpn_peers_changed
            (signal.send_robust if self.robust else signal.send)(sender=Vpn, instance=vpn)
