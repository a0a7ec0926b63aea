"""VPN servers and certificates in a real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Template, Vpn
from openwisp_controller.config.vpn.kinds import Kind
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make
from .editing import write
from .test_admin import preview

BACKENDS = "openwisp_controller.vpn_backends"


@pytest.fixture
def vpn(page: Any) -> Vpn:
    organization = make.organization("acme")
    make.vpn(organization, "OpenVpn", "legacy")
    vpn = make.vpn(organization, name="tunnel", auth_token="very-secret", webhook_endpoint="http://127.0.0.1:9/")
    make.config(organization, templates=[make.vpn_template(vpn)])
    return Vpn.objects.get(pk=vpn.pk)


def shown(page: Any, *fields: str) -> dict[str, bool]:
    return {field: page.locator(f".field-{field}").is_visible() for field in fields}


def save(page: Any) -> None:
    with page.expect_navigation():
        page.click("input[name=_continue] >> nth=0")


def test_every_page_opens(page: Any, vpn: Vpn) -> None:
    ca, cert = Ca.objects.get(), Cert.objects.get()
    for path in (
        "config/vpn/", "config/vpn/add/", f"config/vpn/{vpn.pk}/change/", f"config/vpn/{vpn.pk}/history/",
        f"config/vpn/{vpn.pk}/delete/", "pki/ca/", "pki/ca/add/", f"pki/ca/{ca.pk}/change/", f"pki/ca/{ca.pk}/delete/",
        "pki/cert/", "pki/cert/add/", f"pki/cert/{cert.pk}/change/", "openwisp_ipam/subnet/",
        f"openwisp_ipam/subnet/{vpn.subnet_id}/change/", "openwisp_ipam/ipaddress/",
    ):  # fmt: skip
        assert page.goto(f"/admin/{path}").status == 200, path
        assert "Network Controller" in page.inner_text("#site-name")


def test_the_form_changes_with_the_backend(page: Any, vpn: Vpn) -> None:
    page.goto("/admin/config/vpn/add/")
    fields = ("ca", "cert", "webhook_endpoint", "auth_token")
    for name, expected in (
        ("OpenVpn", (True, True, False, False)),
        ("Wireguard", (False, False, True, True)),
        ("ZeroTier", (False, False, False, True)),
    ):
        page.select_option("#id_backend", f"{BACKENDS}.{name}")
        assert shown(page, *fields) == dict(zip(fields, expected, strict=True))
        assert Kind.of(name).section in json.loads(page.input_value("#id_config"))
    write(page, "#id_config", '{"own": 1}')
    page.select_option("#id_backend", f"{BACKENDS}.OpenVpn")
    assert page.input_value("#id_config") == '{"own": 1}'


def test_secrets_are_hidden_until_asked_for(page: Any, vpn: Vpn) -> None:
    page.goto(f"/admin/config/vpn/{vpn.pk}/change/")
    token = page.locator("#id_auth_token")
    assert token.get_attribute("type") == "password"
    assert not page.get_by_text(vpn.private_key).is_visible()
    page.click("#id_auth_token + .controller-reveal")
    assert (token.get_attribute("type"), token.input_value()) == ("text", "very-secret")
    page.click(".controller-secrets summary")
    assert page.get_by_text(vpn.private_key).is_visible()
    page.goto(f"/admin/pki/ca/{Ca.objects.get().pk}/change/")
    assert not page.get_by_text("BEGIN PRIVATE KEY").is_visible()
    page.click(".controller-secrets summary")
    assert page.get_by_text("BEGIN PRIVATE KEY").is_visible()


def test_keys_of_a_device_are_hidden_until_asked_for(page: Any, vpn: Vpn) -> None:
    client = vpn.vpnclient_set.get()
    page.goto(f"/admin/config/device/{client.config.device_id}/change/#config-group")
    assert page.get_by_text(client.public_key).is_visible()
    assert not page.get_by_text(client.private_key).is_visible()
    page.locator(".controller-variables tr", has=page.get_by_text(client.private_key)).locator("summary").click()
    assert page.get_by_text(client.private_key).is_visible()


def test_preview_save_and_download(page: Any, vpn: Vpn) -> None:
    page.goto(f"/admin/config/vpn/{vpn.pk}/change/")
    config = {"wireguard": [{"name": "wg9", "port": 5555}]}
    write(page, "#id_config", json.dumps(config))
    text = preview(page)
    assert "ListenPort = 5555" in text
    assert "[Peer]" in text
    assert Vpn.objects.get(pk=vpn.pk).config == make.WIREGUARD
    save(page)
    assert "1 device changes" in " ".join(page.inner_text(".controller-figures").split())
    with page.expect_navigation():
        page.click("[name=_confirmed]")
    assert Vpn.objects.get(pk=vpn.pk).config == config
    with page.expect_download() as download:
        page.get_by_role("link", name="Download configuration").click()
    assert download.value.suggested_filename == "tunnel.tar.gz"


def test_what_is_wrong_stands_at_the_field(page: Any, vpn: Vpn) -> None:
    page.goto(f"/admin/config/vpn/{vpn.pk}/change/")
    page.fill("#id_key", "with space")
    save(page)
    assert "must not contain spaces" in page.inner_text(".field-key .errorlist")


def test_vpn_template(page: Any) -> None:
    vpn = make.vpn(None, name="shared", subnet=make.subnet(None, "10.5.0.0/16"))
    page.goto("/admin/config/template/add/")
    assert shown(page, "vpn", "auto_cert") == {"vpn": False, "auto_cert": False}
    page.select_option("#id_type", "vpn")
    assert shown(page, "vpn", "auto_cert") == {"vpn": True, "auto_cert": True}
    page.fill("#id_name", "by hand")
    page.select_option("#id_vpn", str(vpn.pk))
    page.select_option("#id_backend", make.BACKEND)
    save(page)
    template = Template.objects.get(name="by hand")
    assert (template.vpn, template.auto_cert, "wireguard_peers" in template.config) == (vpn, True, True)


def test_what_is_in_use_cannot_be_deleted(page: Any, vpn: Vpn) -> None:
    page.goto(f"/admin/config/vpn/{vpn.pk}/delete/")
    assert "unassign its templates from them first" in page.inner_text("#content")
    page.goto(f"/admin/pki/ca/{Ca.objects.get().pk}/delete/")
    assert "is used by [OpenVPN] legacy" in page.inner_text("#content")


def test_what_is_imported_has_an_organization(page: Any) -> None:
    page.goto("/admin/pki/ca/add/")
    page.locator(".field-organization").wait_for(state="hidden")
    for operation, visible in (("-", False), ("import", True), ("new", True), ("import", True)):
        page.select_option("#id_operation_type", operation)
        assert shown(page, "organization", "operation_type") == {"organization": visible, "operation_type": True}
    with page.expect_navigation():
        page.click("input[name=_continue] >> nth=0")
    assert "This field is required" in page.inner_text(".field-name .errorlist")
    assert shown(page, "organization", "certificate") == {"organization": True, "certificate": True}


def test_revocation_list(page: Any, vpn: Vpn) -> None:
    page.goto(f"/admin/pki/ca/{Ca.objects.get().pk}/change/")
    address = page.get_by_role("link", name="Download CRL").get_attribute("href")
    assert page.request.get(address).text().startswith("-----BEGIN X509 CRL-----")


def test_renew_and_revoke(page: Any, vpn: Vpn) -> None:
    before = Cert.objects.get().serial_number
    for action, text in (
        ("renew_cert", "1 Certificate has been successfully renewed"),
        ("revoke_action", "1 certificate was revoked"),
    ):
        page.goto("/admin/pki/cert/")
        page.check("input.action-select")
        page.select_option("select[name=action] >> nth=0", action)
        with page.expect_navigation():
            page.click("button[name=index] >> nth=0")
        if action == "renew_cert":
            with page.expect_navigation():
                page.click("form input[type=submit]")
        assert text in page.inner_text(".messagelist")
    cert = Cert.objects.get()
    assert (cert.serial_number != before, cert.revoked) == (True, True)
