"""What each kind of server and its devices are given, from the field's own examples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Config, Vpn

from ... import factories as make
from .helpers import client_of, dedent, files

pytestmark = pytest.mark.django_db


def join(vpn: Vpn, committing: Any, **fields: Any) -> Config:
    """A device "dev1" that is a client of a server."""
    with committing():
        config = make.config(make.device(vpn.organization, "dev1", mac_address="00:11:22:33:44:01"))
        config.templates.add(make.vpn_template(vpn, **fields))
    return Config.objects.get(pk=config.pk)


class TestOpenVpn:
    @pytest.fixture
    def vpn(self, organization: Any, committing: Any) -> Vpn:
        with committing():
            return make.vpn(organization, "OpenVpn", ca=make.ca(organization, common_name="the ca"))

    def test_server(self, vpn: Vpn) -> None:
        assert files(vpn)["example-vpn.conf"].split("\n") == [
            "ca ca.pem", "cert cert.pem", "dev tap0", "dev-type tap", "dh dh.pem", "key key.pem", "mode server",
            "proto udp", "tls-server", "",
        ]  # fmt: skip

    def test_template(self, vpn: Vpn) -> None:
        key = vpn.pk.hex
        assert make.vpn_template(vpn).config == {
            "openvpn": [
                {
                    "mode": "p2p", "nobind": True, "resolv_retry": "infinite", "tls_client": True,
                    "remote": [{"host": f"{{{{vpn_host_{key}}}}}", "port": 1195}], "proto": "udp", "ns_cert_type": "",
                    "remote_cert_tls": "", "name": "example-vpn", "dev_type": "tap", "dev": "tap0",
                    "ca": f"{{{{ca_path_{key}}}}}", "cert": f"{{{{cert_path_{key}}}}}",
                    "key": f"{{{{key_path_{key}}}}}",
                }
            ],
            "files": [
                {"path": f"{{{{{name}_path_{key}}}}}", "contents": f"{{{{{name}_contents_{key}}}}}", "mode": "0600"}
                for name in ("ca", "cert", "key")
            ],
        }  # fmt: skip

    def test_template_without_certificates(self, vpn: Vpn) -> None:
        config = make.vpn_template(vpn, auto_cert=False).config
        assert [file["path"] for file in config["files"]] == [f"{{{{ca_path_{vpn.pk.hex}}}}}"]
        assert (config["openvpn"][0]["cert"], config["openvpn"][0]["key"]) == ("cert.pem", "key.pem")

    def test_ciphers_are_the_same_on_both_sides(self, organization: Any) -> None:
        ciphers = {
            "data_ciphers": [{"cipher": "AES-128-GCM", "optional": False}],
            "data_ciphers_fallback": "AES-128-GCM",
        }
        config = {"openvpn": [{**make.OPENVPN["openvpn"][0], **ciphers}]}
        tunnel = make.vpn_template(make.vpn(organization, "OpenVpn", config=config)).config["openvpn"][0]
        assert {name: tunnel[name] for name in ciphers} == ciphers

    def test_device(self, vpn: Vpn, committing: Any) -> None:
        config, key = join(vpn, committing), vpn.pk.hex
        found, client = files(config), client_of(config, vpn)
        assert found["etc/config/openvpn"].strip() == dedent(f"""
            config openvpn 'example_vpn'
                option ca '/etc/x509/ca-{vpn.ca.pk}-the_ca.pem'
                option cert '/etc/x509/client-{key}.pem'
                option dev 'tap0'
                option dev_type 'tap'
                option enabled '1'
                option key '/etc/x509/key-{key}.pem'
                option mode 'p2p'
                option nobind '1'
                option proto 'udp'
                list remote 'vpn1.test.com 1195'
                option resolv_retry 'infinite'
                option tls_client '1'
        """)
        assert found[f"etc/x509/ca-{vpn.ca.pk}-the_ca.pem"] == vpn.ca.certificate
        assert found[f"etc/x509/client-{key}.pem"] == client.cert.certificate
        assert found[f"etc/x509/key-{key}.pem"] == client.cert.private_key

    def test_client_certificate(self, vpn: Vpn, committing: Any) -> None:
        cert = client_of(join(vpn, committing), vpn).cert
        assert cert.common_name.startswith("00:11:22:33:44:01-dev1-")
        assert len(cert.common_name) == len("00:11:22:33:44:01-dev1-") + 8
        assert (cert.name, cert.organization, cert.ca) == ("dev1", vpn.organization, vpn.ca)
        assert cert.extensions == [{"name": "nsCertType", "value": "client", "critical": False}]

    @pytest.mark.parametrize(
        ("name", "start", "length"),
        [("00:11:22:33:44:99", "00:11:22:33:44:99-", 26), ("n" * 60, "00:11:22:33:44:99-" + "n" * 37 + "-", 64)],
    )
    def test_common_name(self, vpn: Vpn, name: str, start: str, length: int) -> None:
        config = make.config(make.device(vpn.organization, name, mac_address="00:11:22:33:44:99"))
        config.templates.add(make.vpn_template(vpn))
        common_name = client_of(config, vpn).cert.common_name
        assert common_name.startswith(start)
        assert len(common_name) == length

    def test_files_of_the_server_are_made_of_variables(self, organization: Any, committing: Any) -> None:
        contents = [{"path": f"{name}.pem", "mode": "0644", "contents": f"{{{{ {name} }}}}"}
                    for name in ("ca", "cert", "key", "dh")]  # fmt: skip
        with committing():
            vpn = make.vpn(organization, "OpenVpn", config={**make.OPENVPN, "files": contents})
        found = files(vpn)
        assert found["ca.pem"] == vpn.ca.certificate
        assert found["cert.pem"] == vpn.cert.certificate
        assert found["key.pem"] == vpn.cert.private_key
        assert found["dh.pem"].startswith("-----BEGIN DH PARAMETERS-----")


class TestWireguard:
    @pytest.fixture
    def vpn(self, organization: Any, committing: Any) -> Vpn:
        with committing():
            return make.vpn(organization)

    def test_server(self, vpn: Vpn, committing: Any) -> None:
        client = client_of(join(vpn, committing), vpn)
        assert files(vpn) == {
            "wg0.conf": "[Interface]\nAddress = 10.0.0.1/16\nListenPort = 51820\n"
            f"PrivateKey = {vpn.private_key}\n\n"
            f"[Peer]\nAllowedIPs = 10.0.0.2/32\nPublicKey = {client.public_key}\n"
        }

    def test_template(self, vpn: Vpn) -> None:
        key = vpn.pk.hex
        assert make.vpn_template(vpn).config == {
            "interfaces": [
                {
                    "name": "wg0", "type": "wireguard", "private_key": f"{{{{pvt_key_{key}}}}}", "port": 51820,
                    "mtu": 1420, "nohostroute": False, "fwmark": "", "ip6prefix": [],
                    "addresses": [
                        {"proto": "static", "family": "ipv4", "address": f"{{{{ip_address_{key}}}}}", "mask": 32}
                    ],
                    "network": "",
                }
            ],
            "wireguard_peers": [
                {
                    "interface": "wg0", "public_key": f"{{{{public_key_{key}}}}}",
                    "allowed_ips": [f"{{{{server_ip_network_{key}}}}}"],
                    "endpoint_host": f"{{{{vpn_host_{key}}}}}", "endpoint_port": f"{{{{vpn_port_{key}}}}}",
                    "preshared_key": "", "persistent_keepalive": 60, "route_allowed_ips": True,
                }
            ],
        }  # fmt: skip

    def test_device(self, vpn: Vpn, committing: Any) -> None:
        config = join(vpn, committing)
        assert files(config)["etc/config/network"].strip() == dedent(f"""
            config interface 'wg0'
                list addresses '10.0.0.2/32'
                option listen_port '51820'
                option mtu '1420'
                option nohostroute '0'
                option private_key '{client_of(config, vpn).private_key}'
                option proto 'wireguard'

            config wireguard_wg0 'wgpeer_wg0'
                list allowed_ips '10.0.0.1/32'
                option endpoint_host 'vpn1.test.com'
                option endpoint_port '51820'
                option persistent_keepalive '60'
                option public_key '{vpn.public_key}'
                option route_allowed_ips '1'
        """)

    def test_devices_follow_the_port(self, vpn: Vpn, committing: Any) -> None:
        config = join(vpn, committing)
        with committing():
            vpn.config = {"wireguard": [{"name": "wg0", "port": 1234}]}
            vpn.full_clean()
            vpn.save()
        assert "option endpoint_port '1234'" in files(config)["etc/config/network"]

    def test_ipv6(self, organization: Any, committing: Any) -> None:
        with committing():
            vpn = make.vpn(organization, subnet=make.subnet(organization, "fd12:3456::/64"))
        config = join(vpn, committing)
        assert "list addresses 'fd12:3456::2/128'" in files(config)["etc/config/network"]
        assert "list allowed_ips 'fd12:3456::1/128'" in files(config)["etc/config/network"]
        assert "AllowedIPs = fd12:3456::2/128" in files(vpn)["wg0.conf"]


class TestVxlan:
    def test_both_sides(self, organization: Any, committing: Any) -> None:
        with committing():
            vpn = make.vpn(organization, "VxlanWireguard")
        config = join(vpn, committing)
        assert json.loads(files(vpn)["vxlan.json"]) == [{"interface": "vxlan0", "remote": "10.0.0.2", "vni": 1}]
        assert (
            dedent("""
            config interface 'vxlan0'
                option enabled '1'
                option ifname 'vxlan0'
                option mtu '1280'
                option peeraddr '10.0.0.1'
                option port '4789'
                option proto 'vxlan'
                option rxcsum '1'
                option ttl '64'
                option tunlink 'wg0'
                option txcsum '1'
                option vid '1'
        """)
            in files(config)["etc/config/network"]
        )

    def test_each_device_has_a_number_of_its_own(self, organization: Any) -> None:
        vpn = make.vpn(organization, "VxlanWireguard")
        template = make.vpn_template(vpn)
        configs = [make.config(organization, templates=[template]) for _ in range(3)]
        assert [client_of(config, vpn).vni for config in configs] == [1, 2, 3]

    def test_one_number_for_all(self, organization: Any, committing: Any) -> None:
        config = {**make.VXLAN, "vxlan": [{"name": "vxlan0", "vni": 7}]}
        with committing():
            vpn = make.vpn(organization, "VxlanWireguard", config=config)
        device = join(vpn, committing)
        assert client_of(device, vpn).vni is None
        assert device.get_context()[f"vni_{vpn.pk.hex}"] == "7"
        assert json.loads(files(vpn)["vxlan.json"])[0]["vni"] == 7

    def test_the_servers_interface_name_is_followed(self, organization: Any, committing: Any) -> None:
        with committing():
            vpn = make.vpn(organization, "VxlanWireguard")
        join(vpn, committing)
        with committing():
            vpn.config = {**make.VXLAN, "vxlan": [{"name": "vxlan9", "vni": ""}]}
            vpn.save()
        assert json.loads(files(vpn)["vxlan.json"])[0]["interface"] == "vxlan9"


def test_variables_of_a_server(organization: Any) -> None:
    vpn = make.vpn(organization)
    assert vpn.get_context() == {
        "private_key": vpn.private_key,
        "public_key": vpn.public_key,
        "subnet": "10.0.0.0/16",
        "subnet_prefixlen": "16",
        "ip_address": "10.0.0.1",
    }
    assert list(make.vpn(organization, "OpenVpn").get_context()) == ["ca", "cert", "key", "dh"]


def test_variables_of_a_device_without_address_of_the_server(organization: Any) -> None:
    """A server without address does not break its devices."""
    vpn = make.vpn(organization)
    config = make.config(organization, templates=[make.vpn_template(vpn)])
    Vpn.objects.update(ip=None)
    context = Config.objects.get(pk=config.pk).get_context()
    assert context[f"ip_address_{vpn.pk.hex}"] == "10.0.0.2"
    assert f"server_ip_address_{vpn.pk.hex}" not in context


def test_the_devices_own_variables_win_over_the_servers_over_the_groups(organization: Any) -> None:
    vpn = make.vpn(organization)
    host = f"vpn_host_{vpn.pk.hex}"
    group = make.group(organization, context={host: "group"})
    config = make.config(make.device(organization, group=group), templates=[make.vpn_template(vpn)])
    assert config.get_context()[host] == "vpn1.test.com"
    config.context = {host: "own"}
    assert config.get_context()[host] == "own"
