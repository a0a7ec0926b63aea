"""Rule types of other packages, written against the documented interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db.models.signals import post_delete, post_save
from openwisp_ipam.models import Subnet

from openwisp_controller.config.models import Device
from openwisp_controller.subnet_division.rule_types.base import BaseSubnetDivisionRuleType
from openwisp_controller.subnet_division.rule_types.device import DeviceSubnetDivisionRuleType

from ... import factories as make
from .helpers import provisioned, variables

pytestmark = pytest.mark.django_db
PATH = f"{__name__}.NamedRouter"


class NamedRouter(BaseSubnetDivisionRuleType):
    """Devices that are called "router" get subnets of the subnet that is called "routers"."""

    provision_signal = post_save
    provision_sender = Device
    provision_dispatch_uid = "named_router_provision"
    destroyer_signal = post_delete
    destroyer_sender = ("config", "Device")
    destroyer_dispatch_uid = "named_router_destroy"
    organization_id_path = "organization_id"
    subnet_path = "pool"
    handled: list[Any] = []

    @classmethod
    def get_subnet(cls, instance: Any) -> Subnet | None:
        return Subnet.objects.filter(name="routers").first()

    @classmethod
    def should_create_subnets_ips(cls, instance: Any, **kwargs: Any) -> bool:
        return instance.name.startswith("router") and instance._has_config()

    @classmethod
    def provision_for_existing_objects(cls, rule_obj: Any) -> None:
        for device in Device.objects.filter(organization=rule_obj.organization):
            cls.provision_receiver(device, created=False, rule=rule_obj)

    @classmethod
    def post_provision_handler(cls, instance: Any, provisioned: Any, **kwargs: Any) -> None:
        cls.handled.append((instance, [subnet.name for subnet in provisioned["subnets"]]))


@pytest.fixture(autouse=True)
def configured(settings: Any) -> Iterator[None]:
    settings.OPENWISP_CONTROLLER_SUBNET_DIVISION_TYPES = ((PATH, "Named router"),)
    NamedRouter.handled.clear()
    NamedRouter.validate_rule_type()
    NamedRouter.connect()
    yield
    post_save.disconnect(sender=Device, dispatch_uid="named_router_provision")
    post_delete.disconnect(sender=Device, dispatch_uid="named_router_destroy")


@pytest.fixture
def master(organization: Any) -> Subnet:
    return make.subnet(organization, name="routers")


def test_life(organization: Any, master: Subnet, committing: Any) -> None:
    existing = make.config(make.device(organization, "router-1"))
    make.config(make.device(organization, "camera"))
    with provisioned() as emitted, committing():
        rule = make.division_rule(master, type=PATH, number_of_subnets=1)
    assert [each["instance"] for each in emitted] == [existing.device]
    assert variables(existing)["OW_subnet1_ip2"] == "10.0.0.18"
    fresh = make.config(make.device(organization, "router-2"))
    with provisioned() as emitted, committing():
        fresh.device.save()
        fresh.device.save()
    assert len(emitted) == 1
    assert NamedRouter.handled == [(existing.device, ["OW_subnet1"]), (fresh.device, ["OW_subnet1"])]
    with committing():
        rule.number_of_ips = 3
        rule.save()
    assert variables(existing)["OW_subnet1_ip3"] == "10.0.0.19"
    with committing():
        existing.device.delete(check_deactivated=False)
    assert Subnet.objects.filter(name="OW_subnet1").count() == 1
    with committing():
        rule.delete()
    assert not variables(fresh)


def test_announcing_otherwise(organization: Any, master: Subnet, committing: Any, monkeypatch: Any) -> None:
    """A type that announces in its own way takes two arguments, as it always did."""
    announced = []

    def announce(cls: Any, instance: Any, provisioned: Any) -> None:
        announced.append(instance)
        super(NamedRouter, cls).subnet_provisioned_signal_emitter(instance, provisioned)

    monkeypatch.setattr(NamedRouter, "subnet_provisioned_signal_emitter", classmethod(announce))
    existing = make.config(make.device(organization, "router-1")).device
    with provisioned() as emitted, committing():
        make.division_rule(master, type=PATH, number_of_subnets=1)
    assert announced == [each["instance"] for each in emitted] == [existing], "in the background"
    fresh = make.config(make.device(organization, "router-2")).device
    with provisioned() as emitted, committing():
        fresh.save()
    assert announced == [existing, *(each["instance"] for each in emitted)] == [existing, fresh]


def test_steps(organization: Any, master: Subnet, committing: Any) -> None:
    with committing():
        rule = make.division_rule(master, type=PATH, number_of_subnets=1)
    config = make.config(make.device(organization, "router-1"))
    device = config.device
    assert NamedRouter.get_organization(device) == organization.pk
    assert NamedRouter.get_config(device) == config
    assert list(NamedRouter.get_subnet_division_rules(device)) == [rule]
    found = NamedRouter.create_subnets_ips(device, rule)
    assert found is not None
    assert [str(subnet.subnet) for subnet in found["subnets"]] == ["10.0.0.16/28"]
    assert NamedRouter.create_subnets_ips(device, rule) is None
    NamedRouter.destroy_provisioned_subnets_ips(device)
    assert not Subnet.objects.filter(name="OW_subnet1").exists()
    with pytest.raises(ObjectDoesNotExist):
        NamedRouter.get_config(Device(organization=organization))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("provision_signal", None), ("destroyer_sender", "Device"), ("subnet_path", 1), ("provision_dispatch_uid", None)],
)
def test_incomplete_types_are_refused(attribute: str, value: Any) -> None:
    broken = type("Broken", (DeviceSubnetDivisionRuleType,), {attribute: value})
    with pytest.raises(ImproperlyConfigured, match=attribute):
        broken.validate_rule_type()


def test_what_has_to_be_written() -> None:
    with pytest.raises(NotImplementedError):
        BaseSubnetDivisionRuleType.should_create_subnets_ips(None)
