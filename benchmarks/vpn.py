"""The costs of VPN servers and their clients, on PostgreSQL. Django must be set up before this is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization

from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, Template, Vpn, VpnClient
from openwisp_controller.config.vpn import servers

from .meter import Cost, measure
from .operations import BACKEND, REPEAT, request

BACKENDS = "openwisp_controller.vpn_backends"
PEERS = 5000


def run() -> Iterator[Cost]:
    """Measure provisioning for all devices of the database, and a server with many peers."""
    organization = Organization.objects.get(slug="benchmark")
    total = Config.objects.count()
    template = _template(organization, "Wireguard", "10.64.0.0/12")
    template.default = True
    template.save()
    everything: list[Callable[[], Any]] = [lambda: (jobs.run_all(), maintenance.compile_stale())]
    yield measure(f"WireGuard template, per device of {total}", everything, units=total, budget=(1, 5))
    servers.compile_stale()
    template = _template(organization, "VxlanWireguard", "10.80.0.0/12")
    vpn = template.vpn
    assert vpn is not None
    _add_peers(vpn, template)
    configs = list(Config.objects.filter(device__organization=organization).order_by("pk")[:50])
    join: list[Callable[[], Any]] = [lambda config=config: config.templates.add(template) for config in configs]
    yield measure(f"one more client of a VXLAN server with {PEERS}", join)
    servers.compile_stale()

    def compile_again() -> None:
        Vpn.objects.filter(pk=vpn.pk).update(released=None)
        servers.mark_stale([vpn.pk])
        servers.compile_stale()

    yield measure(
        f"compile a VXLAN server with {vpn.vpnclient_set.count()} clients", [compile_again], budget=(None, 1000)
    )
    poll: list[Callable[[], Any]] = [
        lambda: request("GET", f"/controller/vpn/checksum/{vpn.pk.hex}/", {"key": vpn.key}, 200)
    ] * REPEAT
    yield measure("VPN server's checksum poll", poll)


def _template(organization: Organization, kind: str, cidr: str) -> Template:
    config: dict[str, Any] = {"wireguard": [{"name": f"wg{cidr[3]}", "port": 51820}]}
    if kind == "VxlanWireguard":
        config["vxlan"] = [{"name": "vxlan0", "vni": ""}]
    subnet = Subnet(organization=organization, name=kind, subnet=cidr)
    subnet.full_clean()
    subnet.save()
    vpn = Vpn(
        organization=organization, name=kind, host="vpn.example.org", backend=f"{BACKENDS}.{kind}", subnet=subnet,
        config=config,
    )  # fmt: skip
    vpn.full_clean()
    vpn.save()
    template = Template(organization=organization, name=kind, backend=BACKEND, type="vpn", vpn=vpn, auto_cert=True)
    template.full_clean()
    template.save()
    return template


def _add_peers(vpn: Vpn, template: Template) -> None:
    """Give a server many clients, without compiling their configurations."""
    assert vpn.subnet is not None
    organization = Organization.objects.create(name="peers", slug="peers")
    numbers = range(1, PEERS + 1)
    first = vpn.subnet.subnet.network_address + 1
    ips = IpAddress.objects.bulk_create(
        IpAddress(subnet=vpn.subnet, ip_address=str(first + number)) for number in numbers
    )
    devices = Device.objects.bulk_create(
        Device(organization=organization, name=f"peer-{number}", mac_address=_mac(number), key=f"peer{number:028d}")
        for number in numbers
    )
    configs = Config.objects.bulk_create(Config(device=device, backend=BACKEND) for device in devices)
    VpnClient.objects.bulk_create(
        VpnClient(
            config=config, vpn=vpn, template=template, auto_cert=True, ip=ip, vni=number, public_key=f"{number:043d}=",
            private_key=f"{number:043d}=",
        )
        for number, config, ip in zip(numbers, configs, ips, strict=True)
    )  # fmt: skip


def _mac(number: int) -> str:
    return f"02:20:00:00:{number >> 8 & 255:02x}:{number & 255:02x}"
