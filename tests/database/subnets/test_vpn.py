"""Rules of the VPN type: clients get subnets, and their address from them."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_ipam.models import IpAddress, Subnet

from openwisp_controller.config.models import Config, Template, Vpn, VpnClient
from openwisp_controller.subnet_division.models import SubnetDivisionIndex

from ... import factories as make
from ...recorder import SignalRecorder
from ..vpn.helpers import files
from .helpers import children, provisioned, subnets_of, variables

pytestmark = pytest.mark.django_db


@pytest.fixture
def vpn(organization: Any, committing: Any) -> Vpn:
    with committing():
        return make.vpn(organization)


@pytest.fixture
def master(vpn: Vpn) -> Subnet:
    assert vpn.subnet is not None
    return vpn.subnet


@pytest.fixture
def template(vpn: Vpn, committing: Any) -> Template:
    with committing():
        return make.vpn_template(vpn)


def enrol(committing: Any, template: Template, organization: Any = None) -> Config:
    with committing():
        return make.config(organization or template.organization, templates=[template])


def address(config: Config) -> str:
    client = VpnClient.objects.select_related("ip").get(config=config)
    return str(client.ip.ip_address) if client.ip else ""


def test_client_gets_the_first_address(
    vpn: Vpn, master: Subnet, template: Template, committing: Any, recorded: SignalRecorder
) -> None:
    make.division_rule(master, "vpn")
    recorded.clear()
    with provisioned() as emitted:
        config = enrol(committing, template)
    assert subnets_of(config) == ["10.0.0.16/28", "10.0.0.32/28"]
    assert address(config) == "10.0.0.17" == Config.objects.get().get_context()[f"ip_address_{vpn.pk.hex}"]
    assert [(each["instance"], str(each["instance"].ip)) for each in emitted] == [
        (VpnClient.objects.get(), "10.0.0.17")
    ]
    assert len(recorded.of("vpn_peers_changed")) == 1
    assert "AllowedIPs = 10.0.0.17/32" in files(vpn)["wg0.conf"]
    assert IpAddress.objects.filter(subnet=master).count() == 1  # the server's own


def test_client_gone_and_back(master: Subnet, template: Template, committing: Any) -> None:
    make.division_rule(master, "vpn")
    config = enrol(committing, template)
    with committing():
        config.templates.remove(template)
    assert list(children(master).values()) == ["Reserved Subnet 10.0.0.0/28"]
    assert not variables(config)
    with committing():
        config.templates.add(template)
    assert address(config) == "10.0.0.17"
    with committing():
        config.device.deactivate()
    assert not subnets_of(config)


def test_other_organizations_keep_automatic_addresses(committing: Any, organization: Any) -> None:
    other = make.organization()
    with committing():
        vpn = make.vpn(None, subnet=make.subnet(None, "10.8.0.0/16"))
        template = make.vpn_template(vpn)
        make.division_rule(vpn.subnet, "vpn", organization=organization)
    assert address(enrol(committing, template, other)) == "10.8.0.2"
    assert address(enrol(committing, template, organization)) == "10.8.0.17"


def test_two_rules_keep_the_address_of_the_first(master: Subnet, template: Template, committing: Any) -> None:
    make.division_rule(master, "vpn", label="A", number_of_subnets=1)
    existing = enrol(committing, template)
    with provisioned() as emitted, committing():
        make.division_rule(master, "vpn", label="B", number_of_subnets=1)
    fresh = enrol(committing, template)
    for config in (existing, fresh):
        assert variables(config, "A")["A_subnet1_ip1"] == address(config)
        assert len(variables(config, "B")) == 4
    assert len(emitted) == 1
    assert SubnetDivisionIndex.objects.filter(keyword="A_subnet1").count() == 2


def test_existing_clients(
    vpn: Vpn, master: Subnet, template: Template, committing: Any, recorded: SignalRecorder
) -> None:
    configs = [enrol(committing, template) for _ in range(3)]
    assert [address(config) for config in configs] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    Config.objects.update(status="applied")
    recorded.clear()
    with provisioned() as emitted, committing():
        make.division_rule(master, "vpn", number_of_subnets=1)
    assert sorted(address(config) for config in configs) == ["10.0.0.17", "10.0.0.33", "10.0.0.49"]
    assert IpAddress.objects.filter(subnet=master).count() == 1
    assert len(emitted) == 3
    assert [each.action for each in recorded.of("config_modified")] == ["config_changed"] * 3
    assert len(recorded.of("vpn_peers_changed")) == 1
    assert files(vpn)["wg0.conf"].count("[Peer]") == 3


def test_rule_deleted(vpn: Vpn, master: Subnet, template: Template, committing: Any) -> None:
    rule = make.division_rule(master, "vpn")
    config = enrol(committing, template)
    with committing():
        rule.delete()
    assert address(config) == "10.0.0.16"  # the lowest that is neither taken nor reserved
    assert "AllowedIPs = 10.0.0.16/32" in files(vpn)["wg0.conf"]
    assert not variables(config)


def test_deleted_by_hand(master: Subnet, template: Template, committing: Any) -> None:
    make.division_rule(master, "vpn", number_of_subnets=1)
    config = enrol(committing, template)
    with committing():
        Subnet.objects.get(name="OW_subnet1").delete()
    assert address(config) == variables(config)["OW_subnet1_ip1"]
    with committing():
        IpAddress.objects.get(ip_address=address(config)).delete()
    assert address(config) == variables(config)["OW_subnet1_ip1"]


@pytest.mark.parametrize("what", ["subnet", "address"])
def test_deleted_by_hand_before_the_deletion_of_the_rule_was_worked_off(
    vpn: Vpn, master: Subnet, template: Template, committing: Any, what: str
) -> None:
    rule = make.division_rule(master, "vpn", number_of_subnets=1)
    config = enrol(committing, template)
    with committing():
        rule.delete()
        subnet = Subnet.objects.get(name="OW_subnet1")
        (subnet if what == "subnet" else subnet.ipaddress_set.order_by("ip_address")[0]).delete()
    assert f"AllowedIPs = {address(config)}/32" in files(vpn)["wg0.conf"]


def test_device_moved(committing: Any, organization: Any) -> None:
    """A shared server: the rule of the organization that it joins takes over; without one, the server's subnet."""
    other, third = make.organization(), make.organization()
    with committing():
        vpn = make.vpn(None, subnet=make.subnet(None, "10.8.0.0/16"))
        template = make.vpn_template(vpn)
        for owner in (organization, other):
            make.division_rule(vpn.subnet, "vpn", organization=owner, label=f"L{owner.name[-1]}")
    config = enrol(committing, template, organization)
    for owner, expected in ((other, True), (third, False)):
        with committing():
            config.device.organization = owner
            config.device.save()
        assert bool(subnets_of(config)) == expected
        assert address(config)
    assert list(children(vpn.subnet).values()) == ["Reserved Subnet 10.8.0.0/28"]


def test_exhaustion_leaves_the_client_without_address(committing: Any, organization: Any) -> None:
    with committing():
        vpn = make.vpn(organization, subnet=make.subnet(organization, "10.0.0.0/27"))
        make.division_rule(vpn.subnet, "vpn", number_of_subnets=1)
        template = make.vpn_template(vpn)
    first, second = enrol(committing, template), enrol(committing, template)
    assert (address(first), address(second)) == ("10.0.0.17", "")


def test_server_gets_another_subnet(vpn: Vpn, master: Subnet, template: Template, committing: Any) -> None:
    """What was provisioned is found by its rows, whatever the server's subnet is now."""
    make.division_rule(master, "vpn")
    config = enrol(committing, template)
    Vpn.objects.update(subnet=make.subnet(vpn.organization, "10.9.0.0/16"))
    with committing():
        config.templates.remove(template)
    assert not subnets_of(config)


def test_server_or_template_deleted(vpn: Vpn, master: Subnet, template: Template, committing: Any) -> None:
    make.division_rule(master, "vpn")
    config = enrol(committing, template)
    with committing():
        vpn.delete()
    assert not subnets_of(config)
    assert list(children(master).values()) == ["Reserved Subnet 10.0.0.0/28"]
