"""Subnets, their rules and what these generate, in a real browser."""

from __future__ import annotations

from typing import Any

from openwisp_ipam.models import IpAddress, Subnet

from openwisp_controller.subnet_division.models import SubnetDivisionRule

from .. import factories as make


def test_pages_open_and_rules_are_created(page: Any) -> None:
    master = make.subnet(make.organization("acme"))
    page.goto(f"/admin/openwisp_ipam/subnet/{master.pk}/change/")
    page.get_by_text("Add Subnet division rule").click()
    prefix = "#id_subnetdivisionrule_set-0"
    page.select_option(f"{prefix}-type", label="Device")
    for name, value in {"label": "OW", "number_of_subnets": "2", "size": "28", "number_of_ips": "2"}.items():
        page.fill(f"{prefix}-{name}", value)
    with page.expect_navigation():
        page.click("input[name=_continue] >> nth=0")
    assert SubnetDivisionRule.objects.get().organization == master.organization
    assert page.locator(f"{prefix}-size").is_disabled()
    make.config(master.organization)
    subnet, ip = Subnet.objects.get(name="OW_subnet1"), IpAddress.objects.all()[0]
    for path in (
        "subnet/", f"subnet/{subnet.pk}/change/", f"subnet/{subnet.pk}/delete/", f"subnet/{master.pk}/change/",
        "subnet/add/", "ipaddress/", f"ipaddress/{ip.pk}/change/",
    ):  # fmt: skip
        assert page.goto(f"/admin/openwisp_ipam/{path}").status == 200, path
    page.goto("/admin/config/device/?subnet=10.0.0.16/28")
    assert page.locator("#result_list tbody tr").count() == 1
