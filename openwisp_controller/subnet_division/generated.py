"""Telling generated subnets and addresses from those that people made, and finding them by device."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from openwisp_ipam.models import IpAddress, Subnet

from ..config.models import Device
from .models import SubnetDivisionIndex


def is_generated(instance: Subnet | IpAddress | None) -> bool:
    """Tell whether a rule made this subnet or address."""
    if isinstance(instance, Subnet):
        return SubnetDivisionIndex.objects.filter(subnet=instance.pk, ip=None).exists()
    return instance is not None and SubnetDivisionIndex.objects.filter(ip=instance.pk).exists()


def without_generated(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Leave out subnets, or addresses, that were made by rules."""
    index = SubnetDivisionIndex.objects
    if rows.model is Subnet:
        return rows.filter(~Exists(index.filter(subnet=OuterRef("pk"), ip=None)))
    return rows.filter(~Exists(index.filter(ip=OuterRef("pk"))))


def with_device(subnets: QuerySet[Subnet]) -> QuerySet[Subnet]:
    """Annotate subnets with the name of the device that they were made for."""
    rows = SubnetDivisionIndex.objects.filter(subnet=OuterRef("pk"), ip=None)
    return subnets.annotate(device_name=Subquery(rows.values("config__device__name")[:1]))


def subnets_of_device(subnets: QuerySet[Subnet], name: str) -> QuerySet[Subnet]:
    """Keep the subnets that were made for the device of that name."""
    rows = SubnetDivisionIndex.objects.filter(config__device__name=name)
    return subnets.filter(pk__in=rows.values("subnet"))


def devices_in(devices: QuerySet[Device], cidr: str) -> QuerySet[Device]:
    """Keep the devices with a generated subnet equal to, or divided from, the network ``cidr``; malformed = none."""
    try:
        network = str(ip_network(cidr.strip(), strict=False))
    except ValueError:
        return devices.none()
    rows = SubnetDivisionIndex.objects.filter(subnet__subnet=network)
    below = SubnetDivisionIndex.objects.filter(subnet__master_subnet__subnet=network)
    return devices.filter(config__in=(rows | below).values("config"))
