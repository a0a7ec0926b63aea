"""Everything of OpenWrt but interfaces and radios, and free UCI packages."""

from __future__ import annotations

from typing import Any

from .case import Case, both, file

KEY = "QFdbnuYr7rrF4eONCAs7FhZwP7BXX/jD/jq2LXCpaXI="
CLIENT: dict[str, Any] = {
    "name": "client-1", "mode": "p2p", "proto": "udp", "dev": "tun0", "remote": [{"host": "vpn.org",
    "port": 1194}],
}  # fmt: skip
SERVER: dict[str, Any] = {
    "name": "server",
    "mode": "server",
    "proto": "tcp-server",
    "dev": "tap0",
    "dev_type": "tap",
}
NETWORK = {"id": "9536600adf654321", "ifname": "owzt654321"}


def block(kind: str, value: str | None = None, **options: Any) -> dict[str, Any]:
    return {"config_name": kind, **({"config_value": value} if value else {}), **options}


def case(name: str, **config: Any) -> Case:
    return Case(name, config)


def openvpn(name: str, base: dict[str, Any], **more: Any) -> Case:
    return Case(f"openvpn {name}", {"openvpn": [{**base, **more}]})


CASES: list[Case] = [
    case("nothing"),
    case("general empty", general={}),
    case("hostname", general={"hostname": "router-1.example.org"}),
    case("timezone", general={"timezone": "Europe/Amsterdam", "maintainer": "me", "description": "its"}),
    case("ula", general={"ula_prefix": "fd8e::/48", "globals_id": "glob"}),
    case("general with id", general={"id": "sys", "hostname": "ab", "flag": True, "off": False,
        "number": 3.5}),
    case("ntp", ntp={"enabled": True, "enable_server": False, "server": ["0.pool.org", "1.pool.org"]}),
    case("ntp empty", ntp={}),
    case("ntp off with id", ntp={"id": "time", "enabled": False, "server": []}),
    case("general and ntp", general={"hostname": "ab"}, ntp={"enabled": True}),
    case("led", led=[{"name": "USB1", "sysfs": "tp-link:green:usb1", "trigger": "usbdev", "dev": "1-1.1",
        "interval": 50, "default": False, "delayon": 1, "delayoff": 2, "message": "m", "mode": "tx"}]),
    case("led with id", led=[{"name": "A", "sysfs": "s", "trigger": "none", "id": "led_x"}, {"name": "B",
        "sysfs": "s", "trigger": "none"}]),
    case("route", routes=[{"device": "eth1", "destination": "192.168.4.1/24", "next": "192.168.2.2",
        "cost": 2}]),
    case("routes", routes=[{"device": "eth1", "destination": "0.0.0.0/0", "next": "10.0.0.1", "cost": 0,
        "source": "10.0.0.9"}, {"device": "eth1", "destination": "fd89::1/128", "next": "fd88::1",
        "cost": 0, "name": "v6"}, {"device": "eth1", "destination": "10.9.9.9", "next": "", "cost": 1,
        "type": "blackhole", "mtu": "1400", "table": "5", "onlink": True}]),
    case("rule", ip_rules=[{"in": "eth0", "out": "eth1", "src": "192.168.1.0/24", "dest": "192.168.2.0/24",
        "tos": 2, "mark": "0x0/0x1", "invert": True, "lookup": "0", "action": "blackhole"}]),
    case("rules", ip_rules=[{"src": "fdca::/64", "goto": 4}, {"dest": "10.0.0.0/8", "name": "n"},
        {"in": "lan"}]),
    case("switch", switch=[{"name": "switch0", "reset": True, "enable_vlan": True,
        "vlan": [{"device": "switch0", "vlan": 1, "ports": "0t 2 3"}, {"device": "switch0", "vlan": 2,
        "ports": "0t 1", "vid": 9, "id": "v2"}]}]),
    case("switch with id", switch=[{"name": "sw", "id": "x", "reset": False, "enable_vlan": False,
        "vlan": []}]),
    *both("network of many sources", {"general": {"ula_prefix": "fd00::/48"},
        "interfaces": [{"name": "eth0", "type": "ethernet"}], "routes": [{"device": "eth0",
        "destination": "10.0.0.0/8", "next": "10.1.1.1", "cost": 0}], "ip_rules": [{"lookup": "7"}],
        "network": [block("device", "eth_x", name="eth0")], "switch": [{"name": "s", "reset": True,
        "enable_vlan": True, "vlan": []}]}),
    case("wireguard peers", wireguard_peers=[{"interface": "wg-0", "public_key": KEY,
        "allowed_ips": ["10.0.0.0/24", "::/0"], "endpoint_host": "h.org", "endpoint_port": 51820,
        "preshared_key": KEY, "persistent_keepalive": 60, "route_allowed_ips": True}, {"interface": "wg0",
        "public_key": KEY, "allowed_ips": [], "endpoint_port": 1, "endpoint_host": ""}]),
    case("zerotier", zerotier=[{"name": "ow-zt", "networks": [NETWORK]}]),
    case("zerotier with options", zerotier=[{"name": "global", "disabled": True, "secret": "{{secret}}",
        "config_path": "/etc/zt", "copy_config_path": "0", "port": 9994, "local_conf_path": "/etc/zt.conf",
        "networks": [{**NETWORK, "allow_managed": True, "allow_global": False, "allow_default": False,
        "allow_dns": True}, {"id": "9536600adf654322", "ifname": "owzt654322"}]}]),
    case("zerotier with its own map", zerotier=[{"name": "global", "networks": [NETWORK],
        "local_conf": "/x"}], files=[file("/etc/openwisp/zerotier/devicemap", "# mine\n"),
        file("/etc/other")]),
    case("two zerotier", zerotier=[{"name": "aa", "networks": []}, {"name": "bb", "networks": [NETWORK]}]),
    openvpn("client", CLIENT),
    openvpn("client with everything", CLIENT, disabled=False, ca="/ca.pem", cert="/cert.pem",
        key="/key.pem", verb=3, nobind=True, resolv_retry="infinite", tls_client=True, pull=True,
        cipher="AES-128-GCM", keepalive="5 40", comp_lzo="yes", fragment=0, mssfix=1450, mtu_disc="no",
        mtu_test=False, persist_key=True, mute=10, persist_tun=True, script_security=1,
        status="/var/log/s 10", status_version=1, up="/up.sh", down="/d.sh", up_delay=10, user="nobody",
        group="nogroup", log="/var/log/o.log", engine="", local="10.0.0.1", tls_cipher="A:B::C",
        auth="SHA256", remote_cert_tls="server", float=True, fast_io=True),
    openvpn("data ciphers", CLIENT, data_ciphers=[{"cipher": "AES-128-CBC", "optional": False},
        {"cipher": "AES-128-CFB", "optional": True}], data_ciphers_fallback="AES-128-CBC"),
    openvpn("remotes", CLIENT, remote=[{"host": "a.org", "port": 1, "proto": "tcp4"}, {"host": "b.org",
        "port": 2, "proto": "auto"}, {"host": "cc", "port": 3}]),
    openvpn("status version without status", CLIENT, status_version=2),
    openvpn("tls auth key", CLIENT, tls_auth="-----BEGIN\nabc\n-----END", ca="/etc/x509/ca.pem"),
    openvpn("tls auth path", CLIENT, tls_auth="/etc/tls.key 1"),
    openvpn("server", SERVER, tls_server=True, dh="/dh.pem", server="10.8.0.0 255.255.255.0",
        topology="subnet", client_to_client=True, duplicate_cn=False, crl_verify="/crl", port=1194),
    openvpn("server bridge", SERVER, server_bridge=""),
    openvpn("server tls auth", SERVER, tls_auth="key\nkey", ca="ca.pem"),
    openvpn("disabled", CLIENT, disabled=True),
    Case("openvpn tls auth with files", {"openvpn": [{**CLIENT, "tls_auth": "k", "ca": "/x/ca"}],
        "files": [file("/etc/f")]}),
    case("package", firewall=[block("defaults", input="ACCEPT"), block("zone", "lan", network=["a", "b"])]),
    case("packages", aa=[block("x")], zz=[block("y", "name.with-dots")], mm=[block("z", a=True, b=False)]),
    case("package values", pkg=[block("t", none=None, empty="", zero=0, float=1.5, neg=-1, big=10**12,
        yes=True, no=False, nested={"b": 1, "a": 2}, items=[1, True, None, "x", 1.0, ["y"]], empty_list=[],
        empty_dict={})]),
    case("package quotes", pkg=[block("t", quote="it's", double='"', slash="a\\b", tab="a\tb", html="<&>")]),
    case("package new lines", pkg=[block("t", text="a\nb\n\n\nc\noption x\nlist y",
        spaces="a    b      c")]),
    case("package injection", pkg=[block("t", text="a\npackage evil\n\nconfig x 'y'\n")]),
    case("package unicode", pkg=[block("t", text="Zürich 北京 😀")]),
    case("package hidden options", pkg=[{"config_name": "t", ".hidden": "x", ".type": "z", "a": "b"}]),
    case("package braces", pkg=[block("t", jinja="{{ x }} {% if %} {# #}")]),
    case("skipped blocks", pkg=[{"no": "config name"}, "text", 5, None, [], block("t", a="b")],
        other=[{"a": 1}]),
    case("skipped packages", text="x", number=5, nothing=None, thing={"a": 1}, empty=[]),
    case("same section twice", pkg=[block("t", "same", a="1", l=["x"]), block("t", "same", a="2", l=["y"])]),
    case("system package", general={"hostname": "ab"}, system=[block("system", "system", log_size=64)]),
    case("files", files=[file("/etc/a"), file("etc/b", mode="755"), file("/c/d", "", "0600")]),
    case("files twice", files=[file("/etc/a", "1"), file("/etc/b"), file("/etc/a", "2", "600")]),
    case("files non-ASCII", files=[file("/etc/a", "ciàò\n"), file("/etc/b", "😀" * 600)]),
    case("files long path", files=[file("/" + "d" * 60 + "/" + "f" * 60), file("/" + "x" * 140),
        file("/" + "a/" * 130 + "end")]),
    case("files block sizes", files=[file(f"/etc/{n}", "x" * n) for n in (0, 1, 511, 512, 513, 1024,
        10240)]),
    case("files modes", files=[file(f"/etc/{m}", mode=m) for m in ("644", "0755", "4755", "000", "0777")]),
    case("files odd text", files=[file("/etc/a", "\n\n\n\n"), file("/etc/b", "package x\n"), file("/e/c",
        "    \t")]),
    case("files hidden names", files=[file("/.a/..b/c..", "x"), file("...", "y")]),
]  # fmt: skip
