"""Configurations of devices that match a server, made of variables: what a VPN template starts with."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .... import rendering
from ..kinds import first

if TYPE_CHECKING:
    from ...models import Vpn

_DEFAULT_BACKEND = "netjsonconfig.OpenWrt"


def automatic_client_config(vpn: Vpn, *, auto_cert: bool, device_backend: Any = None) -> dict[str, Any]:
    """Return the NetJSON of a device that connects to ``vpn``; empty for a custom kind of server.

    Args:
        vpn: the server.
        auto_cert: whether devices have certificates of their own.
        device_backend: class or dotted path of the devices' backend; None = OpenWrt.

    Raises:
        ValidationError: devices of that backend cannot connect to such a server.
    """
    kind = vpn.kind
    if kind.openvpn:
        return _openvpn(vpn, auto_cert)
    if device_backend is None or isinstance(device_backend, str):
        device_backend = rendering.load_backend(device_backend or _DEFAULT_BACKEND)
    name = (
        "vxlan_wireguard_auto_client" if kind.vxlan
        else "wireguard_auto_client" if kind.wireguard
        else "zerotier_auto_client" if kind.zerotier
        else None
    )  # fmt: skip
    if name is None:
        return {}
    if not hasattr(device_backend, name):
        raise ValidationError({"backend": _("Devices with this backend cannot connect to this kind of VPN server.")})
    if kind.zerotier:
        return _zerotier(vpn, device_backend)
    return _wireguard(vpn, getattr(device_backend, name))


def _variable(vpn: Vpn, name: str) -> str:
    return f"{{{{{name}_{vpn.pk.hex}}}}}"


def _openvpn(vpn: Vpn, auto_cert: bool) -> dict[str, Any]:
    names = ["ca_path", "ca_contents"]
    if auto_cert:
        names += ["cert_path", "cert_contents", "key_path", "key_contents"]
    backend = rendering.load_backend(vpn.backend)
    server = deepcopy(vpn.kind.tunnel(vpn.config))
    files = {name: _variable(vpn, name) for name in names}
    result: dict[str, Any] = backend.auto_client(host=_variable(vpn, "vpn_host"), server=server, **files)
    client = result["openvpn"][0]
    for name in ("data_ciphers", "data_ciphers_fallback", "tun_ipv6"):  # left out by the library
        if name in server:
            client.setdefault(name, server[name])
    return result


def _wireguard(vpn: Vpn, make: Any) -> dict[str, Any]:
    config: dict[str, Any] = make(
        host=_variable(vpn, "vpn_host"),
        server=deepcopy(vpn.kind.tunnel(vpn.config)),
        vxlan=deepcopy(first(vpn.config, "vxlan")),
        public_key=_variable(vpn, "public_key"),
        private_key=_variable(vpn, "pvt_key"),
        ip_address=_variable(vpn, "ip_address") if vpn.ip_id is not None else None,
        server_ip_network=_variable(vpn, "server_ip_network"),
        server_ip_address=_variable(vpn, "server_ip_address"),
        vni=_variable(vpn, "vni"),
    )
    for peer in config.get("wireguard_peers", ()):
        peer["endpoint_port"] = _variable(vpn, "vpn_port")
    if vpn.subnet is not None and ip_network(str(vpn.subnet.subnet)).version == 6:
        for interface in config["interfaces"]:
            for address in interface.get("addresses", ()):
                address.update(family="ipv6", mask=128)
    return config


def _zerotier(vpn: Vpn, backend: Any) -> dict[str, Any]:
    networks = []
    if vpn.network_id:
        options = vpn.kind.tunnel(vpn.config).get("client_options") or {}
        networks = [{"id": vpn.network_id, "ifname": f"owzt{vpn.network_id[-6:]}", **options}]
    result: dict[str, Any] = backend.zerotier_auto_client(
        name="global", networks=networks, identity_secret="{{secret}}"
    )
    return result
