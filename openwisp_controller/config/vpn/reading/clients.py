"""Which devices are clients of which servers, and what they still lack."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Exists, F, OuterRef, Q
from openwisp_ipam.models import Subnet

from ....common.encryption import UnreadableSecret, readable
from ...models import Config, Template, Vpn, VpnClient
from .. import addresses

#: The VPN clients of configurations, by primary key of the configuration.
Clients = Mapping[uuid.UUID, Sequence[VpnClient]]
#: Clients whose credentials are still to be made, or made anew because their CA has another key.
WAITING = Q(auto_cert=True) & (
    Q(vpn__ca__isnull=False, cert__isnull=True)
    | (Q(cert__revoked=False) & ~Q(cert__issuer_serial=F("cert__ca__serial_number")))
    | Q(vpn__backend__icontains="zerotier", secret="")
)


def clients_of_configs(configs: Sequence[Config]) -> dict[uuid.UUID, list[VpnClient]]:
    """Return the clients of each configuration, with all that variables need; those of one server share its instance.

    Args:
        configs: saved or not; those known to have no clients (see ``loading.load``) cost nothing.
    """
    by_key = {
        config.pk: config for config in configs if getattr(config, "has_vpn_clients", True) and not config._state.adding
    }
    result: dict[uuid.UUID, list[VpnClient]] = {config.pk: [] for config in configs}
    if not by_key:
        return result
    found = list(VpnClient.objects.filter(config__in=list(by_key)).order_by("pk").select_related("cert", "ip"))
    servers = Vpn.objects.select_related("ca", "cert", "subnet", "ip").in_bulk({row.vpn_id for row in found})
    for row in found:
        row.vpn = servers[row.vpn_id]
        if row.cert is not None and row.cert.ca_id == row.vpn.ca_id:
            row.cert.ca = row.vpn.ca
        row.config = by_key[row.config_id]
        result[row.config_id].append(row)
    return result


def is_waiting(client: VpnClient) -> bool:
    """Tell whether a client lacks a certificate or identity that is to be made for it."""
    if not client.auto_cert:
        return False
    if client.vpn.kind.zerotier:
        return not client.secret
    if client.vpn.ca_id is None:
        return False
    if client.cert is None:
        return True
    return not client.cert.revoked and client.cert.issuer_serial != str(client.cert.ca.serial_number)


def waiting_configs() -> Exists:
    """Return the condition of configurations that must not be compiled yet: a key of theirs is still being made."""
    return Exists(VpnClient.objects.filter(WAITING, config=OuterRef("pk")))


def unreadable_key(clients: Iterable[VpnClient]) -> str:
    """Return, in words, why a key of a device cannot be read; empty when all can.

    Args:
        clients: those of the device.
    """
    for client in clients:
        try:
            for secret in (client.private_key, client.secret, client.cert.private_key if client.cert else ""):
                readable(secret)
        except UnreadableSecret as error:
            return str(error)
    return ""


def missing_address(clients: Iterable[VpnClient]) -> str:
    """Return, in words, which address a device could not be given; empty when it has all that it needs.

    Args:
        clients: those of the device.
    """
    for client in clients:
        vpn = client.vpn
        if not client.auto_cert or client.ip_id is not None or not vpn.kind.needs_subnet:
            continue
        nobody = f'The device has no address for the VPN server "{vpn.name}"'
        if vpn.subnet is None:
            return f"{nobody}: the server has no subnet."
        if client.gets_address:
            return f"{nobody}: the subnet {vpn.subnet.subnet} has no free one left."
    return ""


def exhausted_subnet(config: Config, templates: Iterable[Template]) -> Subnet | None:
    """Return the exhausted subnet that would leave a new client of one of the ``templates`` without address."""
    for template in templates:
        vpn = template.vpn
        if vpn is None or not template.auto_cert or vpn.subnet is None:
            continue
        if config.pk and VpnClient.objects.filter(config=config.pk, vpn=vpn).exists():
            continue
        client = VpnClient(config=config, vpn=vpn, template=template, auto_cert=True)
        if client.gets_address and not addresses.has_free(vpn.subnet):
            return vpn.subnet
    return None
