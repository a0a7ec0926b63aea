"""What the demo starts with: an organization, an administrator, templates, a group, VPN servers, divided subnets."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from openwisp_ipam.models import Subnet
from openwisp_users.models import Organization

from ..config.models import DeviceGroup, OrganizationConfigSettings, Template, Vpn
from ..config.unit_of_work import unit_of_work
from ..connection.models import Credentials, HostKey
from ..fleet import SshOptions
from ..pki.models import Ca
from ..subnet_division.models import SubnetDivisionRule

SSH = "openwisp_controller.connection.connectors.ssh.Ssh"
BACKEND = "netjsonconfig.OpenWrt"
VPN_BACKENDS = "openwisp_controller.vpn_backends"
WIREGUARD = {"wireguard": [{"name": "wg0", "port": 51820}]}
OPENVPN = {
    "openvpn": [
        {
            "name": "legacy", "mode": "server", "proto": "udp", "port": 1194, "dev": "tun0", "dev_type": "tun",
            "tls_server": True, "topology": "subnet", "server": "10.20.0.0 255.255.0.0", "ca": "ca.pem",
            "cert": "cert.pem", "key": "key.pem", "dh": "dh.pem", "keepalive": "10 60",
        }
    ],
    "files": [
        {"path": f"{name}.pem", "mode": "0600", "contents": f"{{{{ {name} }}}}"} for name in ("ca", "cert", "key", "dh")
    ],
}  # fmt: skip
WIFI = "Public Wi-Fi"

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "name": "Base system",
        "required": True,
        "default_values": {"timezone": "Europe/Rome", "ntp_server": "0.openwrt.pool.ntp.org"},
        "config": {
            "general": {"timezone": "{{ timezone }}", "maintainer": "noc@example.org"},
            "ntp": {"enabled": True, "enable_server": False, "server": ["{{ ntp_server }}", "1.openwrt.pool.ntp.org"]},
        },
    },
    {
        "name": "LAN bridge",
        "default": True,
        "default_values": {"lan_address": "192.168.1.1"},
        "config": {
            "interfaces": [
                {
                    "type": "ethernet",
                    "name": "eth0",
                    "network": "wan",
                    "addresses": [{"proto": "dhcp", "family": "ipv4"}],
                },
                {
                    "type": "bridge",
                    "name": "br-lan",
                    "network": "lan",
                    "bridge_members": ["eth1", "wlan0"],
                    "addresses": [{"proto": "static", "family": "ipv4", "address": "{{ lan_address }}", "mask": 24}],
                },
            ]
        },
    },
    {
        "name": WIFI,
        "default": True,
        "default_values": {"ssid": "City Wi-Fi", "channel_note": "automatic"},
        "config": {
            "radios": [
                {
                    "protocol": "802.11n",
                    "name": "radio0",
                    "phy": "phy0",
                    "channel": 6,
                    "channel_width": 20,
                    "band": "2g",
                    "country": "IT",
                    "driver": "mac80211",
                }
            ],
            "interfaces": [
                {
                    "type": "wireless",
                    "name": "wlan0",
                    "wireless": {
                        "mode": "access_point",
                        "radio": "radio0",
                        "ssid": "{{ ssid }} {{ name }}",
                        "network": ["lan"],
                    },
                }
            ],
        },
    },
    {
        "name": "SSH keys of operators",
        "default": True,
        "config": {
            "files": [
                {
                    "path": "/etc/dropbear/authorized_keys",
                    "mode": "0600",
                    "contents": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlbW8gZGVtbyBkZW1v noc@example.org\n",
                }
            ]
        },
    },
    {
        "name": "Banner",
        "config": {
            "files": [
                {
                    "path": "/etc/banner",
                    "mode": "0644",
                    "contents": "{{ name }} ({{ site }}), device {{ id }}\nCittà connessa\n",
                }
            ]
        },
        "default_values": {"site": "unknown site"},
    },
)


@dataclass(frozen=True)
class Scene:
    """What people need to know to look around."""

    secret: str
    username: str
    password: str


def create(ssh: SshOptions) -> Scene:
    """Create the objects of the demo, or reset the passwords of administrator and devices where they exist."""
    password = secrets.token_urlsafe(9)
    user, _ = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True, "email": "admin@example.org"}
    )
    user.set_password(password)
    user.save()
    organization, created = Organization.objects.get_or_create(name="City network")
    if created:
        with unit_of_work():
            _populate(organization)
    else:
        HostKey.objects.filter(device__organization=organization).delete()  # virtual devices make new ones
    credentials = Credentials.objects.filter(organization=organization).first() or Credentials(
        organization=organization, name="Routers", connector=SSH, auto_add=True
    )
    credentials.params = {"username": "root", "password": ssh.password, "port": ssh.port}
    credentials.full_clean()
    credentials.save()
    return Scene(organization.config_settings.shared_secret, user.username, password)


def _populate(organization: Organization) -> None:
    settings = OrganizationConfigSettings(organization=organization, context={"site": "old town"})
    settings.full_clean()
    settings.save()
    group = DeviceGroup(organization=organization, name="Squares", context={"site": "main square"})
    group.full_clean()
    group.save()
    for fields in TEMPLATES:
        template = Template(organization=organization, backend=BACKEND, **fields)
        template.full_clean()
        template.save()
        if template.name == "Banner":
            group.templates.set([template])
    _add_tunnels(organization)
    _divide_subnet(organization)


def _add_tunnels(organization: Organization) -> None:
    """Add a WireGuard and an OpenVPN server, with templates that every device gets."""
    subnet = Subnet(organization=organization, name="Management tunnel", subnet="10.10.0.0/16")
    ca = Ca(organization=organization, name="City CA", common_name="City CA", key_length="256")
    for saved in (subnet, ca):
        saved.full_clean()
        saved.save()
    servers = (
        Vpn(name="Management", backend=f"{VPN_BACKENDS}.Wireguard", host="vpn.example.org", subnet=subnet,
            config=WIREGUARD),
        Vpn(name="Legacy tunnel", backend=f"{VPN_BACKENDS}.OpenVpn", host="vpn.example.org", ca=ca, config=OPENVPN),
    )  # fmt: skip
    for vpn in servers:
        vpn.organization = organization
        vpn.full_clean()
        vpn.save()
        template = Template(
            organization=organization, backend=BACKEND, name=vpn.name, type=Template.Type.VPN, vpn=vpn, default=True
        )
        template.full_clean()
        template.save()


def _divide_subnet(organization: Organization) -> None:
    """Give every device a subnet of its own."""
    master = Subnet(organization=organization, name="Networks of devices", subnet="10.64.0.0/12")
    master.full_clean()
    master.save()
    rule = SubnetDivisionRule(
        organization=organization, master_subnet=master, label="LAN", number_of_subnets=1, size=28, number_of_ips=2,
        type="openwisp_controller.subnet_division.rule_types.device.DeviceSubnetDivisionRuleType",
    )  # fmt: skip
    rule.full_clean()
    rule.save()


def edit_wifi() -> int:
    """Change name and channel of the Wi-Fi template, as an operator would; return the new channel."""
    template = Template.objects.get(name=WIFI)
    radio = template.config["radios"][0]
    radio["channel"], ssid = (11, "Free City Wi-Fi") if radio["channel"] == 6 else (6, "City Wi-Fi")
    template.default_values = {**template.default_values, "ssid": ssid}
    template.full_clean()
    template.save()
    return int(radio["channel"])
