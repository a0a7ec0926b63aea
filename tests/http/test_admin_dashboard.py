"""The first page of the administration: charts of the devices that a person manages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization
from openwisp_utils.admin_theme.dashboard import register_dashboard_chart, unregister_dashboard_chart

from openwisp_controller.config import dashboard
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from .test_admin import config, url

__all__ = ["config"]
pytestmark = pytest.mark.django_db


def charts(client: Client) -> dict[str, Any]:
    page = client.get("/admin/")
    assert page.status_code == 200
    return {str(chart["name"]): chart for chart in page.context["dashboard_charts"].values()}


def test_devices_are_counted(operator: Client, config: Config, other: Organization) -> None:
    make.device(config.device.organization, "unconfigured")
    Device.objects.filter(name="router").update(model="Fritz!Box 4040")
    make.config(make.device(other, "foreign", model="Foreign model"))
    found = charts(operator)
    assert found["Configuration Status"]["query_params"] == {"labels": ["modified"], "values": [1]}
    assert found["Configuration Status"]["colors"] == ["#ffb442"]
    models = found["Device Models"]["query_params"]
    assert dict(zip(models["labels"], models["values"], strict=True)) == {"Fritz!Box 4040": 1, "undefined": 1}
    assert {"Firmware version", "System type"} <= found.keys()


@pytest.mark.parametrize("name", ["Configuration Status", "Device Models", "Firmware version", "System type"])
def test_slices_lead_to_their_devices(root: Client, config: Config, name: str) -> None:
    make.device(config.device.organization, "unlike", model="x", os="y", system="z")
    Device.objects.filter(name="router").update(model="a & b", os="Größe/1", system="'q\"")
    chart = charts(root)[name]
    assert len(chart["filters"]) == (1 if name == "Configuration Status" else 2)
    for value, count in zip(chart["filters"], chart["query_params"]["values"], strict=True):
        page = root.get(f"{chart['target_link']}{value}")
        assert page.status_code == 200
        assert page.context["cl"].result_count == count == 1


def test_only_what_people_need_is_listed(root: Client) -> None:
    names = {app["app_label"] for app in root.get("/admin/").context["app_list"]}
    assert names == {"config", "connection", "geo", "openwisp_ipam", "openwisp_users", "pki", "sites"}


def test_what_devices_say_is_text(root: Client, config: Config) -> None:
    Device.objects.update(model="</script><script>alert(1)</script>", os="'};alert(2);//")
    page = root.get("/admin/").content.decode()
    (script,) = re.findall(r"const owDashboardCharts = (.*?)</script>", page, re.DOTALL)
    assert "alert(1)" in script
    assert "<script>alert" not in page
    assert "'};alert" not in page
    assert root.get(url("device_changelist")).status_code == 200


class TestGroups:
    @pytest.fixture
    def _groups(self, organization: Organization) -> None:
        make.device(organization, group=make.group(organization, "used"))
        make.group(organization, "spare")
        make.group(organization, "idle")

    @pytest.mark.usefixtures("_groups")
    @pytest.mark.parametrize(("empty", "names"), [("false", {"used"}), ("true", {"spare", "idle"})])
    def test_the_list_finds_those_with_devices(self, root: Client, empty: str, names: set[str]) -> None:
        page = root.get("/admin/config/devicegroup/", {"empty": empty})
        assert {group.name for group in page.context["cl"].result_list} == names

    @pytest.mark.usefixtures("_groups")
    def test_the_chart_is_shown_where_it_is_wanted(self, root: Client) -> None:
        assert "Groups" not in charts(root)
        register_dashboard_chart(20, dashboard.groups())
        try:
            chart = charts(root)["Groups"]
            assert sorted(chart["query_params"]["values"]) == [1, 2]
            for value, count in zip(chart["filters"], chart["query_params"]["values"], strict=True):
                assert root.get(f"{chart['target_link']}{value}").context["cl"].result_count == count
        finally:
            unregister_dashboard_chart("Groups")
