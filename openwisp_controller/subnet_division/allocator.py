"""What is missing of what a rule says, and creating it with few statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from openwisp_ipam.models import IpAddress, Subnet

from . import allocation
from .models import SubnetDivisionIndex, SubnetDivisionRule


class Allocator:
    """Brings objects up to what one rule says: the subnets that they lack, the addresses that these lack.

    The rule and its master subnet must be locked. After ``run`` the attributes tell what is new.

    Args:
        rule: with its master subnet at hand.
        configs: key of the configuration of each object, by primary key of the object as text.
    """

    def __init__(self, rule: SubnetDivisionRule, configs: Mapping[str, uuid.UUID]) -> None:
        self.rule = rule
        self.configs = configs
        self.subnets: dict[str, list[Subnet]] = {origin: [] for origin in configs}
        """New subnets of each object, in order."""
        self.ips: dict[str, list[IpAddress]] = {origin: [] for origin in configs}
        """New addresses of each object, grouped by subnet."""
        self.lacking: list[str] = []
        """Objects for which there was no space left."""
        self._rows: list[SubnetDivisionIndex] = []

    def run(self) -> None:
        """Store what is missing."""
        present, numbers = self._present()
        self._add_addresses(present, numbers)
        self._add_subnets(present)
        IpAddress.objects.bulk_create(ip for ips in self.ips.values() for ip in ips)
        SubnetDivisionIndex.objects.bulk_create(self._rows)

    def _present(self) -> tuple[dict[tuple[str, int], Subnet], dict[tuple[str, int], set[int]]]:
        """Return the subnets and the numbers of addresses that exist, by object and number of the subnet."""
        subnets: dict[tuple[str, int], Subnet] = {}
        numbers: dict[tuple[str, int], set[int]] = {}
        rows = SubnetDivisionIndex.objects.filter(rule=self.rule, origin__in=list(self.configs), subnet__isnull=False)
        for row in rows.select_related("subnet"):
            place = (row.origin, row.subnet_number)
            if row.ip_number is None:
                assert row.subnet is not None
                subnets[place] = row.subnet
            else:
                numbers.setdefault(place, set()).add(row.ip_number)
        return subnets, numbers

    def _add_addresses(
        self, present: Mapping[tuple[str, int], Subnet], numbers: Mapping[tuple[str, int], set[int]]
    ) -> None:
        """Complete the addresses of subnets that exist."""
        wanted = range(1, self.rule.number_of_ips + 1)
        missing = {
            place: [number for number in wanted if number not in numbers.get(place, ())]
            for place in present
            if len(numbers.get(place, ())) < self.rule.number_of_ips
        }
        if not missing:
            return
        taken = allocation.addresses_in([present[place] for place in missing], self.rule.master_subnet)
        for place in sorted(missing):
            subnet = present[place]
            free = (address for address in self._hosts(subnet) if address not in taken)
            for number, address in zip(missing[place], free, strict=False):
                self._add_ip(place[0], place[1], number, subnet, address)

    def _add_subnets(self, present: Mapping[tuple[str, int], Subnet]) -> None:
        wanted = [
            (origin, number)
            for origin in self.configs
            for number in range(1, self.rule.number_of_subnets + 1)
            if (origin, number) not in present
        ]
        if not wanted:
            return
        allocation.reserve_first(self.rule.master_subnet, self.rule.size)
        blocks = allocation.free_blocks(self.rule.master_subnet, self.rule.size, len(wanted))
        for (origin, number), block in zip(wanted, blocks, strict=False):
            keyword = f"{self.rule.label}_subnet{number}"
            subnet = Subnet(
                name=keyword,
                subnet=block,
                description=f"Automatically generated using {self.rule.label} rule.",
                organization_id=self.rule.organization_id,
                master_subnet=self.rule.master_subnet,
            )
            self.subnets[origin].append(subnet)
            self._rows.append(self._row(origin, number, None, subnet, None, keyword))
            for place, address in zip(range(1, self.rule.number_of_ips + 1), self._hosts(subnet), strict=False):
                self._add_ip(origin, number, place, subnet, address)
        self.lacking = list(dict.fromkeys(origin for origin, _number in wanted[len(blocks) :]))
        Subnet.objects.bulk_create(subnet for subnets in self.subnets.values() for subnet in subnets)

    def _hosts(self, subnet: Subnet) -> Iterator[int]:
        """Yield the addresses that may be handed out, from low to high: all of them when all are wanted."""
        network: allocation.Network = subnet.subnet
        first, last = int(network.network_address), int(network.broadcast_address)
        everything = self.rule.number_of_ips == network.num_addresses
        yield from range(first if everything else first + 1, last + 1)

    def _add_ip(self, origin: str, subnet_number: int, number: int, subnet: Subnet, address: int) -> None:
        text = str(type(subnet.subnet.network_address)(address))
        ip = IpAddress(subnet=subnet, ip_address=text)
        self.ips[origin].append(ip)
        keyword = f"{self.rule.label}_subnet{subnet_number}_ip{number}"
        self._rows.append(self._row(origin, subnet_number, number, subnet, ip, keyword))

    def _row(self, origin: str, number: int, ip_number: int | None, subnet: Subnet, ip: Any, keyword: str) -> Any:
        return SubnetDivisionIndex(
            keyword=keyword, rule=self.rule, origin=origin, config_id=self.configs[origin], subnet=subnet, ip=ip,
            subnet_number=number, ip_number=ip_number,
        )  # fmt: skip
