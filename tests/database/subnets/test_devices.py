"""Rules of the device type: what devices get, keep and lose."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.management import call_command
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_notifications.models import Notification

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, Revision
from openwisp_controller.subnet_division import allocator
from openwisp_controller.subnet_division.models import SubnetDivisionIndex, SubnetDivisionRule

from ... import factories as make
from ...recorder import SignalRecorder
from .helpers import children, compiled, provisioned, subnets_of, using, variables

pytestmark = pytest.mark.django_db


@pytest.fixture
def master(organization: Any) -> Subnet:
    return make.subnet(organization)


def enrol(committing: Any, organization: Any, **fields: Any) -> Config:
    with committing():
        return make.config(organization, **fields)


class TestProvisioning:
    def test_worked_example(self, organization: Any, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        with provisioned() as emitted:
            first = enrol(committing, organization, config=using("OW_subnet1", "OW_subnet2_ip2", "OW_prefixlen"))
        assert children(master) == {
            "10.0.0.0/28": "Reserved Subnet 10.0.0.0/28", "10.0.0.16/28": "OW_subnet1", "10.0.0.32/28": "OW_subnet2",
        }  # fmt: skip
        assert variables(first) == {
            "OW_subnet1": "10.0.0.16/28", "OW_subnet1_ip1": "10.0.0.17", "OW_subnet1_ip2": "10.0.0.18",
            "OW_subnet2": "10.0.0.32/28", "OW_subnet2_ip1": "10.0.0.33", "OW_subnet2_ip2": "10.0.0.34",
            "OW_prefixlen": "28",
        }  # fmt: skip
        assert "OW_subnet1=10.0.0.16/28 OW_subnet2_ip2=10.0.0.34 OW_prefixlen=28" in compiled(first)
        assert Revision.objects.filter(config=first).count() == 1
        (emission,) = emitted
        assert (emission["sender"], emission["instance"]) == (SubnetDivisionRule, first)
        assert [subnet.name for subnet in emission["provisioned"]["subnets"]] == ["OW_subnet1", "OW_subnet2"]
        addresses = [ip.ip_address for ip in emission["provisioned"]["ip_addresses"]]
        assert addresses == ["10.0.0.17", "10.0.0.18", "10.0.0.33", "10.0.0.34"]
        second = enrol(committing, organization)
        assert subnets_of(second) == ["10.0.0.48/28", "10.0.0.64/28"]
        with committing():
            first.delete()
        assert subnets_of(enrol(committing, organization)) == ["10.0.0.80/28", "10.0.0.96/28"]

    @pytest.mark.parametrize(
        ("cidr", "fields", "expected"),
        [
            ("10.0.0.0/16", {"size": 29, "number_of_ips": 8}, ("10.0.0.8/29", "10.0.0.8", "10.0.0.15")),
            ("10.0.0.0/16", {"size": 32, "number_of_ips": 1}, ("10.0.0.1/32", "10.0.0.1", "10.0.0.1")),
            ("10.0.0.0/16", {"size": 31, "number_of_ips": 2}, ("10.0.0.2/31", "10.0.0.2", "10.0.0.3")),
            ("fd12:3456:7890::/48", {"size": 64, "number_of_ips": 2},
             ("fd12:3456:7890:1::/64", "fd12:3456:7890:1::1", "fd12:3456:7890:1::2")),
        ],
    )  # fmt: skip
    def test_sizes(
        self, organization: Any, committing: Any, cidr: str, fields: dict[str, Any], expected: tuple[str, ...]
    ) -> None:
        make.division_rule(make.subnet(organization, cidr), number_of_subnets=1, **fields)
        config = enrol(committing, organization)
        found = variables(config)
        last = f"OW_subnet1_ip{fields['number_of_ips']}"
        assert (found["OW_subnet1"], found["OW_subnet1_ip1"], found[last]) == expected

    def test_several_rules_have_blocks_of_their_own_size(
        self, organization: Any, master: Subnet, committing: Any
    ) -> None:
        make.division_rule(master, label="A", number_of_subnets=1)
        make.division_rule(master, label="B", size=24, number_of_subnets=1)
        make.division_rule(master, label="C", size=30, number_of_subnets=1)
        with provisioned() as emitted:
            config = enrol(committing, organization)
        assert subnets_of(config) == ["10.0.0.16/28", "10.0.1.0/24", "10.0.2.0/30"]
        assert len(emitted) == 3
        lengths = [variables(config, label)[f"{label}_prefixlen"] for label in "ABC"]
        assert lengths == ["28", "24", "30"]

    def test_what_is_taken_is_left_alone(self, organization: Any, committing: Any) -> None:
        """Addresses of the master and those above, children of any size, subnets that just overlap."""
        outer = make.subnet(organization, "10.0.0.0/8")
        master = make.subnet(organization, master_subnet=outer)
        make.subnet(organization, "10.0.0.0/27", master_subnet=master)
        IpAddress.objects.create(subnet=master, ip_address="10.0.0.40")
        IpAddress.objects.create(subnet=outer, ip_address="10.0.0.70")
        Subnet.objects.create(name="apart", subnet="10.0.0.80/29", organization=organization)
        Subnet.objects.create(name="of another", subnet="10.0.0.48/28", organization=make.organization())
        make.division_rule(master)
        config = enrol(committing, organization)
        assert subnets_of(config) == ["10.0.0.48/28", "10.0.0.96/28"]
        assert "Reserved" not in str(children(master))

    def test_shared_master_subnet(self, organization: Any, committing: Any) -> None:
        master, other = make.subnet(None, "10.7.0.0/16"), make.organization()
        for owner in (organization, other):
            make.division_rule(master, organization=owner, number_of_subnets=1)
        configs = [enrol(committing, owner) for owner in (organization, other, organization)]
        assert [subnets_of(config) for config in configs] == [["10.7.0.16/28"], ["10.7.0.32/28"], ["10.7.0.48/28"]]
        owners = dict(Subnet.objects.filter(master_subnet=master).values_list("name", "organization"))
        assert owners == {"Reserved Subnet 10.7.0.0/28": None, "OW_subnet1": organization.pk}

    def test_other_organizations_get_nothing(self, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        assert not variables(enrol(committing, make.organization()))

    def test_freed_blocks_are_used_when_the_end_is_reached(self, organization: Any, committing: Any) -> None:
        master = make.subnet(organization, "10.0.0.0/26")
        make.division_rule(master, number_of_subnets=1)
        configs = [enrol(committing, organization) for _ in range(3)]
        with committing():
            configs[0].delete()
        assert subnets_of(enrol(committing, organization)) == ["10.0.0.16/28"]

    def test_exhaustion(self, organization: Any, committing: Any, caplog: Any, django_user_model: Any) -> None:
        with committing():
            django_user_model.objects.create_superuser("root", "root@example.org", "secret")
        master = make.subnet(organization, "10.0.0.0/26")
        make.division_rule(master)
        enrol(committing, organization)
        with caplog.at_level(logging.INFO), provisioned() as emitted:
            second = enrol(committing, organization)
            third = enrol(committing, organization)
        assert f"Cannot create more subnets of {master}" in caplog.text
        assert (subnets_of(second), subnets_of(third)) == (["10.0.0.48/28"], [])
        assert [each["provisioned"] and len(each["provisioned"]["subnets"]) for each in emitted] == [1, None]
        first_notification = Notification.objects.order_by("timestamp").filter(level="error")[0]
        assert first_notification.target == second.device
        assert "Failed to provision subnets for" in first_notification.message
        assert second.device.name in first_notification.message
        assert "subnet has run out of space." in first_notification.rendered_description
        assert third.status == "modified"
        with committing():
            Subnet.objects.get(name__startswith="Reserved").delete()
            Subnet.objects.filter(pk=master.pk).update(subnet="10.0.0.0/24")
            call_command("provision_subnets")
        assert sorted(subnets_of(second) + subnets_of(third)) == [
            "10.0.0.48/28", "10.0.0.64/28", "10.0.0.80/28", "10.0.0.96/28",
        ]  # fmt: skip

    def test_an_unexpected_error_does_not_keep_devices_out(
        self, organization: Any, master: Subnet, committing: Any, monkeypatch: Any
    ) -> None:
        make.division_rule(master, label="A")
        make.division_rule(master, label="B")
        run = allocator.Allocator.run

        def fail(self: allocator.Allocator) -> None:
            run(self)
            if self.rule.label == "A" and not SubnetDivisionIndex.objects.filter(rule__label="B").exists():
                raise RuntimeError("disk on fire")

        monkeypatch.setattr(allocator.Allocator, "run", fail)
        config = make.config(organization)
        assert (len(variables(config, "A")), len(variables(config, "B"))) == (0, 7)
        maintenance.reconcile()
        assert len(variables(config, "A")) == 7


class TestLosing:
    def test_device_deleted(self, organization: Any, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        config = enrol(committing, organization)
        with committing():
            config.device.delete(check_deactivated=False)
        assert list(children(master).values()) == ["Reserved Subnet 10.0.0.0/28"]
        assert not SubnetDivisionIndex.objects.exists()

    def test_device_deactivated(self, organization: Any, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        config = enrol(committing, organization)
        before = variables(config)
        with committing():
            config.device.deactivate()
        assert variables(config) == before

    def test_device_moved(self, organization: Any, committing: Any, recorded: SignalRecorder) -> None:
        other = make.organization()
        make.division_rule(make.subnet(organization), label="OLD")
        make.division_rule(make.subnet(other, "10.1.0.0/16"), label="NEW")
        config = enrol(committing, organization, config=using("OLD_subnet1", "NEW_subnet1"))
        with provisioned() as emitted, committing():
            config.device.organization = other
            config.device.save()
        assert not variables(config, "OLD")
        assert subnets_of(config) == ["10.1.0.16/28", "10.1.0.32/28"]
        assert "NEW_subnet1=10.1.0.16/28" in compiled(config)
        assert len(emitted) == 1

    def test_rule_deleted(self, organization: Any, master: Subnet, committing: Any, recorded: SignalRecorder) -> None:
        rule = make.division_rule(master)
        config = enrol(committing, organization, config=using("OW_subnet1"))
        Config.objects.update(status="applied")
        recorded.clear()
        with committing():
            rule.delete()
        assert list(children(master).values()) == ["Reserved Subnet 10.0.0.0/28"]
        assert not variables(config)
        assert recorded.only("config_modified").action == "config_changed"
        assert "10.0.0.16" not in compiled(config)

    @pytest.mark.parametrize("what", ["subnet", "queryset", "address"])
    def test_deleted_by_hand(self, organization: Any, master: Subnet, committing: Any, what: str) -> None:
        make.division_rule(master)
        config = enrol(committing, organization, config=using("OW_subnet1", "OW_subnet1_ip1"))
        before = variables(config)
        generated = Subnet.objects.get(subnet="10.0.0.16/28")
        with committing():
            if what == "subnet":
                generated.delete()
            elif what == "queryset":
                Subnet.objects.filter(pk=generated.pk).delete()
            else:
                IpAddress.objects.get(ip_address="10.0.0.17").delete()
        expected = before if what == "address" else {
            **before, "OW_subnet1": "10.0.0.48/28", "OW_subnet1_ip1": "10.0.0.49", "OW_subnet1_ip2": "10.0.0.50"
        }  # fmt: skip
        assert variables(config) == expected
        assert f"OW_subnet1={expected['OW_subnet1']}" in compiled(config)

    def test_master_subnet_deleted(self, organization: Any, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        config = enrol(committing, organization, config=using("OW_subnet1"))
        with committing():
            master.delete()
        assert not variables(config)
        assert "10.0.0.16" not in compiled(config)
        assert not SubnetDivisionIndex.objects.exists()

    def test_organization_deleted(self, organization: Any, master: Subnet, committing: Any) -> None:
        make.division_rule(master)
        enrol(committing, organization)
        with committing():
            organization.delete()
        assert not Subnet.objects.exists()


class TestRuleChanges:
    def test_existing_devices(
        self, organization: Any, master: Subnet, committing: Any, recorded: SignalRecorder
    ) -> None:
        configs = [enrol(committing, organization, config=using("OW_subnet1")) for _ in range(3)]
        configs[2].device.deactivate()
        Config.objects.update(status="applied")
        recorded.clear()
        with provisioned() as emitted, committing():
            make.division_rule(master)
        assert len({tuple(subnets_of(config)) for config in configs}) == 3
        assert [each.action for each in recorded.of("config_modified")] == ["config_changed"] * 2
        assert {each["instance"].pk for each in emitted} == {config.pk for config in configs}
        with provisioned() as emitted, committing():
            make.division_rule(master, label="SECOND")
        assert {subnet.name for each in emitted for subnet in each["provisioned"]["subnets"]} == {
            "SECOND_subnet1", "SECOND_subnet2",
        }  # fmt: skip
        assert len(emitted) == 3

    @pytest.mark.parametrize("former", ["MY_LAN", "NEW_subnet2"])
    def test_label(
        self, organization: Any, master: Subnet, committing: Any, recorded: SignalRecorder, former: str
    ) -> None:
        rule = make.division_rule(master, label=former)
        config = enrol(committing, organization, config=using("NEW_subnet1_ip2"))
        Config.objects.update(status="applied")
        recorded.clear()
        with committing():
            rule.label = "NEW"
            rule.full_clean()
            rule.save()
        assert f"{former}_subnet1" not in variables(config, former)
        assert variables(config, "NEW")["NEW_subnet2_ip1"] == "10.0.0.33"
        assert variables(config, "NEW")["NEW_prefixlen"] == "28"
        names = {subnet.name: subnet.description for subnet in Subnet.objects.filter(name__startswith="NEW")}
        assert names == {f"NEW_subnet{n}": "Automatically generated using NEW rule." for n in (1, 2)}
        assert recorded.only("config_modified").action == "config_changed"
        assert "NEW_subnet1_ip2=10.0.0.18" in compiled(config)

    def test_more_addresses(self, organization: Any, master: Subnet, committing: Any, recorded: SignalRecorder) -> None:
        rule = make.division_rule(master, size=29, label="L" * 30)
        config = enrol(committing, organization, config=using(f"{rule.label}_subnet1_ip4"))
        recorded.clear()
        IpAddress.objects.create(subnet=Subnet.objects.get(subnet="10.0.0.8/29"), ip_address="10.0.0.11")
        with provisioned() as emitted, committing():
            rule.number_of_ips = 4
            rule.save()
        found = variables(config, rule.label)
        assert [found[f"{rule.label}_subnet1_ip{n}"] for n in (1, 2, 3, 4)] == [
            "10.0.0.9", "10.0.0.10", "10.0.0.12", "10.0.0.13",
        ]  # fmt: skip
        assert not emitted
        assert "10.0.0.13" in compiled(config)
        with committing():
            rule.number_of_ips = 8
            rule.full_clean()
            rule.save()
        second = {value for name, value in variables(config, rule.label).items() if "subnet2_ip" in name}
        assert second == {f"10.0.0.{n}" for n in range(16, 24)}
