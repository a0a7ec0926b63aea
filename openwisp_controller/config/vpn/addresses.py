"""Handing out addresses of subnets: atomically, one transaction after the other for each subnet."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.db import connection
from openwisp_ipam.models import IpAddress, Subnet

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
#: The lowest address above the first parameter that is not taken in any of the subnets.
_LOWEST_GAP = """
    SELECT host(address + 1) FROM (
        SELECT address, lead(address) OVER (ORDER BY address) AS next FROM (
            SELECT %s::inet AS address
            UNION ALL SELECT ip_address FROM openwisp_ipam_ipaddress WHERE ip_address > %s::inet AND subnet_id = ANY(%s)
        ) AS taken
    ) AS pairs WHERE next IS NULL OR next > address + 1 ORDER BY address LIMIT 1
"""


def lock(subnet_ids: list[uuid.UUID]) -> None:
    """Lock subnets until the end of the transaction, always in the same order."""
    if subnet_ids and connection.features.has_select_for_update:
        list(Subnet.objects.filter(pk__in=subnet_ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def allocate(subnet: Subnet, count: int, description: str = "") -> list[IpAddress]:
    """Store the lowest free addresses of a subnet and return them, fewer than ``count`` when it is exhausted.

    Addresses taken in a subnet above or below, and those inside of child subnets, are left alone. Must run in a
    transaction; others that want addresses of the same subnet wait for its end.

    Args:
        subnet: where the addresses come from.
        count: how many are wanted.
        description: what they are for, for people.
    """
    if count < 1:
        return []
    lock([subnet.pk])
    lowest = _lowest(subnet) if count == 1 else None
    free = iter([lowest]) if lowest is not None else _free(subnet)
    found = [
        IpAddress(subnet=subnet, ip_address=str(address), description=description[:100])
        for address, _ in zip(free, range(count), strict=False)
    ]
    return IpAddress.objects.bulk_create(found)


def has_free(subnet: Subnet) -> bool:
    """Tell whether a subnet has an address left."""
    return next(_free(subnet), None) is not None


def _lowest(subnet: Subnet) -> Address | None:
    """Let the database find the lowest free address, where it can; None = it cannot, or there is none.

    So one more client of a server with thousands costs no reading of thousands of addresses.
    """
    if connection.vendor != "postgresql" or Subnet.objects.filter(master_subnet=subnet).exists():
        return None
    first, last = _hosts(subnet.subnet)
    before = str(ip_address(first - 1)) if subnet.subnet.version == 4 else str(IPv6Address(first - 1))
    with connection.cursor() as cursor:
        cursor.execute(_LOWEST_GAP, [before, before, [subnet.pk, *subnet._get_parent_subnet_pks()]])
        (text,) = cursor.fetchone()
    found = ip_address(text)
    return found if int(found) <= last else None


def _free(subnet: Subnet) -> Iterator[Address]:
    network: Network = subnet.subnet
    children = dict(Subnet.objects.filter(master_subnet=subnet).values_list("pk", "subnet"))
    above = subnet._get_parent_subnet_pks()
    taken_in = IpAddress.objects.filter(subnet__in=[subnet.pk, *above])
    taken = {int(ip_address(text)) for text in taken_in.values_list("ip_address", flat=True)}
    yield from _addresses(network, taken, list(children.values()))


def _addresses(network: Network, taken: set[int], children: list[Network]) -> Iterator[Address]:
    """Yield the host addresses of ``network``, from low to high, that are neither taken nor in a child."""
    first, last = _hosts(network)
    blocks = sorted((int(child.network_address), int(child.broadcast_address)) for child in children)
    position, kind = first, type(network.network_address)
    for start, end in [*blocks, (last + 1, last + 1)]:
        while position < start and position <= last:
            if position not in taken:
                yield kind(position)
            position += 1
        position = max(position, end + 1)


def _hosts(network: Network) -> tuple[int, int]:
    """Return the lowest and highest address that a host of ``network`` may have, as ``network.hosts()`` does."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.num_addresses > 2:
        first += 1
        last -= network.version == 4
    return first, last
