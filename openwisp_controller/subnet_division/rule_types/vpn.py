"""Every VPN client gets subnets, and the first address of them is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.db.models.signals import post_delete, post_save

from ...config.models import Config, VpnClient
from .. import vpn_addresses
from .base import BaseSubnetDivisionRuleType

if TYPE_CHECKING:
    from ..models import SubnetDivisionRule
    from ..provisioning import Provisioned


class VpnSubnetDivisionRuleType(BaseSubnetDivisionRuleType):
    """Provisions when a device becomes a client, by the rules on the subnet of the VPN server."""

    provision_signal = post_save
    provision_sender = ("config", "VpnClient")
    provision_dispatch_uid = "vpn_client_provision_subnet"
    destroyer_signal = post_delete
    destroyer_sender = ("config", "VpnClient")
    destroyer_dispatch_uid = "vpn_client_destroy_subnet"
    organization_id_path = "config.device.organization_id"
    subnet_path = "vpn.subnet"
    config_path = "config"

    @classmethod
    def should_create_subnets_ips(cls, instance: Any, **kwargs: Any) -> bool:
        """Whether the client is a new one, of a server that has a subnet."""
        return bool(kwargs.get("created")) and instance.vpn.subnet_id is not None

    @classmethod
    def existing_configs(cls, rule: SubnetDivisionRule) -> QuerySet[Config]:
        clients = VpnClient.objects.filter(_served_by(rule))
        return Config.objects.filter(device__organization=rule.organization_id, pk__in=clients.values("config"))

    @classmethod
    def existing_objects(cls, rule: SubnetDivisionRule, configs: Sequence[Config]) -> Sequence[VpnClient]:
        return vpn_addresses.clients_of(configs, _served_by(rule))

    @classmethod
    def after_provisioning(cls, results: Sequence[tuple[Any, Provisioned]]) -> None:
        """Give each client the first address that was provisioned for it, unless it has one of a rule already."""
        vpn_addresses.assign(results)
        super().after_provisioning(results)


def _served_by(rule: SubnetDivisionRule) -> Q:
    owner = Q(vpn__organization=rule.organization_id) | Q(vpn__organization=None)
    return owner & Q(vpn__subnet=rule.master_subnet_id)
