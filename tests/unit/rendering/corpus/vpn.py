"""The VPN backends."""

from __future__ import annotations

from typing import Any

from .case import Case, file
from .services import CASES as SERVICES
from .services import CLIENT, KEY, SERVER

WG: dict[str, Any] = {"name": "wg0", "port": 51820, "private_key": KEY, "address": "10.0.0.1/24"}
PEER: dict[str, Any] = {"public_key": KEY, "allowed_ips": "10.0.0.2/32"}
ZT: dict[str, Any] = {
    "name": "zt", "nwid": "9536600adf654321", "id": "9536600adf654321", "objtype": "network", "revision": 1,
    "creationTime": 1632012345, "private": True, "enableBroadcast": True, "mtu": 2700,
    "remoteTraceTarget": None, "v4AssignMode": {"zt": True}, "v6AssignMode": {"6plane": False,
    "rfc4193": False, "zt": False}, "routes": [{"target": "10.0.0.0/8", "via": "10.0.0.1"}],
    "client_options": {"allow_dns": True}, "ipAssignmentPools": [{"ipRangeStart": "10.0.0.10",
    "ipRangeEnd": "10.0.0.20"}], "dns": {"domain": "ä.org"},
}  # fmt: skip

TUNNELS: dict[str, dict[str, Any]] = {
    "empty": {"wireguard": []},
    "plain": {"wireguard": [WG]},
    "peers": {"wireguard": [{**WG, "peers": [PEER, {**PEER, "endpoint_host": "h", "endpoint_port": 1},
        {**PEER, "preshared_key": KEY, "endpoint_host": "h"}]}]},
    "options": {"wireguard": [{**WG, "dns": ["1.1.1.1", "::1"], "mtu": 1400, "table": "auto", "pre_up": "a",
        "post_up": "b", "pre_down": "c", "post_down": "d", "save_config": True}]},
    "empty options": {"wireguard": [{**WG, "dns": [], "table": "", "save_config": False, "peers": []}]},
    "two": {"wireguard": [WG, {**WG, "name": "wg1"}], "files": [file("/x")]},
}  # fmt: skip


def vpn(backend: str, name: str, context: dict[str, Any] | None = None, **config: Any) -> Case:
    return Case(f"{backend} {name}", config, context=context or {}, backend=f"netjsonconfig.{backend}")


CASES: list[Case] = [
    *[Case(f"server {c.name}", c.config, backend="netjsonconfig.OpenVpn")
        for c in SERVICES if c.name.startswith("openvpn ") and c.name != "openvpn disabled"],
    vpn("OpenVpn", "empty", openvpn=[]),
    vpn("OpenVpn", "two", openvpn=[CLIENT, SERVER]),
    vpn("OpenVpn", "with files", openvpn=[{**SERVER, "ca": "/ca.pem"}], files=[file("/ca.pem", "CA\n",
        "0600")]),
    vpn("OpenVpn", "variables", {"name": "abc", "port": "x"}, openvpn=[{**CLIENT, "name": "{{name}}"}]),
    vpn("OpenVpn", "unicode", openvpn=[{**CLIENT, "user": "müller", "extra": ["a", 1, True], "off": False}]),
    *[vpn(backend, name, **config) for backend in ("Wireguard", "VxlanWireguard")
        for name, config in TUNNELS.items()],
    vpn("VxlanWireguard", "with vxlan", wireguard=[WG], vxlan=[{"name": "vxlan", "vni": 5}]),
    vpn("VxlanWireguard", "with automatic id", wireguard=[WG], vxlan=[{"name": "vxlan", "vni": ""}],
        files=[file("vxlan.json", "[]")]),
    vpn("ZeroTier", "empty", zerotier=[]),
    vpn("ZeroTier", "plain", zerotier=[{"name": "zt"}]),
    vpn("ZeroTier", "full", zerotier=[ZT]),
    vpn("ZeroTier", "two", zerotier=[ZT, {**ZT, "nwid": "1", "name": "b"}], files=[file("/x")]),
]  # fmt: skip
