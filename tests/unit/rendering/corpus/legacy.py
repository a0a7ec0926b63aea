"""The legacy backend, which adds scripts."""

from __future__ import annotations

from typing import Any

from .case import Case, dhcp, file, static
from .interfaces import CASES as INTERFACES
from .interfaces import bridge
from .services import CLIENT, SERVER, block
from .wifi import radio, wifi

GENERAL = {"hostname": "OpenWISP"}
TAP = {**CLIENT, "name": "tap-1", "dev": "tap0", "dev_type": "tap", "up": "/x/up.sh", "down": "/x/down.sh"}


def case(name: str, templates: list[dict[str, Any]] | None = None, dsa: bool | None = None, **config: Any) -> Case:
    config = {"general": GENERAL, **config}
    return Case(f"legacy {name}", config, templates or [], backend="netjsonconfig.OpenWisp", dsa=dsa)


CASES: list[Case] = [
    Case("legacy nothing", {}, backend="netjsonconfig.OpenWisp"),
    case("hostname"),
    case("radios", radios=[radio("802.11n", 3, 20), {**radio("802.11a", 36, 20), "disabled": True,
        "name": "radio1"}]),
    case("bridges", interfaces=[bridge("eth0", addresses=[static("10.0.0.1")]), bridge("eth1", name="b2"),
        bridge("eth2", name="b3", addresses=[dhcp()])]),
    case("wifi", interfaces=[wifi(), bridge("wlan0")], radios=[radio("802.11g", 1, 20)]),
    case("tap tunnels", openvpn=[TAP, {**TAP, "name": "tap-2", "up": "other.sh", "down": ""}, SERVER]),
    case("tun tunnel", openvpn=[CLIENT]),
    case("traffic control", tc_options=[{"name": "eth0", "input_bandwidth": 1000, "output_bandwidth": 2000},
        {"name": "eth1", "input_bandwidth": 7}, {"name": "e2", "output_bandwidth": 9}, {"name": "e3"}]),
    case("crontabs", files=[file("/crontabs/root", "* * * * * echo\n")]),
    case("crontabs without slash", files=[file("crontabs/root", "* * * * * echo\n")]),
    case("own install script", files=[file("/install.sh", "#!/bin/sh\n", "755")]),
    case("lists and booleans", pkg=[block("t", l=["a", "b"], yes=True, no=False)]),
    case("new lines", pkg=[block("t", text="x\npackage y\n\nz")]),
    case("word package in a value", pkg=[block("t", text="the package is here")]),
    case("new syntax", dsa=True, interfaces=[bridge("eth0", addresses=[static("10.0.0.1")])]),
    case("compression", openvpn=[{**CLIENT, "comp_lzo": "1"}]),
    case("templates", [{"radios": [radio("802.11n", 3, 20)]}, {"files": [file("/a")]}], files=[file("/a"),
        file("/b")], radios=[{"name": "radio0", "tx_power": 3}]),
    case("non-ASCII", files=[file("/a", "ü" * 512)], pkg=[block("t", text="ü")]),
    *[Case(f"legacy {c.name}", {"general": GENERAL, **c.config}, backend="netjsonconfig.OpenWisp",
        dsa=c.dsa) for c in INTERFACES if c.dsa is False],
]  # fmt: skip
