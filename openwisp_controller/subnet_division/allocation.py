"""Which blocks of a master subnet are free. Blocks go forward; freed ones are used again when the end is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import islice
from socket import AF_INET, AF_INET6, inet_pton

from django.db import connection
from django.db.models import BooleanField, CharField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from openwisp_ipam.models import IpAddress, Subnet

Network = IPv4Network | IPv6Network
#: First and last address of something taken.
Interval = tuple[int, int]


def free_blocks(master: Subnet, size: int, count: int) -> list[Network]:
    """Return up to ``count`` blocks that overlap no subnet and hold no address that is taken, in order.

    The first block of a master subnet is never among them. Must run while the master subnet is locked.

    Args:
        master: the subnet to divide.
        size: prefix length of the blocks.
        count: how many are wanted.
    """
    network: Network = master.subnet
    step = 1 << (network.max_prefixlen - size)
    lowest, last = int(network.network_address) + step, int(network.broadcast_address)
    first = max(lowest, _end_of_highest_child(master) + 1)
    found = list(islice(_gaps(first, last, step, _taken(master, first)), count)) if first <= last else []
    if len(found) < count:
        taken = [*_taken(master, lowest), *((start, start + step - 1) for start in found)]
        found += islice(_gaps(lowest, last, step, taken), count - len(found))
    return [type(network)((start, size)) for start in found]


def reserve_first(master: Subnet, size: int) -> None:
    """Keep the first block of a subnet that has no children for manual use, the VPN server among others."""
    if Subnet.objects.filter(master_subnet=master).exists():
        return
    network: Network = master.subnet
    first, step = int(network.network_address), 1 << (network.max_prefixlen - size)
    if any(start < first + step for start, _end in _intervals(_inside(master), network)):
        return
    block = type(network)((first, size))
    Subnet.objects.bulk_create(
        [
            Subnet(
                name=f"Reserved Subnet {block}",
                subnet=block,
                description="Automatically generated reserved subnet.",
                organization_id=master.organization_id,
                master_subnet=master,
            )
        ]
    )


def addresses_in(subnets: Iterable[Subnet], master: Subnet) -> set[int]:
    """Return the addresses that are taken in subnets, below and above them, as numbers.

    Args:
        subnets: children of ``master``.
        master: what they were divided from.
    """
    keys = [subnet.pk for subnet in subnets]
    taken = IpAddress.objects.filter(
        Q(subnet__in=[*keys, master.pk, *master._get_parent_subnet_pks()]) | Q(subnet__master_subnet__in=keys)
    )
    return {int(ip_address(text)) for text in taken.values_list("ip_address", flat=True)}


def _gaps(first: int, last: int, step: int, taken: Iterable[Interval]) -> Iterator[int]:
    """Yield where aligned blocks of ``step`` addresses fit between ``first`` and ``last``."""
    position = _aligned(first, step)
    for start, end in [*sorted(taken), (last + 1, last + 1)]:
        while position + step <= min(start, last + 1):
            yield position
            position += step
        position = max(position, _aligned(end + 1, step))


def _aligned(position: int, step: int) -> int:
    return -(-position // step) * step


def _end_of_highest_child(master: Subnet) -> int:
    children = Subnet.objects.filter(master_subnet=master)
    children = children.order_by("-subnet")[:1] if connection.vendor == "postgresql" else children.order_by()
    return max((end for _start, end in _intervals(children, master.subnet)), default=-1)


def _taken(master: Subnet, first: int) -> list[Interval]:
    """Return what is taken from ``first`` on: subnets inside, and addresses of the subnet and of those above."""
    network: Network = master.subnet
    lowest = str(type(network.network_address)(first))
    subnets = _inside(master)
    addresses = IpAddress.objects.filter(subnet__in=[master.pk, *master._get_parent_subnet_pks()])
    if connection.vendor == "postgresql":
        above = RawSQL('host(broadcast("subnet"))::inet >= %s::inet', [lowest], output_field=BooleanField())
        subnets = subnets.filter(above)
        addresses = addresses.filter(ip_address__range=(lowest, str(network.broadcast_address)))
    numbers = (int(ip_address(text)) for text in addresses.values_list("ip_address", flat=True))
    everything = [*_intervals(subnets, network), *((number, number) for number in numbers)]
    return [interval for interval in everything if interval[1] >= first]


def _inside(master: Subnet) -> QuerySet[Subnet]:
    """Return the subnets inside of a master subnet, whether they are its children or just overlap."""
    owners = Q() if master.organization_id is None else Q(organization=master.organization_id) | Q(organization=None)
    if connection.vendor != "postgresql":
        return Subnet.objects.filter(owners).exclude(pk=master.pk)
    inside = RawSQL('"subnet" << %s::cidr', [str(master.subnet)], output_field=BooleanField())
    return Subnet.objects.filter(owners).filter(inside)


def _intervals(subnets: QuerySet[Subnet], network: Network) -> Iterator[Interval]:
    """Yield first and last address of the subnets inside of ``network``; text is read much quicker than by networks."""
    lowest, last = int(network.network_address), int(network.broadcast_address)
    for text in subnets.annotate(text=Cast("subnet", CharField())).values_list("text", flat=True):
        address, _slash, prefix = text.partition("/")
        if (":" in address) != (network.version == 6):
            continue
        packed = inet_pton(AF_INET6 if network.version == 6 else AF_INET, address)
        start = int.from_bytes(packed, "big")
        end = start + (1 << (network.max_prefixlen - int(prefix or network.max_prefixlen))) - 1
        if lowest <= start and end <= last and (start, end) != (lowest, last):
            yield start, end
