"""Subnets and addresses that people edit or delete: servers and devices that use them follow."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, QuerySet
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization

from ...common.handover import Handover
from ..models import Vpn, VpnClient
from ..unit_of_work import current_unit, unit_of_work
from . import clients, peers

_VALUES: dict[type[Model], str] = {Subnet: "subnet", IpAddress: "ip_address"}


@dataclass
class _Users:
    """Who loses a subnet or an address that is being deleted."""

    servers: list[uuid.UUID] = field(default_factory=list)
    clients: list[VpnClient] = field(default_factory=list)


#: Whether the network or address that is being saved becomes another one.
_edited: Handover[bool] = Handover()
_users: Handover[_Users] = Handover()


def before_saving(sender: type[Model], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``pre_save`` of subnets and addresses: note whether the network or address becomes another one."""
    if instance._state.adding and not raw:
        return
    name = _VALUES[sender]
    stored = sender._base_manager.filter(pk=instance.pk).values_list(name, flat=True).first()
    _edited.put(instance, stored is not None and str(stored) != str(getattr(instance, name)))


def after_saving(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive ``post_save`` of subnets and addresses: those who use an edited one follow."""
    if not _edited.take(instance):
        return
    if sender is Subnet:
        _modified(Vpn.objects.filter(subnet=instance), "subnet of a VPN server edited")
        return
    with unit_of_work() as unit:
        _modified(Vpn.objects.filter(ip=instance), "address of a VPN server edited")
        for client in VpnClient.objects.filter(ip=instance).select_related("vpn", "config"):
            unit.happened(client, "address edited", detail=f'address for VPN server "{client.vpn.name}" edited')


def before_deleting(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of subnets and addresses: note who loses them."""
    if _is_of(origin, Organization):
        return
    if sender is Subnet:
        _users.put(instance, _Users(servers=list(Vpn.objects.filter(subnet=instance).values_list("pk", flat=True))))
        return
    unit = current_unit()
    if unit is not None and clients.gives_back(unit, instance.pk):
        return
    if _is_of(origin, IpAddress):  # others go with their subnet
        servers = list(Vpn.objects.filter(ip=instance).values_list("pk", flat=True))
        _users.put(instance, _Users(servers, list(VpnClient.objects.filter(ip=instance))))


def after_deleting(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive ``post_delete``: who lost an address gets another one; who lost the subnet is compiled without it."""
    users = _users.take(instance) or _Users()
    if sender is Subnet:
        _modified(_stored(users.servers), "subnet of a VPN server deleted")
        peers.changed(_stored(users.servers))
        return
    for key in users.servers:
        for vpn in Vpn.objects.filter(pk=key, ip=None):
            vpn.save()
    for client in users.clients:
        client.ip = None
        client.save()


def _stored(keys: Iterable[uuid.UUID]) -> QuerySet[Vpn]:
    return Vpn.objects.filter(pk__in=list(keys))


def _modified(servers: QuerySet[Vpn], detail: str) -> None:
    with unit_of_work() as unit:
        for vpn in servers:
            unit.happened(vpn, "modified", detail=detail)


def _is_of(origin: Any, model: type[Model]) -> bool:
    """Tell whether objects of a model, and not what they belong to, are being deleted."""
    return isinstance(origin, model) or getattr(origin, "model", None) is model
