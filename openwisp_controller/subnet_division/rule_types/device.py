"""Every device configuration gets subnets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.db.models.signals import post_delete, post_save

from ...config.models import Config
from .. import deprovision
from .base import BaseSubnetDivisionRuleType

if TYPE_CHECKING:
    from ..models import SubnetDivisionRule


class DeviceSubnetDivisionRuleType(BaseSubnetDivisionRuleType):
    """Provisions when a configuration is created, by all rules of the device's organization."""

    provision_signal = post_save
    provision_sender = ("config", "Config")
    provision_dispatch_uid = "device_registered_provision_subnet"
    destroyer_signal = post_delete
    destroyer_sender = ("config", "Config")
    destroyer_dispatch_uid = "device_registered_destroy_subnet"
    organization_id_path = "device.organization_id"
    subnet_path = "subnet"
    config_path = "self"

    @classmethod
    def should_create_subnets_ips(cls, instance: Any, **kwargs: Any) -> bool:
        """Whether the configuration is a new one."""
        return bool(kwargs.get("created"))

    @classmethod
    def get_subnet(cls, instance: Any) -> None:
        """Rules apply whatever their master subnet is."""

    @classmethod
    def get_subnet_division_rules(cls, instance: Any) -> Iterable[SubnetDivisionRule]:
        """Return all rules of this type in the device's organization."""
        return cls._rules(organization=cls.get_organization(instance))

    @classmethod
    def existing_configs(cls, rule: SubnetDivisionRule) -> QuerySet[Config]:
        return Config.objects.filter(device__organization=rule.organization_id)

    @classmethod
    def existing_objects(cls, rule: SubnetDivisionRule, configs: Sequence[Config]) -> Sequence[Config]:
        return configs

    @classmethod
    def destroy_provisioned_subnets_ips(cls, instance: Any, **kwargs: Any) -> None:
        """Take back whatever the deleted configuration got, by rules of any type."""
        deprovision.schedule_orphans()
