"""Interfaces of every type, addresses, bridges, VLANs."""

from __future__ import annotations

from typing import Any

from .case import Case, both, dhcp, static


def ethernet(name: str = "eth0", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "ethernet", **more}


def bridge(*members: str, name: str = "lan", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "bridge", "bridge_members": list(members), **more}


def vlan(number: int, *ports: dict[str, Any]) -> dict[str, Any]:
    return {"vlan": number, "ports": list(ports)}


def port(ifname: str, tagging: str = "u", primary: bool = False) -> dict[str, Any]:
    return {"ifname": ifname, "tagging": tagging, "primary_vid": primary}


def single(name: str, interface: dict[str, Any], **config: Any) -> list[Case]:
    return both(name, {"interfaces": [interface], **config})


V4, V4B, V6, V6B = static("10.0.0.1"), static("10.1.0.1", 16), static("fd00::1", 64), static("fd00::2", 48)
L2: dict[str, Any] = {
    "rpfilter": "loose", "txqueuelen": 500, "neighreachabletime": 100, "neighgcstaletime": 50,
    "neighlocktime": 1, "igmpversion": 3, "mldversion": 2, "promisc": True, "acceptlocal": False,
    "sendredirects": True, "multicast": True, "mtu": 1400, "mtu6": 1300, "dadtransmits": 1,
}  # fmt: skip
STP: dict[str, Any] = {
    "stp": True, "forward_delay": 4, "hello_time": 2, "priority": 1000, "ageing_time": 200, "max_age": 20,
}  # fmt: skip
IGMP: dict[str, Any] = {
    "igmp_snooping": True, "multicast_querier": True, "query_interval": 12000,
    "query_response_interval": 900, "last_member_interval": 90, "hash_max": 256, "robustness": 3,
}  # fmt: skip
KEY = "QFdbnuYr7rrF4eONCAs7FhZwP7BXX/jD/jq2LXCpaXI="

CASES: list[Case] = [
    *single("ethernet without address", ethernet()),
    *single("ethernet with one address", ethernet(addresses=[V4])),
    *single("ethernet with two addresses", ethernet(addresses=[V4, V4B])),
    *single("ethernet with IPv6", ethernet(addresses=[V6])),
    *single("ethernet with two IPv6", ethernet(addresses=[V6, V6B])),
    *single("ethernet with both families", ethernet(addresses=[V4, V6, V4B])),
    *single("ethernet with DHCP", ethernet(addresses=[dhcp()])),
    *single("ethernet with DHCPv6", ethernet(addresses=[dhcp("ipv6")])),
    *single("ethernet with static and DHCP", ethernet(addresses=[V4, dhcp(), dhcp("ipv6")])),
    *single("gateways", ethernet(addresses=[static("10.0.0.2", gateway="10.0.0.1"), static("fd00::2", 64,
        gateway="fd00::1")])),
    *single("layer 2 options", ethernet(addresses=[V4], **L2)),
    *single("layer 2 options without address", ethernet(**L2)),
    *single("mac and autostart", ethernet(mac="00:11:22:33:44:55", autostart=False, addresses=[V4])),
    *single("disabled interface", ethernet(disabled=True, addresses=[V4])),
    *single("enabled interface", ethernet(disabled=False)),
    *single("logical name", ethernet(network="wan-1.a", addresses=[dhcp()])),
    *single("name with dots and dashes", ethernet("eth0.1-2", addresses=[V4])),
    *single("unknown options", ethernet(metric=5, peerdns="0", custom=[1, "2", True], nothing=None,
        empty="")),
    *single("dns of its own", ethernet(dns=["1.1.1.1"], dns_search=["own.org"], addresses=[V4])),
    *single("global dns", ethernet(addresses=[V4, dhcp()]), dns_servers=["1.1.1.1", "::1"],
        dns_search=["a.org"]),
    *single("global dns without address", ethernet(), dns_servers=["1.1.1.1"], dns_search=["a.org",
        "b.org"]),
    *single("proto override", ethernet(proto="batadv_hardif", mesh="bat0", addresses=[V4])),
    *single("virtual", {"name": "tap0", "type": "virtual", "addresses": [V4]}),
    *single("loopback", {"name": "lo", "type": "loopback", "addresses": [static("127.0.0.1", 8)]}),
    *single("other type", {"name": "xyz0", "type": "other", "proto": "none"}),
    *single("bridge", bridge("eth0", "eth1", addresses=[V4])),
    *single("empty bridge", bridge(addresses=[V4])),
    *single("bridge without address", bridge("eth0")),
    *single("bridge with two addresses", bridge("eth0", addresses=[V4, dhcp(), V6])),
    *single("bridge named br-", bridge("eth0", name="br-lan", addresses=[V4, dhcp()])),
    *single("bridge with network", bridge("eth0", network="home", addresses=[V4])),
    *single("bridge with spanning tree", bridge("eth0", addresses=[V4], **STP)),
    *single("bridge with spanning tree off", bridge("eth0", **{**STP, "stp": False})),
    *single("bridge with IGMP snooping", bridge("eth0", addresses=[V4], **IGMP)),
    *single("bridge with all options", bridge("eth0", "wlan0", mac="00:11:22:33:44:55", **STP, **IGMP,
        **L2)),
    *single("vlan filtering", bridge("lan1", "lan2", name="br-lan", addresses=[V4], vlan_filtering=[vlan(1,
        port("lan1", "t", True), port("lan2")), vlan(2, port("lan1", "t"), port("lan2", "u", True))])),
    *single("vlan filtering without ports", bridge("lan1", vlan_filtering=[{"vlan": 3}])),
    *single("vlan filtering disabled by an empty list", bridge("lan1", vlan_filtering=[])),
    *both("vlan filtering with an interface on top", {"interfaces": [bridge("lan1", name="br-lan",
        vlan_filtering=[vlan(5, port("lan1", "t"))]), ethernet("br-lan.5", mtu=1400,
        mac="00:11:22:33:44:55", addresses=[V4])]}),
    *both("vlan filtering overridden by name", {"interfaces": [bridge("lan1", name="br-lan",
        vlan_filtering=[vlan(5, port("lan1", "t"))]), ethernet("br-lan.5", network="br_lan_5",
        addresses=[dhcp()])]}),
    *[case for kind in ("8021q", "8021ad") for case in (*single(f"{kind}", {"name": "eth0", "type": kind,
        "vid": 7, "addresses": [V4]}), *single(f"{kind} with network", {"name": "eth0", "type": kind,
        "vid": 7, "network": "iot"}), *single(f"{kind} with mappings", {"name": "br-lan", "type": kind,
        "vid": 0, "mtu": 1300, "mac": "00:11:22:33:44:55", "ingress_qos_mapping": ["0:1", "1:2"],
        "egress_qos_mapping": ["0:3"], "addresses": [dhcp(), V6]}))],
    *both("several VLANs of one device", {"interfaces": [{"name": "eth0", "type": kind,
        "vid": vid} for kind in ("8021q", "8021ad") for vid in (1, 2)]}),
    *single("pppoe", {"name": "dsl0", "type": "dialup", "proto": "pppoe", "username": "u", "password": "p"}),
    *single("3g", {"name": "g3", "type": "dialup", "proto": "3g", "username": "u", "password": "p",
        "device": "/dev/ttyUSB0", "apn": "internet", "network": "mobile"}),
    *single("ppp on ethernet", ethernet(proto="ppp", device="/dev/usb/modem1", username="u", password="p",
        keepalive=3, ipv6=True)),
    *single("modem manager", {"name": "wwan0", "type": "modem-manager", "device": "/sys/devices/x",
        "apn": "a.b", "pin": "1234", "username": "u", "password": "p", "metric": 50, "lowpower": False,
        "iptype": "ipv4v6", "signalrate": 5, "force_link": True, "loglevel": "ERR"}),
    *single("modem manager without pin", {"name": "wwan0", "type": "modem-manager",
        "device": "/sys/devices/x"}),
    *single("wireguard", {"name": "wg0", "type": "wireguard", "private_key": KEY, "port": 51820,
        "mtu": 1420, "nohostroute": False, "fwmark": "", "ip6prefix": [], "network": "",
        "addresses": [static("10.0.0.2", 32), static("fd00::2", 128)]}),
    *single("wireguard without port", {"name": "wg-0", "type": "wireguard", "private_key": KEY,
        "addresses": []}),
    *single("vxlan", {"name": "vxlan", "type": "vxlan", "vtep": "10.0.0.1", "port": 4789, "vni": 1,
        "tunlink": "wg0", "rxcsum": True, "txcsum": False, "mtu": 1280, "ttl": 64, "mac": "",
        "disabled": False, "network": ""}),
    *single("vxlan with text id", {"name": "vx1", "type": "vxlan", "vtep": "a", "port": 1, "vni": "9",
        "tunlink": ""}),
    *both("many interfaces", {"interfaces": [*[ethernet(f"eth{n}",
        addresses=[static(f"10.0.{n}.1")]) for n in range(12)], bridge(*[f"eth{n}" for n in range(12)],
        addresses=[V4])]}),
    *both("same name twice", {"interfaces": [ethernet(addresses=[V4]), ethernet(addresses=[V6], mtu=1400)]}),
    *both("no interfaces", {"interfaces": []}),
]  # fmt: skip
