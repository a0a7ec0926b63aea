"""The variables that come with VPN servers.

Those of devices and templates end with the primary key of the server (32 hex digits), since a device may have several.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...settings import settings

if TYPE_CHECKING:
    from ...models import Template, Vpn, VpnClient

#: What every device has, for trying templates.
EXAMPLES = {
    "id": "00000000-0000-0000-0000-000000000000",
    "key": "0" * 32,
    "name": "device",
    "mac_address": "02:00:00:00:00:00",
    "hardware_id": "0",
}


def of_own_configuration(vpn: Vpn) -> dict[str, Any]:
    """Return the variables of a server's own configuration, those that have a value.

    Those of the organization win over the system's, never over what belongs to the server itself.
    """
    values: dict[str, Any] = {}
    if vpn.ca is not None:
        values["ca"] = vpn.ca.certificate
    if vpn.cert is not None:
        values.update(cert=vpn.cert.certificate, key=vpn.cert.private_key)
    for name in ("dh", "private_key", "public_key"):
        values[name] = getattr(vpn, name)
    if vpn.subnet is not None:
        values.update(subnet=str(vpn.subnet.subnet), subnet_prefixlen=str(vpn.subnet.subnet.prefixlen))
    if vpn.ip is not None:
        values["ip_address"] = str(vpn.ip.ip_address)
    values.update(node_id=vpn.node_id, network_id=vpn.network_id)
    own = {name: value for name, value in values.items() if value}
    return {**own, **dict(sorted(settings.CONTEXT.items())), **_of_organization(vpn, own)}


def _of_organization(vpn: Vpn, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of the organization of a server, without those of names that are the server's own."""
    found = getattr(vpn.organization, "config_settings", None)
    variables = found.context if found is not None and isinstance(found.context, dict) else {}
    return {name: value for name, value in sorted(variables.items()) if name not in own}


def of_server(vpn: Vpn) -> dict[str, Any]:
    """Return the variables that are the same for all clients of a server."""
    kind, suffix = vpn.kind, f"_{vpn.pk.hex}"
    values: dict[str, Any] = {"vpn_host": vpn.host}
    if vpn.ca is not None:
        values["ca_path"] = f"{settings.CERT_PATH}/ca-{vpn.ca.pk}-{vpn.ca.common_name.replace(' ', '_')}.pem"
        values["ca_contents"] = vpn.ca.certificate
    if kind.wireguard:
        values["vpn_port"] = kind.tunnel(vpn.config).get("port", 51820)
        values["public_key"] = vpn.public_key
    if vpn.ip is not None:
        address = str(vpn.ip.ip_address)
        values["server_ip_address"] = address
        values["server_ip_network"] = host_network(address)
        if vpn.subnet is not None:
            values["vpn_subnet"] = str(vpn.subnet.subnet)
    if kind.zerotier and vpn.network_id:
        values.update(network_name=vpn.name, node_id=vpn.node_id, network_id=vpn.network_id)
    return {name + suffix: value for name, value in values.items()}


def of_client(client: VpnClient, server: Mapping[str, Any]) -> dict[str, Any]:
    """Return all variables that a device gets as a client.

    Args:
        client: with server, certificate and address at hand.
        server: what ``of_server`` returns for its server.
    """
    vpn = client.vpn
    kind, key = vpn.kind, vpn.pk.hex
    values: dict[str, Any] = {}
    if client.cert is not None:
        values.update(certificate_paths(vpn))
        values.update(cert_contents=client.cert.certificate, key_contents=client.cert.private_key)
    if kind.wireguard:
        values.update(pub_key=client.public_key, pvt_key=client.private_key)
    if vpn.subnet_id is not None and client.ip is not None:
        values["ip_address"] = str(client.ip.ip_address)
    if kind.vxlan:
        vni = client.vni or kind.vni_of(vpn)
        values["vni"] = str(vni) if vni else ""
    result = {**server, **{f"{name}_{key}": value for name, value in values.items()}}
    if kind.zerotier and client.secret:
        result.update(zerotier_member_id=client.zerotier_member_id, secret=client.secret)
    return result


def names_of_clients(vpn: Vpn) -> set[str]:
    """Return the names of all variables that clients of a server may have, besides those of the server."""
    values = ("ca_path", "ca_contents", "cert_path", "cert_contents", "key_path", "key_contents", "pub_key", "pvt_key")
    return {f"{name}_{vpn.pk.hex}" for name in (*values, "ip_address", "vni")} | {"zerotier_member_id", "secret"}


def examples(vpn: Vpn) -> dict[str, str]:
    """Return values of what only clients have, for checking templates: the schema wants IPv6 addresses to be some."""
    if vpn.subnet is None or vpn.subnet.subnet.version == 4:
        return {}
    return {f"ip_address_{vpn.pk.hex}": str(vpn.subnet.subnet.network_address)}


def certificate_paths(vpn: Vpn) -> dict[str, str]:
    """Return where on devices the certificate and key for a server are put."""
    directory, key = settings.CERT_PATH, vpn.pk.hex
    return {"cert_path": f"{directory}/client-{key}.pem", "key_path": f"{directory}/key-{key}.pem"}


def host_network(address: str) -> str:
    """Return the network that holds just this address."""
    return f"{address}/{128 if ':' in address else 32}"


def of_clients(clients: Mapping[uuid.UUID, Sequence[VpnClient]]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return the variables of configurations that are clients of VPN servers, by primary key of the configuration.

    Args:
        clients: as ``clients.clients_of_configs`` returns them.
    """
    result: dict[uuid.UUID, dict[str, Any]] = {}
    servers: dict[uuid.UUID, dict[str, Any]] = {}
    for config_id, of_config in clients.items():
        for client in of_config:
            if client.vpn_id not in servers:
                servers[client.vpn_id] = of_server(client.vpn)
            result.setdefault(config_id, {}).update(of_client(client, servers[client.vpn_id]))
    return result


def of_template(template: Template, *, system: bool = False) -> dict[str, Any]:
    """Return the variables known to a template itself: system-wide ones over its VPN server's over its defaults.

    Args:
        template: saved or not.
        system: leave out the template's own defaults.
    """
    server = of_server(template.vpn) if template.vpn is not None else {}
    return {**({} if system else template.default_values), **server, **settings.CONTEXT}


def with_examples(template: Template, *, predefined: bool = True) -> dict[str, Any]:
    """Return the variables known to a template, with examples of what only devices have.

    Args:
        template: saved or not.
        predefined: also of what every device has; otherwise of what VPN clients have alone.
    """
    return {
        **(EXAMPLES if predefined else {}),
        **(examples(template.vpn) if template.vpn is not None else {}),
        **of_template(template),
    }
