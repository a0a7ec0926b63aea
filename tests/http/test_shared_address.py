"""A warning where devices seem to share the address of a proxy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from openwisp_controller.config.devices import shared_address
from openwisp_controller.config.maintenance import reconcile
from openwisp_controller.config.models import Device

from .. import factories as make
from .protocol import poll

pytestmark = pytest.mark.django_db
TEXT = "come from one private address"


@pytest.fixture(autouse=True)
def without_loopback(settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_LOOPBACK_MANAGEMENT_IP = False


def polled(organization: Any, number: int, address: str) -> list[Device]:
    """Devices that polled from an address."""
    devices = [make.config(organization).device for _ in range(number)]
    for device in devices:
        assert poll(Client(), device, peer=address).status_code == 200
    return devices


def banner(client: Client) -> bool:
    page = client.get("/admin/")
    assert page.status_code == 200
    return TEXT in page.content.decode()


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.2", "fd00::1", "127.0.0.1"])
def test_behind_a_proxy(
    root: Client, operator: Client, organization: Any, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    polled(organization, 10, address)
    polled(organization, 2, "8.8.8.8")
    for _ in range(2):
        reconcile()
    assert [record.getMessage() for record in caplog.records if TEXT in record.getMessage()] == [
        f"10 of 12 active devices come from one private address, {address}, which is probably that of a proxy. Set"
        " TRUSTED_PROXIES to the number of proxies in front of the controller. If these devices do share a router that"
        " hides their addresses, all is well."
    ]
    assert banner(root)
    assert not banner(operator), "who cannot mend it is not told"


def test_it_ends_when_it_is_mended(root: Client, organization: Any, settings: Any) -> None:
    devices = polled(organization, 10, "10.0.0.1")
    reconcile()
    assert banner(root)
    settings.OPENWISP_CONTROLLER_TRUSTED_PROXIES = 1
    for number, device in enumerate(devices):
        headers = {"X-Forwarded-For": f"8.8.8.{number}"}
        assert poll(Client(), device, peer="10.0.0.1", headers=headers).status_code == 200
    assert not banner(root)


class TestNothingToTell:
    @pytest.fixture(autouse=True)
    def _is_told(self, root: Client) -> Any:
        yield
        reconcile()
        assert shared_address.find() is None
        assert not banner(root)

    def test_no_devices(self) -> None:
        pass

    def test_too_few(self, organization: Any) -> None:
        polled(organization, 9, "10.0.0.1")

    def test_a_public_address(self, organization: Any) -> None:
        polled(organization, 10, "8.8.8.8")

    def test_not_most(self, organization: Any) -> None:
        polled(organization, 10, "10.0.0.1")
        polled(organization, 3, "8.8.8.8")

    def test_deactivated(self, organization: Any) -> None:
        polled(organization, 10, "10.0.0.1")[0].deactivate()

    def test_virtual_devices_on_the_same_machine(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_LOOPBACK_MANAGEMENT_IP = True
        polled(organization, 10, "127.0.0.1")
