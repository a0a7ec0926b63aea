"""What rules accept."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from openwisp_ipam.models import Subnet

from openwisp_controller.subnet_division.models import SubnetDivisionRule

from ... import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def master(organization: Any) -> Subnet:
    return make.subnet(organization, "10.0.0.0/24")


def errors(rule: SubnetDivisionRule) -> dict[str, list[str]]:
    try:
        rule.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def rule(master: Subnet, **fields: Any) -> SubnetDivisionRule:
    values = {
        "organization": master.organization, "label": "OW", "size": 28, "number_of_subnets": 2, "number_of_ips": 2,
        "type": "openwisp_controller.subnet_division.rule_types.device.DeviceSubnetDivisionRuleType", **fields,
    }  # fmt: skip
    return SubnetDivisionRule(master_subnet=master, **values)


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"label": "a-b"}, "label", "Only alphanumeric characters and underscores are allowed."),
        ({"label": "1a"}, "label", "Only alphanumeric characters and underscores are allowed."),
        ({"label": "x" * 31}, "label", "Ensure this value has at most 30 characters (it has 31)."),
        ({"size": 23}, "size", "Master subnet cannot accommodate subnets of size /23"),
        ({"size": 33}, "size", "Master subnet cannot accommodate subnets of size /33"),
        ({"number_of_subnets": 16}, "number_of_subnets", "The master subnet is too small"),
        ({"number_of_ips": 17}, "number_of_ips", "Generated subnets of size /28 cannot accommodate 17 IP Addresses."),
        ({"number_of_ips": 0}, "number_of_ips", "Ensure this value is greater than or equal to 1."),
        ({"number_of_subnets": 0}, "number_of_subnets", "Ensure this value is greater than or equal to 1."),
        ({"type": "some.Class"}, "type", "is not a valid choice"),
        ({"size": None}, "size", "This field cannot be null."),
        ({"organization": None}, "organization", "This field cannot be null."),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refused(master: Subnet, fields: dict[str, Any], field: str, text: str) -> None:
    assert text in errors(rule(master, **fields))[field][0]


def test_just_fits(master: Subnet) -> None:
    assert not errors(rule(master, number_of_subnets=15, number_of_ips=16))


def test_missing_master_subnet(organization: Any, master: Subnet) -> None:
    incomplete = rule(master)
    incomplete.master_subnet_id = None  # type: ignore[assignment]
    assert "master_subnet" in errors(incomplete)


def test_organizations(master: Subnet) -> None:
    other = make.organization()
    assert errors(rule(master, organization=other)) == {"organization": ["Organization should be same as the subnet"]}
    shared = make.subnet(None, "10.9.0.0/24")
    assert not errors(rule(shared, organization=other))


def test_label_is_unique(master: Subnet) -> None:
    rule(master).save()
    (first, *_others) = errors(rule(make.subnet(master.organization, "10.1.0.0/24")))["__all__"]
    assert first == "Subnet division rule with this Organization and Label already exists."


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("size", 29, "Subnet size cannot be changed"),
        ("number_of_subnets", 1, "Number of Subnets cannot be changed"),
        ("number_of_ips", 1, "Number of IPs cannot be decreased"),
        ("type", "openwisp_controller.subnet_division.rule_types.vpn.VpnSubnetDivisionRuleType", "Type of the rule"),
    ],
)
def test_what_cannot_be_changed(master: Subnet, name: str, value: Any, text: str) -> None:
    stored = rule(master)
    stored.save()
    setattr(stored, name, value)
    assert text in errors(stored)[name][0]


def test_subnet_and_organization_cannot_be_changed(organization: Any) -> None:
    stored = rule(make.subnet(None, "10.9.0.0/24"), organization=organization)
    stored.save()
    stored.master_subnet = make.subnet(organization, "10.1.0.0/24")
    assert errors(stored) == {"master_subnet": ["Master subnet of the rule cannot be changed"]}
    stored.refresh_from_db()
    stored.organization = make.organization()
    assert errors(stored) == {"organization": ["Organization of the rule cannot be changed"]}
