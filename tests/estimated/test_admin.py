"""What the administration tells about estimated locations."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.models import Location

from .. import factories as make
from ..geolite import ADDRESS, Geolite
from .conftest import switch

pytestmark = pytest.mark.django_db
WARNING = "This location is estimated based on the device&#x27;s last IP address."


@pytest.fixture
def device(estimating: Geolite, organization: Organization, committing: Any) -> Device:
    make.location(organization, "Roof")
    with committing():
        return make.device(organization, last_ip=ADDRESS)


def shown(client: Client, page: str, *arguments: Any, **query: str) -> str:
    answer = client.get(reverse(f"admin:{page}", args=arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_location(administrator: Client, device: Device, organization: Organization) -> None:
    estimate, roof = Location.objects.get(is_estimated=True), Location.objects.get(is_estimated=False)
    page = shown(administrator, "geo_location_change", estimate.pk)
    assert (WARNING in page, "field-is_estimated" in page) == (True, True)
    page = shown(administrator, "geo_location_change", roof.pk)
    assert (WARNING in page, "field-is_estimated" in page) == (False, True)
    switch(organization, False)
    page = shown(administrator, "geo_location_change", estimate.pk)
    assert (WARNING in page, "field-is_estimated" in page) == (False, False)
    assert "field-is_estimated" not in shown(administrator, "geo_location_add")


def test_list(administrator: Client, device: Device, settings: Any) -> None:
    page = shown(administrator, "geo_location_changelist", is_estimated__exact="1")
    assert (f"Rome, Italy: {ADDRESS}" in page, ">Roof<" in page, "field-is_estimated" in page) == (True, False, True)
    settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
    assert "is_estimated" not in shown(administrator, "geo_location_changelist")


def test_device(administrator: Client, device: Device, organization: Organization) -> None:
    assert WARNING in shown(administrator, "config_device_change", device.pk)
    assert WARNING not in shown(administrator, "config_device_change", make.device(organization).pk)
    switch(organization, False)
    assert WARNING not in shown(administrator, "config_device_change", device.pk)
