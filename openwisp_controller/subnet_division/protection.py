"""What VPN servers, devices and rules use is neither deleted nor cut from under them by hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from openwisp_ipam.models import IpAddress, Subnet

from ..config.models import Vpn

_AT_MOST = 5
"""So many users are named."""


def users_of(objects: Iterable[Subnet | IpAddress]) -> list[str]:
    """Return, in words, why subnets or addresses cannot be deleted: VPN servers use them, or what is inside of them."""
    objects = list(objects)
    keys = {model: [each.pk for each in objects if isinstance(each, model)] for model in (Subnet, IpAddress)}
    inside = [*keys[Subnet], *(key for each in objects if isinstance(each, Subnet) for key in _descendants(each))]
    reasons = [
        _('The subnet %(subnet)s is used by the VPN server "%(vpn)s": choose another one there first')
        % {"subnet": vpn.subnet.subnet, "vpn": vpn.name}
        for vpn in Vpn.objects.filter(subnet__in=inside).select_related("subnet").order_by("name")[:_AT_MOST]
        if vpn.subnet is not None
    ]
    return reasons + [
        _('%(address)s is the address of the VPN server "%(vpn)s": choose another one there first')
        % {"address": vpn.ip.ip_address, "vpn": vpn.name}
        for vpn in Vpn.objects.filter(ip__in=keys[IpAddress]).select_related("ip").order_by("name")[:_AT_MOST]
        if vpn.ip is not None
    ]


def check_network(subnet: Subnet, network: Any) -> None:
    """Refuse a network that leaves out what the stored subnet holds already.

    Args:
        subnet: a stored subnet.
        network: its new network.

    Raises:
        ValidationError: keyed by field.
    """
    wanted = ip_network(str(network), strict=False)
    stored = Subnet.objects.filter(pk=subnet.pk).values_list("subnet", flat=True).first()
    if stored is None or ip_network(str(stored)) == wanted:
        return
    children = Subnet.objects.filter(master_subnet=subnet.pk).values_list("subnet", flat=True)
    networks = [ip_network(str(child)) for child in children]
    addresses = [ip_address(text) for text in subnet.ipaddress_set.values_list("ip_address", flat=True)]
    lost = [str(each) for each in networks if each[0] not in wanted or each[-1] not in wanted]
    lost += [str(each) for each in addresses if each not in wanted]
    if lost:
        text = _("%(lost)s is in use and would be outside of %(network)s: delete it, or choose a wider network.")
        raise ValidationError({"subnet": text % {"lost": lost[0], "network": wanted}})


def check_organization(subnet: Subnet, organization_id: uuid.UUID | None) -> None:
    """Refuse to take a stored subnet away from VPN servers and rules of other organizations.

    Args:
        subnet: a stored subnet.
        organization_id: its new organization; None = shared.

    Raises:
        ValidationError: keyed by field.
    """
    if organization_id is None:
        return
    users = [subnet.vpn_set, subnet.subnetdivisionrule_set]
    if any(each.exclude(organization=organization_id).exists() for each in users):
        text = _("VPN servers or subnet division rules of other organizations use this subnet.")
        raise ValidationError({"organization": text})


def _descendants(subnet: Subnet) -> list[Any]:
    found: list[Any] = subnet.get_descendant_subnet_pks()
    return found
