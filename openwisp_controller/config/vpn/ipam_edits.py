"""Subnets and addresses that are edited or deleted by hand: servers and devices that use them follow."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization

from . import clients, peers, zerotier

if TYPE_CHECKING:
    from ..models import Vpn

_VALUES: dict[type[Model], str] = {Subnet: "subnet", IpAddress: "ip_address"}
_EDITED = "_vpn_value_edited"
_USED_BY = "_vpn_used_by"


def before_saving(sender: type[Model], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``pre_save`` of subnets and addresses: remember whether the network or address becomes another one."""
    if instance._state.adding and not raw:
        return
    name = _VALUES[sender]
    stored = sender._base_manager.filter(pk=instance.pk).values_list(name, flat=True).first()
    instance.__dict__[_EDITED] = stored is not None and str(stored) != str(getattr(instance, name))


def after_saving(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive ``post_save`` of subnets and addresses: those who use an edited one follow."""
    from ..models import Cause, Vpn, VpnClient
    from ..unit_of_work import batch

    if not instance.__dict__.pop(_EDITED, False):
        return
    if sender is Subnet:
        _modified(Vpn.objects.filter(subnet=instance), "subnet of a VPN server edited")
        return
    with batch() as current:
        _modified(Vpn.objects.filter(ip=instance), "address of a VPN server edited")
        for client in VpnClient.objects.filter(ip=instance).select_related("vpn", "config"):
            current.compile(client.config, Cause.INPUTS, f'address for VPN server "{client.vpn.name}" edited')
            if client.auto_cert:
                zerotier.member_changed(client)
                peers.changed([client.vpn])


def before_deleting(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of subnets and addresses: remember who loses them."""
    from ..models import Vpn, VpnClient

    if clients.are_removed() or _is_of(origin, Organization):
        return
    if sender is Subnet:
        instance.__dict__[_USED_BY] = list(Vpn.objects.filter(subnet=instance).values_list("pk", flat=True)), []
    elif _is_of(origin, IpAddress):  # others go with their subnet
        servers = list(Vpn.objects.filter(ip=instance).values_list("pk", flat=True))
        instance.__dict__[_USED_BY] = servers, list(VpnClient.objects.filter(ip=instance))


def after_deleting(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive ``post_delete``: who lost an address gets another one; who lost the subnet is compiled without it."""
    from ..models import Vpn

    servers, losers = instance.__dict__.pop(_USED_BY, ((), ()))
    if sender is Subnet:
        _modified(_stored(servers), "subnet of a VPN server deleted")
        peers.changed(_stored(servers))
        return
    for key in servers:
        for vpn in Vpn.objects.filter(pk=key, ip=None):
            vpn.save()
    for client in losers:
        client.ip = None
        client.save()


def _stored(keys: Iterable[uuid.UUID]) -> QuerySet[Vpn]:
    from ..models import Vpn

    return Vpn.objects.filter(pk__in=list(keys))


def _modified(servers: QuerySet[Vpn], detail: str) -> None:
    from ..policy import changes
    from ..unit_of_work import batch

    with batch() as current:
        for vpn in servers:
            changes.server_modified(current, vpn, detail)


def _is_of(origin: Any, model: type[Model]) -> bool:
    """Tell whether objects of a model, and not what they belong to, are being deleted."""
    return isinstance(origin, model) or getattr(origin, "model", None) is model
