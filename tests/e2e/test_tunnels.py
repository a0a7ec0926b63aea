"""Servers and devices configured by the controller connect, with the real programs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openwisp_controller.config.models import Config, Vpn
from openwisp_controller.fleet import uci
from openwisp_controller.pki.models import Ca

from .. import factories as make
from ..database.vpn.helpers import files
from .networks import SERVER_ADDRESS, Host, are_possible, reaches, two_hosts, wait_for

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.once,
    pytest.mark.skipif(not are_possible(), reason="needs the right to make network namespaces, and /dev/net/tun"),
]
#: Options of the device's OpenVPN that stand alone when they are set.
FLAGS = {"client", "nobind", "persist_key", "persist_tun", "tls_client", "pull", "auth_nocache", "float"}


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    with two_hosts(tmp_path) as hosts:
        yield hosts


def section(config: Config, package: str, kind: str) -> dict[str, Any]:
    """Options of the first section of a kind, as a router reads them."""
    parsed = uci.parse(files(config)[f"etc/config/{package}"])
    return next(each.options for each in parsed.sections if each.type == kind)


class TestOpenVpn:
    SERVER = {
        "openvpn": [
            {
                "name": "server", "dev": "tun0", "dev_type": "tun", "mode": "server", "proto": "udp", "port": 1194,
                "tls_server": True, "topology": "subnet", "server": "10.8.0.0 255.255.255.0", "ca": "ca.pem",
                "cert": "cert.pem", "key": "key.pem", "dh": "dh.pem", "keepalive": "10 60", "verb": 3,
                "crl_verify": "crl.pem", "data_ciphers": [{"cipher": "AES-256-GCM", "optional": False}],
            }
        ],
        "files": [
            {"path": f"{name}.pem", "mode": "0600", "contents": f"{{{{ {name} }}}}"}
            for name in ("ca", "cert", "key", "dh")
        ],
    }  # fmt: skip

    def native(self, config: Config, device: Host) -> str:
        """What a router's start script makes of the section: its own configuration file."""
        lines = []
        for name, value in section(config, "openvpn", "openvpn").items():
            option = name.replace("_", "-")
            if name == "enabled":
                continue
            for item in value if isinstance(value, list) else [value]:
                path = item.replace("/etc/x509", f"{device.directory}/etc/x509")
                lines.append(option if name in FLAGS and item == "1" else f"{option} {path}")
        return "\n".join(lines) + "\n"

    @pytest.mark.skipif(shutil.which("openvpn") is None, reason="OpenVPN is not installed")
    @pytest.mark.parametrize("key_length", ["256", "2048"])
    def test_connects_until_it_is_revoked(
        self, organization: Any, committing: Any, hosts: tuple[Host, Host], key_length: str
    ) -> None:
        server, device = hosts
        with committing():
            ca = make.ca(organization, key_length=key_length)
            vpn = make.vpn(organization, "OpenVpn", ca=ca, host=SERVER_ADDRESS, config=self.SERVER)
            config = make.config(organization, templates=[make.vpn_template(vpn)])
        server.write({**files(vpn), "crl.pem": ca.crl.decode()})
        device.write({**files(config), "client.conf": self.native(config, device)})
        log = server.start("openvpn", "--config", "server.conf", log="server.log")
        wait_for(log, "Initialization Sequence Completed")
        wait_for(
            device.start("openvpn", "--config", "client.conf", log="client.log"), "Initialization Sequence Completed"
        )
        assert reaches(server, device, "10.8.0.1")
        device.stop()
        with committing():
            config.templates.set([])
        server.write({"crl.pem": Ca.objects.get().crl.decode()})
        device.start("openvpn", "--config", "client.conf", log="revoked.log")
        wait_for(log, "certificate revoked")
        assert "Initialization Sequence Completed" not in (device.directory / "revoked.log").read_text()


class TestWireguard:
    def up(self, host: Host, native: str, addresses: list[str]) -> str:
        """Bring an interface up with WireGuard in user space, which needs no kernel module; return its name.

        The program's control socket is in one directory for all hosts, so the name is one of a kind.
        """
        name = f"wg-{host.name}"[:15]
        host.write({"wg.conf": native})
        log = host.start("wireguard-go", "-f", name, log="wireguard.log", LOG_LEVEL="verbose")
        wait_for(log, "UAPI listener started")
        host.run("wg", "setconf", name, "wg.conf")
        for address in addresses:
            host.run("ip", "address", "add", address, "dev", name)
        host.run("ip", "link", "set", name, "up")
        return name

    def stripped(self, vpn: Vpn) -> tuple[str, list[str]]:
        """What the server downloads without what only the start script understands, and its addresses."""
        lines, addresses = [], []
        for line in files(vpn)["wg0.conf"].splitlines():
            name, _, value = line.partition(" = ")
            if name == "Address":
                addresses.append(value)
            else:
                lines.append(line)
        return "\n".join(lines) + "\n", addresses

    @pytest.mark.skipif(
        shutil.which("wg") is None or shutil.which("wireguard-go") is None, reason="WireGuard is not installed"
    )
    def test_connects_once_it_is_a_peer(self, organization: Any, committing: Any, hosts: tuple[Host, Host]) -> None:
        server, device = hosts
        with committing():
            vpn = make.vpn(organization, host=SERVER_ADDRESS)
            template = make.vpn_template(vpn)
            make.config(organization, templates=[template])
        native, addresses = self.stripped(vpn)
        tunnel = self.up(server, native, addresses)
        with committing():
            config = make.config(organization, templates=[template])
        interface, peer = section(config, "network", "interface"), section(config, "network", "wireguard_wg0")
        native = (
            f"[Interface]\nPrivateKey = {interface['private_key']}\n\n[Peer]\nPublicKey = {peer['public_key']}\n"
            f"AllowedIPs = {', '.join(peer['allowed_ips'])}\n"
            f"Endpoint = {peer['endpoint_host']}:{peer['endpoint_port']}\n"
            f"PersistentKeepalive = {peer['persistent_keepalive']}\n"
        )
        name = self.up(device, native, interface["addresses"])
        device.run("ip", "route", "add", peer["allowed_ips"][0], "dev", name)
        assert interface["addresses"] == ["10.0.0.3/32"]
        assert not reaches(server, device, "10.0.0.1", seconds=1)
        server.write({"wg.conf": self.stripped(vpn)[0]})
        server.run("wg", "syncconf", tunnel, "wg.conf")
        assert reaches(server, device, "10.0.0.1")
