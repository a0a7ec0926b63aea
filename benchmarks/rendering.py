"""What rendering costs: CPU milliseconds per device, here and in netjsonconfig.

Run ``python -m benchmarks.rendering``. The typical device has its own configuration and five templates, two
radios, four access points, bridges, VLANs, extra files and ten variables.
"""

from __future__ import annotations

import argparse
import base64
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from netjsonconfig import OpenWrt

from openwisp_controller.rendering import Stack

BACKEND = "netjsonconfig.OpenWrt"


def wifi(name: str, radio: str, ssid: str, network: str) -> dict[str, Any]:
    """Return an access point with WPA2."""
    encryption = {"protocol": "wpa2_personal", "cipher": "ccmp", "key": "{{ wifi_key }}", "disabled": False}
    wireless = {
        "mode": "access_point",
        "radio": radio,
        "ssid": ssid,
        "network": [network],
        "isolate": True,
        "encryption": encryption,
    }
    return {"name": name, "type": "wireless", "wireless": wireless}


def radio(name: str, band: str, protocol: str, width: int) -> dict[str, Any]:
    """Return a radio with automatic channel."""
    return {
        "name": name,
        "protocol": protocol,
        "band": band,
        "channel": 0,
        "channel_width": width,
        "country": "IT",
        "tx_power": 18,
        "disabled": False,
    }


def static(address: str) -> dict[str, Any]:
    """Return a static IPv4 address."""
    return {"proto": "static", "family": "ipv4", "address": address, "mask": 24}


def pem(seed: str) -> str:
    """Return something as long and as incompressible as a certificate."""
    text = base64.b64encode(random.Random(seed).randbytes(900)).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


DHCP = {"proto": "dhcp", "family": "ipv4"}

TEMPLATES: list[dict[str, Any]] = [
    {
        "general": {"timezone": "Europe/Rome", "ula_prefix": "fd8e:f40a:6701::/48"},
        "ntp": {"enabled": True, "enable_server": False, "server": [f"{n}.pool.ntp.org" for n in range(4)]},
        "dns_servers": ["{{ dns }}", "1.1.1.1"],
        "files": [
            {"path": "/etc/banner", "mode": "0644", "contents": "Welcome to {{ name }}\n" + "=" * 60 + "\n"},
            {"path": "/etc/dropbear/authorized_keys", "mode": "0600", "contents": "ssh-ed25519 AAAAC3Nza\n" *
            3},
        ],
    },
    {
        "radios": [radio("radio0", "2g", "802.11n", 20), radio("radio1", "5g", "802.11ac", 80)],
        "interfaces": [
            wifi("wlan0", "radio0", "{{ ssid }}", "lan"),
            wifi("wlan1", "radio1", "{{ ssid }}", "lan"),
            wifi("wlan0-1", "radio0", "{{ guest_ssid }}", "guest"),
            wifi("wlan1-1", "radio1", "{{ guest_ssid }}", "guest"),
        ],
    },
    {
        "interfaces": [
            {"name": "lan", "type": "bridge", "stp": True, "bridge_members": ["eth0", "wlan0", "wlan1"],
             "addresses": [static("{{ lan_ip }}")]},
            {"name": "guest", "type": "bridge", "bridge_members": ["wlan0-1", "wlan1-1"],
             "addresses": [static("{{ guest_ip }}")]},
            {"name": "eth1", "type": "ethernet", "mtu": 1500, "network": "wan", "addresses": [DHCP]},
        ],
        "routes": [{"device": "eth1", "destination": "192.168.9.0/24", "next": "{{ gateway }}", "cost": 1}],
    },
    {
        "openvpn": [
            {"name": "vpn", "mode": "p2p", "proto": "udp", "dev": "tun0", "dev_type": "tun",
             "tls_client": True, "ca": "/etc/x509/ca.pem", "cert": "/etc/x509/cert.pem", "verb": 3,
             "key": "/etc/x509/key.pem", "remote": [{"host": "{{ vpn_host }}", "port": 1194}],
             "disabled": False,
             "nobind": True, "persist_key": True, "persist_tun": True, "cipher": "AES-128-GCM"}
        ],
        "files": [
            {"path": f"/etc/x509/{name}.pem", "mode": "0600",
             "contents": pem(name)}
            for name in ("ca", "cert", "key")
        ],
    },
    {
        "firewall": [
            {"config_name": "zone", "config_value": zone, "name": zone, "network": [zone], "input": "ACCEPT",
             "output": "ACCEPT", "forward": "REJECT"}
            for zone in ("lan", "guest", "wan")
        ],
        "dhcp": [{"config_name": "dhcp", "config_value": "lan", "interface": "lan", "start": 100,
        "limit": 150}],
        "openwisp": [{"config_name": "controller", "config_value": "http",
        "url": "https://{{ controller }}"}],
    },
]  # fmt: skip

CONFIG: dict[str, Any] = {
    "general": {"hostname": "{{ name }}"},
    "interfaces": [{"name": "lan", "type": "bridge", "bridge_members": ["eth2"], "mtu": 1400}],
    "files": [{"path": "/etc/location", "mode": "0644", "contents": "{{ name }} at {{ gateway }}\n"}],
}


def context(number: int) -> dict[str, Any]:
    """Return the variables of one device; half of them differ from device to device."""
    return {
        "name": f"ap-{number:05}",
        "lan_ip": f"10.{number // 250}.{number % 250}.1",
        "guest_ip": f"172.16.{number % 250}.1",
        "gateway": f"10.{number // 250}.{number % 250}.254",
        "wifi_key": f"secret{number:08}",
        "ssid": "Community",
        "guest_ssid": "Community guests",
        "dns": "9.9.9.9",
        "vpn_host": "vpn.example.org",
        "controller": "controller.example.org",
    }


def reference(number: int) -> bytes:
    """Render with netjsonconfig."""
    backend = OpenWrt(CONFIG, templates=TEMPLATES, context=context(number))
    return bytes(backend.generate().getvalue())


def fresh(number: int) -> bytes:
    """Render with a stack of its own."""
    return Stack(BACKEND, TEMPLATES).render(CONFIG, context(number)).data


def shared() -> Callable[[int], bytes]:
    """Return a function rendering with one stack for all devices."""
    stack = Stack(BACKEND, TEMPLATES)
    return lambda number: stack.render(CONFIG, context(number)).data


def cost(render: Callable[[int], bytes], devices: int) -> float:
    """Return the CPU milliseconds per device."""
    render(0)
    start = time.process_time()
    for number in range(devices):
        render(number)
    return (time.process_time() - start) * 1000 / devices


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    devices = parser.parse_args(arguments).devices
    if fresh(7) != reference(7):
        raise SystemExit("the archives differ")
    rows = {
        "netjsonconfig": cost(reference, max(devices // 10, 1)),
        "fresh stack for each device": cost(fresh, devices),
        f"one stack for {devices} devices": cost(shared(), devices),
    }
    print(f"{'CPU per device':<32}{'ms':>8}")
    for label, milliseconds in rows.items():
        print(f"{label:<32}{milliseconds:>8.3f}")


if __name__ == "__main__":
    main()
