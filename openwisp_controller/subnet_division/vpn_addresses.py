"""Addresses of VPN clients that come from rules instead of the server's subnet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q
from openwisp_ipam.models import IpAddress

from ..config.models import Config, VpnClient
from ..config.unit_of_work import unit_of_work
from ..config.vpn import clients as vpn_clients
from . import rules
from .internal_edits import InternalDeletions
from .models import SubnetDivisionIndex

if TYPE_CHECKING:
    from .provisioning import Provisioned


def are_divided(client: VpnClient) -> bool:
    """Return whether the address of a client comes from a rule (see ``VpnClient.register_auto_ip_stopper``)."""
    return client.config.device.organization_id in rules.organizations_dividing_for_clients(client.vpn.subnet_id)


def clients_of(configs: Sequence[Config], which: Q) -> list[VpnClient]:
    """Return clients of configurations, with what provisioning needs; their configurations are those given."""
    by_key = {config.pk: config for config in configs}
    found = VpnClient.objects.filter(which, config__in=list(by_key)).order_by("pk")
    result = list(found.select_related("vpn__subnet", "ip", "cert"))
    for client in result:
        client.config = by_key[client.config_id]
    return result


def assign(results: Sequence[tuple[Any, Provisioned]]) -> None:
    """Set the address of each client to the first one provisioned; one that came from a rule stays.

    Addresses that clients had from the server's subnet are given back.
    """
    clients = {client.pk: client for client, provisioned in results if provisioned["ip_addresses"]}
    if not clients:
        return
    of_rule = Exists(SubnetDivisionIndex.objects.filter(ip=OuterRef("ip")))
    having = VpnClient.objects.filter(pk__in=list(clients), ip__isnull=False)
    former = {pk: (ip, divided) for pk, ip, divided in having.annotate(d=of_rule).values_list("pk", "ip", "d")}
    given, replaced = [], []
    for client, provisioned in results:
        if client.pk not in clients:
            continue
        ip, divided = former.get(client.pk, (None, False))
        if divided:
            continue
        if ip is not None:
            replaced.append(ip)
        client.ip = provisioned["ip_addresses"][0]
        given.append(client)
    vpn_clients.store_addresses(given)
    if replaced:
        with unit_of_work() as unit:
            unit.of(InternalDeletions).keys.update(replaced)
            IpAddress.objects.filter(pk__in=replaced).delete()


def fall_back(configs: Sequence[Config]) -> None:
    """Give clients whose address went with a rule one of the server's subnet, where no other rule does."""
    with unit_of_work() as unit:
        losers = clients_of(configs, Q(ip=None, auto_cert=True, vpn__subnet__isnull=False))
        if losers:
            vpn_clients.provide_addresses(losers)
            unit.of(rules.KnownRules).forget()
