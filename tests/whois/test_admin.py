"""The administration: the page of a device, the switch of an organization; and the command."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device, OrganizationConfigSettings

from .. import factories as make
from ..geolite import ADDRESS, OTHER, Geolite
from ..http.conftest import ShortPath
from ..http.protocol import poll
from .helpers import enable, known

pytestmark = pytest.mark.django_db


def page(client: Client, device: Device) -> str:
    answer = client.get(reverse("admin:config_device_change", args=[device.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


class TestDevice:
    def test_known(self, administrator: Client, whois: Geolite, organization: Organization) -> None:
        address = {"city": "Rome", "country": "Italy", "continent": "Europe", "postal": "00100"}
        known(ADDRESS, asn="64500", timezone="Europe/Rome", cidr="8.8.8.0/24", address=address)
        shown = page(administrator, make.device(organization, last_ip=ADDRESS))
        assert "<td>Stored ISP</td><td>Italy</td>" in shown
        for name, value in (
            ("ASN", "64500"), ("Timezone", "Europe/Rome"), ("Address", "Rome, Italy, Europe, 00100"),
            ("CIDR", "8.8.8.0/24"),
        ):  # fmt: skip
            assert f"<dt>{name}</dt><dd>{value}</dd>" in shown

    def test_deactivated(self, administrator: Client, whois: Geolite, organization: Organization) -> None:
        known(ADDRESS)
        device = make.device(organization, last_ip=ADDRESS)
        device.deactivate()
        assert "Stored ISP" in page(administrator, device)

    def test_text_of_the_service_is_text(
        self, administrator: Client, whois: Geolite, organization: Organization
    ) -> None:
        known(ADDRESS)
        record = known(OTHER, address={"country": "<script>alert(1)</script>"})
        type(record).objects.filter(pk=OTHER).update(isp="<img src=x>")
        shown = page(administrator, make.device(organization, last_ip=OTHER))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert "<script>alert(1)" not in shown
        assert "<img src=x>" not in shown

    def test_unknown(self, administrator: Client, whois: Geolite, organization: Organization) -> None:
        assert "Nothing is known about this address." in page(administrator, make.device(organization, last_ip=OTHER))

    def test_off(self, administrator: Client, whois: Geolite, organization: Organization, settings: Any) -> None:
        known(ADDRESS)
        device = make.device(organization, last_ip=ADDRESS)
        enable(organization, False)
        assert "controller-whois" not in page(administrator, device)
        enable(organization, True)
        assert "controller-whois" in page(administrator, device)
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        assert "controller-whois" not in page(administrator, device)

    def test_new_device(self, administrator: Client, whois: Geolite) -> None:
        assert "controller-whois" not in administrator.get(reverse("admin:config_device_add")).content.decode()


class TestOrganization:
    def form(self, organization: Organization, **values: Any) -> dict[str, Any]:
        settings = organization.config_settings  # type: ignore[attr-defined]
        form = {
            "name": organization.name, "slug": organization.slug, "is_active": "on", "email": "", "url": "",
            "description": "", "config_settings-TOTAL_FORMS": 1, "config_settings-INITIAL_FORMS": 1,
            "config_settings-0-id": settings.pk, "config_settings-0-organization": organization.pk,
            "config_settings-0-registration_enabled": "on", "config_settings-0-shared_secret": make.SECRET,
            "config_settings-0-context": "{}", "config_limits-TOTAL_FORMS": 0, "config_limits-INITIAL_FORMS": 0,
        }  # fmt: skip
        for prefix in ("organization_users", "owner", "notification_settings"):
            form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
        return {**form, **values}

    def save(self, client: Client, organization: Organization, **values: Any) -> None:
        url = reverse("admin:openwisp_users_organization_change", args=[organization.pk])
        answer = client.post(url, self.form(organization, **values))
        assert answer.status_code == 302, answer.content.decode()

    def value(self, organization: Organization) -> bool:
        return OrganizationConfigSettings.objects.get(organization=organization).whois_enabled

    def shown(self, client: Client, organization: Organization) -> str:
        url = reverse("admin:openwisp_users_organization_change", args=[organization.pk])
        return client.get(url).content.decode()

    def test_switch(self, root: Client, geolite: Geolite, organization: Organization, settings: Any) -> None:
        name = "config_settings-0-whois_enabled"
        for chosen, value in (("true", True), ("unknown", False), ("true", True), ("false", False)):
            self.save(root, organization, **{name: chosen})
            assert self.value(organization) is value
        assert '<option value="unknown" selected>Default (disabled)</option>' in self.shown(root, organization)
        settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = True
        assert self.value(organization) is True
        assert '<option value="unknown" selected>Default (enabled)</option>' in self.shown(root, organization)
        self.save(root, organization, **{name: "false"})
        assert self.value(organization) is False
        assert '<option value="false" selected>' in self.shown(root, organization)

    def test_not_configured(self, root: Client, whois: Geolite, organization: Organization, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = ""
        assert "whois" not in self.shown(root, organization).lower()
        self.save(root, organization)
        assert self.value(organization) is True

    def test_on_without_an_account(self, organization: Organization) -> None:
        with pytest.raises(ValidationError) as refused:
            enable(organization)
        text = "WHOIS_GEOIP_ACCOUNT and WHOIS_GEOIP_KEY must be set before enabling WHOIS feature."
        assert refused.value.message_dict == {"whois_enabled": [text]}


class TestCommand:
    def run(self, *arguments: str) -> str:
        output = io.StringIO()
        call_command("clear_last_ip", *arguments, stdout=output)
        return output.getvalue().strip()

    @pytest.mark.parametrize("option", ["--noinput", "--no-input"])
    def test_clears(
        self, whois: Geolite, organization: Organization, other: Organization, committing: Any, option: str,
        short_path: ShortPath,
    ) -> None:  # fmt: skip
        known(OTHER)
        unknown = make.config(make.device(organization, last_ip=ADDRESS)).device
        elsewhere = make.device(other, last_ip="10.0.0.1")
        kept = [make.device(organization, last_ip=OTHER), make.device(organization, last_ip=ADDRESS)]
        kept[1].deactivate()
        assert self.run(option) == "Cleared the last IP addresses for 2 active device(s)."
        cleared = Device.objects.filter(last_ip=None)
        assert {device.pk for device in cleared} == {unknown.pk, elsewhere.pk}
        assert self.run(option) == "No active devices with last IP to clear."
        with committing():
            assert poll(short_path, unknown, peer=ADDRESS).status_code == 200
        assert whois.asked == [ADDRESS]

    def test_not_configured(self) -> None:
        with pytest.raises(CommandError, match=r"^WHOIS lookup is not configured"):
            self.run("--noinput")

    @pytest.mark.parametrize(("typed", "runs"), [("yes", True), ("no", False), ("", False)])
    def test_asks(
        self, whois: Geolite, organization: Organization, monkeypatch: pytest.MonkeyPatch, typed: str, runs: bool
    ) -> None:
        device = make.device(organization, last_ip=ADDRESS)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        if runs:
            assert "Cleared" in self.run()
        else:
            with pytest.raises(CommandError, match="Operation cancelled by user"):
                self.run()
        assert Device.objects.get(pk=device.pk).last_ip == (None if runs else ADDRESS)
