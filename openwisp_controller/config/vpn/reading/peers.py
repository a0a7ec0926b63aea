"""The peers of WireGuard servers and the tunnels of VXLAN servers; one read however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..kinds import first
from .variables import host_network

if TYPE_CHECKING:
    from ...models import Vpn


def peers_of_server(vpn: Vpn) -> list[dict[str, Any]]:
    """Return the WireGuard peers of a server, in the order in which they came."""
    return [
        {"public_key": public_key, "allowed_ips": host_network(str(address))}
        for public_key, address in _rows(vpn).values_list("public_key", "ip__ip_address")
    ]


def vxlan_of_server(vpn: Vpn) -> list[dict[str, Any]]:
    """Return the VXLAN tunnels of a server: one to each of its clients."""
    common = vpn.kind.vni_of(vpn)
    name = first(vpn.config, "vxlan").get("name")
    interface = {"interface": name} if name else {}
    return [
        {"vni": vni or common, "remote": str(address), **interface}
        for vni, address in _rows(vpn).values_list("vni", "ip__ip_address")
    ]


def _rows(vpn: Vpn) -> Any:
    return vpn.vpnclient_set.filter(auto_cert=True, ip__isnull=False).order_by("pk")
