"""Rules and generated subnets in the administration and the REST API: who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_ipam.models import IpAddress, Subnet

from openwisp_controller.config.models import Config
from openwisp_controller.subnet_division.models import SubnetDivisionRule

from .. import factories as make
from .test_admin import errors

pytestmark = pytest.mark.django_db
DEVICE = "openwisp_controller.subnet_division.rule_types.device.DeviceSubnetDivisionRuleType"
PREFIX = "subnetdivisionrule_set"


@pytest.fixture
def master(organization: Any) -> Subnet:
    return make.subnet(organization)


@pytest.fixture
def config(master: Subnet, committing: Any) -> Config:
    with committing():
        make.division_rule(master)
        return make.config(make.device(master.organization, "router"))


def url(page: str, instance: Any = None) -> str:
    return reverse(f"admin:openwisp_ipam_{page}", args=[instance.pk] if instance is not None else [])


def form(subnet: Subnet, rule: SubnetDivisionRule | None = None, **values: Any) -> dict[str, Any]:
    """What the page of a subnet posts, with one rule; ``values`` are those of the rule."""
    row: dict[str, Any] = {
        "organization": subnet.organization_id or "", "type": DEVICE, "label": "LAN", "number_of_subnets": 1,
        "size": 28, "number_of_ips": 1, "id": "", "master_subnet": "" if subnet._state.adding else subnet.pk,
    }  # fmt: skip
    if rule is not None:
        row |= {name: getattr(rule, name) for name in ("label", "number_of_subnets", "size", "number_of_ips")}
        row["id"] = rule.pk
    row.update(values)
    return {
        "organization": subnet.organization_id or "", "name": subnet.name, "subnet": str(subnet.subnet),
        "description": "", "master_subnet": "", f"{PREFIX}-TOTAL_FORMS": 1,
        f"{PREFIX}-INITIAL_FORMS": int(rule is not None), f"{PREFIX}-MIN_NUM_FORMS": 0,
        f"{PREFIX}-MAX_NUM_FORMS": 1000, **{f"{PREFIX}-0-{name}": value for name, value in row.items()},
    }  # fmt: skip


class TestRules:
    @pytest.mark.parametrize("given", [True, False], ids=["organization given", "organization left out"])
    def test_created(self, administrator: Client, master: Subnet, given: bool) -> None:
        values = {} if given else {"organization": ""}
        answer = administrator.post(url("subnet_change", master), form(master, **values))
        assert answer.status_code == 302, errors(answer)
        assert SubnetDivisionRule.objects.get().organization == master.organization

    def test_with_a_new_subnet(self, administrator: Client, organization: Any) -> None:
        answer = administrator.post(
            url("subnet_add"), form(Subnet(organization=organization, name="x", subnet="10.3.0.0/24"))
        )
        assert answer.status_code == 302, errors(answer)
        assert SubnetDivisionRule.objects.get().master_subnet.name == "x"
        answer = administrator.post(url("subnet_add"), form(Subnet(organization=organization, name="y", subnet="bad")))
        assert "Enter a valid CIDR address." in errors(answer)

    def test_edited(self, administrator: Client, config: Config, master: Subnet) -> None:
        rule = SubnetDivisionRule.objects.get()
        values = {"size": 29, "number_of_subnets": 9, "type": "x", "organization": "", "label": "NEW"}
        answer = administrator.post(url("subnet_change", master), form(master, rule, **values))
        assert answer.status_code == 302, errors(answer)
        rule.refresh_from_db()
        assert (rule.label, rule.size, rule.number_of_subnets, rule.type) == ("NEW", 28, 2, DEVICE)
        answer = administrator.post(url("subnet_change", master), form(master, rule, number_of_ips=1))
        assert "Number of IPs cannot be decreased" in errors(answer)

    def test_foreign_organization(self, administrator: Client, master: Subnet, other: Any) -> None:
        answer = administrator.post(url("subnet_change", master), form(master, organization=other.pk))
        assert "Select a valid choice" in errors(answer)
        assert not SubnetDivisionRule.objects.exists()

    def test_shared_subnet_needs_an_organization(self, root: Client, organization: Any) -> None:
        shared = make.subnet(None, "10.9.0.0/16")
        answer = root.post(url("subnet_change", shared), form(shared))
        assert "Choose the organization" in errors(answer)
        assert root.post(url("subnet_change", shared), form(shared, organization=organization.pk)).status_code == 302

    def test_operators_only_look(self, operator: Client, config: Config, master: Subnet) -> None:
        page = operator.get(url("subnet_change", master))
        assert "OW" in page.content.decode()
        assert operator.post(url("subnet_change", master), form(master)).status_code == 403


class TestGenerated:
    def test_lists(self, administrator: Client, config: Config, master: Subnet, settings: Any) -> None:
        page = administrator.get(url("subnet_changelist")).content.decode()
        assert "OW_subnet1" in page
        assert f'href="{reverse("admin:config_device_changelist")}?subnet=10.0.0.16%2F28">router</a>' in page
        assert "See all devices" in page
        assert "10.0.0.17" in administrator.get(url("ipaddress_changelist")).content.decode()
        settings.OPENWISP_CONTROLLER_HIDE_AUTOMATICALLY_GENERATED_SUBNETS_AND_IPS = True
        page = administrator.get(url("subnet_changelist")).content.decode()
        assert "OW_subnet1" not in page
        assert "Reserved Subnet" in page
        assert "10.0.0.17" not in administrator.get(url("ipaddress_changelist")).content.decode()

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"rule_type": DEVICE}, {"10.0.0.0/16"}),
            ({"rule_type": DEVICE.replace("Device", "Vpn")}, set()),
            ({"device": "router"}, {"10.0.0.16/28", "10.0.0.32/28"}),
            ({"device": "another"}, set()),
        ],
    )
    def test_filters(self, administrator: Client, config: Config, query: dict[str, str], expected: set[str]) -> None:
        page = administrator.get(url("subnet_changelist"), query)
        assert {str(subnet.subnet) for subnet in page.context["cl"].result_list} == expected

    def test_filter_by_server(self, administrator: Client, organization: Any, committing: Any) -> None:
        vpn = make.vpn(organization)
        make.subnet(organization, "10.5.0.0/16")
        page = administrator.get(url("subnet_changelist"), {"vpn": str(vpn.pk)})
        assert list(page.context["cl"].result_list) == [vpn.subnet]
        page = administrator.get(url("subnet_changelist"), {"vpn": "nonsense"})
        assert not page.context["cl"].result_list

    @pytest.mark.parametrize(
        ("cidr", "count"), [("10.0.0.0/16", 1), ("10.0.0.16/28", 1), ("10.1.0.0/16", 0), ("nonsense", 0)]
    )
    def test_devices_by_subnet(self, administrator: Client, config: Config, cidr: str, count: int) -> None:
        page = administrator.get(reverse("admin:config_device_changelist"), {"subnet": cidr})
        assert len(page.context["cl"].result_list) == count

    def test_pages_are_read_only(self, administrator: Client, config: Config) -> None:
        subnet, ip = Subnet.objects.get(name="OW_subnet1"), IpAddress.objects.get(ip_address="10.0.0.17")
        for page, instance in (("subnet_change", subnet), ("ipaddress_change", ip)):
            assert administrator.get(url(page, instance)).status_code == 200
            assert administrator.post(url(page, instance), form(subnet)).status_code == 403

    def test_tenancy(self, administrator: Client, other: Any, committing: Any) -> None:
        foreign = make.subnet(other, name="foreign")
        assert "foreign" not in administrator.get(url("subnet_changelist")).content.decode()
        assert administrator.get(url("subnet_change", foreign)).status_code == 404

    def test_rest(self, administrator: Client, config: Config, master: Subnet) -> None:
        subnet, ip = Subnet.objects.get(name="OW_subnet1"), IpAddress.objects.get(ip_address="10.0.0.17")
        for name, instance, values in (("subnet", subnet, {"name": "x"}), ("ip_address", ip, {"description": "x"})):
            address = reverse(f"ipam:{name}", args=[instance.pk])
            assert administrator.get(address).status_code == 200
            answer = administrator.patch(address, values, content_type="application/json")
            assert answer.status_code == 403
            assert "generated by a subnet division rule" in answer.content.decode()
        address = reverse("ipam:subnet", args=[master.pk])
        assert administrator.patch(address, {"name": "x"}, content_type="application/json").status_code == 200


class TestInUse:
    def test_a_subnet_is_not_deleted(self, root: Client, organization: Any) -> None:
        above = make.subnet(organization, "10.0.0.0/8")
        vpn = make.vpn(organization, name="tunnel", subnet=make.subnet(organization, master_subnet=above))
        for subnet in (vpn.subnet, above):
            delete = {"action": "delete_selected", "_selected_action": [subnet.pk], "post": "yes"}
            for page in (
                root.post(url("subnet_delete", subnet), {"post": "yes"}),
                root.post(url("subnet_changelist"), delete),
            ):
                assert "10.0.0.0/16 is used by the VPN server" in page.content.decode()
            answer = root.delete(reverse("ipam:subnet", args=[subnet.pk]))
            assert answer.status_code == 400
            assert "10.0.0.0/16 is used by the VPN server" in answer.content.decode()
        assert Subnet.objects.count() == 2

    def test_the_address_of_a_server_is_not_deleted(self, root: Client, organization: Any) -> None:
        vpn = make.vpn(organization, name="tunnel")
        page = root.post(url("ipaddress_delete", vpn.ip), {"post": "yes"})
        answer = root.delete(reverse("ipam:ip_address", args=[vpn.ip_id]))
        assert answer.status_code == 400
        for each in (page, answer):
            assert "10.0.0.1 is the address of the VPN server" in each.content.decode()
        assert IpAddress.objects.exists()

    def test_a_subnet_stays_with_its_users(self, root: Client, organization: Any, other: Any) -> None:
        vpn = make.vpn(organization)
        divided = make.subnet(organization, "10.7.0.0/16")
        make.division_rule(divided)
        for subnet in (vpn.subnet, divided):
            subnet.organization = other
            page = root.post(url("subnet_change", subnet), {**form(subnet), f"{PREFIX}-TOTAL_FORMS": 0})
            assert "of other organizations use this subnet" in errors(page)
            address = reverse("ipam:subnet", args=[subnet.pk])
            answer = root.patch(address, {"organization": str(other.pk)}, content_type="application/json")
            assert (answer.status_code, list(answer.json())) == (400, ["organization"])
        assert not Subnet.objects.filter(organization=other).exists()

    def test_a_network_keeps_what_is_inside(self, root: Client, config: Config, master: Subnet) -> None:
        IpAddress.objects.create(subnet=master, ip_address="10.0.200.1")
        for network, lost in (("10.0.0.0/17", "10.0.200.1"), ("10.0.128.0/17", "10.0.0."), ("fd00::/64", "10.0.0.")):
            master.subnet = network
            page = root.post(url("subnet_change", master), form(master, label="new"))
            assert f"{lost}" in errors(page)
            address = reverse("ipam:subnet", args=[master.pk])
            answer = root.patch(address, {"subnet": network}, content_type="application/json")
            assert (answer.status_code, list(answer.json())) == (400, ["subnet"])
        master.subnet = "10.0.0.0/15"
        assert root.post(url("subnet_change", master), form(master, label="new")).status_code == 302
        assert str(Subnet.objects.get(pk=master.pk).subnet) == "10.0.0.0/15"
