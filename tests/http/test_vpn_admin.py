"""Who may see and change VPN servers and certificates in the administration."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import pytest
import reversion
from django.db import connection
from django.test import Client
from django.urls import reverse
from reversion.models import Version

from openwisp_controller.config.models import Vpn
from openwisp_controller.config.vpn import zerotier
from openwisp_controller.pki.models import Ca, Cert
from openwisp_controller.pki.tasks import reconcile

from .. import factories as make
from ..database.vpn.helpers import errors_of
from ..database.vpn.service import Service
from .test_admin import url

pytestmark = pytest.mark.django_db
OPENVPN = "openwisp_controller.vpn_backends.OpenVpn"
TOKEN = "very-secret-token"


@pytest.fixture
def vpn(organization: Any, committing: Any) -> Vpn:
    with committing():
        vpn = make.vpn(organization, auth_token=TOKEN)
    return Vpn.objects.get(pk=vpn.pk)


@pytest.fixture
def foreign(other: Any, committing: Any) -> Vpn:
    with committing():
        return make.vpn(other, name="foreign", auth_token=TOKEN)


def form(vpn: Vpn, **values: Any) -> dict[str, Any]:
    """What the page of a server posts."""
    return {
        "organization": vpn.organization_id or "", "name": vpn.name, "host": vpn.host, "key": vpn.key,
        "backend": vpn.backend, "ca": vpn.ca_id or "", "cert": vpn.cert_id or "", "subnet": vpn.subnet_id or "",
        "ip": vpn.ip_id or "", "webhook_endpoint": "", "auth_token": vpn.auth_token or "", "notes": "",
        "config": json.dumps(vpn.config), **values,
    }  # fmt: skip


class TestTenancy:
    def test_lists(self, administrator: Client, vpn: Vpn, foreign: Vpn) -> None:
        page = administrator.get(url("vpn_changelist")).content.decode()
        assert vpn.name in page
        assert "foreign" not in page

    @pytest.mark.parametrize("name", ["download", "context"])
    def test_tools(self, administrator: Client, vpn: Vpn, foreign: Vpn, name: str) -> None:
        assert administrator.get(reverse(f"admin:config_vpn_{name}", args=[vpn.pk])).status_code == 200
        assert administrator.get(reverse(f"admin:config_vpn_{name}", args=[foreign.pk])).status_code == 404

    def test_preview(self, administrator: Client, vpn: Vpn, foreign: Vpn) -> None:
        address = reverse("admin:config_vpn_preview")
        own = administrator.post(address, {**form(vpn), "id": vpn.pk})
        assert "PrivateKey" in own.json()["text"]
        assert administrator.post(address, {**form(foreign), "id": foreign.pk}).status_code == 404
        # another organization's things do not slip in by a form of one's own
        stolen = administrator.post(address, form(vpn, subnet=foreign.subnet_id, ip="", name="new", id=""))
        assert set(stolen.json()["errors"]) == {"subnet"}

    def test_pages(self, administrator: Client, vpn: Vpn, foreign: Vpn) -> None:
        assert administrator.get(url("vpn_change", foreign)).status_code == 404
        ca = make.ca(foreign.organization)
        assert administrator.get(reverse("admin:pki_ca_change", args=[ca.pk])).status_code == 404
        cert = make.cert(ca)
        assert administrator.get(reverse("admin:pki_cert_change", args=[cert.pk])).status_code == 404

    def test_saving_with_anothers_things(self, administrator: Client, vpn: Vpn, other: Any) -> None:
        ca = make.ca(other)
        values = {
            "backend": "openwisp_controller.vpn_backends.OpenVpn",
            "config": json.dumps(make.OPENVPN),
            "ca": ca.pk,
        }
        answer = administrator.post(url("vpn_add"), form(vpn, name="new", ip="", **values))
        assert "Select a valid choice" in answer.content.decode()
        assert not Vpn.objects.filter(name="new").exists()

    def test_nobody_but_superusers_shares(self, administrator: Client, root: Client, vpn: Vpn) -> None:
        values = form(vpn, organization="", name="new", ip="")
        assert administrator.post(url("vpn_add"), values).status_code == 200
        assert not Vpn.objects.filter(name="new").exists()
        shared = make.subnet(None, "10.9.0.0/16")
        answer = root.post(url("vpn_add"), {**values, "subnet": shared.pk})
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert Vpn.objects.get(name="new").organization is None


class TestSecrets:
    def test_operators_see_the_servers_of_their_organizations(
        self, operator: Client, stranger: Client, vpn: Vpn
    ) -> None:
        assert url("vpn_changelist") in operator.get("/admin/").content.decode()
        assert vpn.name in operator.get(url("vpn_changelist")).content.decode()
        assert vpn.name not in stranger.get(url("vpn_changelist")).content.decode()

    def test_those_who_may_only_look(self, operator: Client, vpn: Vpn) -> None:
        page = operator.get(url("vpn_change", vpn))
        assert page.status_code == 200
        for secret in (vpn.key, TOKEN, vpn.private_key):
            assert secret not in page.content.decode()
        for name in ("download", "context"):
            assert operator.get(reverse(f"admin:config_vpn_{name}", args=[vpn.pk])).status_code == 403

    def test_private_keys_of_certificates(self, operator: Client, administrator: Client, organization: Any) -> None:
        ca = make.ca(organization)
        for issued, name in ((ca, "ca"), (make.cert(ca), "cert")):
            address = reverse(f"admin:pki_{name}_change", args=[issued.pk])
            assert "BEGIN PRIVATE KEY" not in operator.get(address).content.decode()
            assert "BEGIN PRIVATE KEY" in administrator.get(address).content.decode()

    def test_lists_carry_none(self, root: Client, vpn: Vpn) -> None:
        page = root.get(url("vpn_changelist")).content.decode()
        assert not any(secret in page for secret in (vpn.key, TOKEN, vpn.private_key))


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('my "vpn"; x', 'attachment; filename="my \\"vpn\\"; x.tar.gz"'),
        ("città", "attachment; filename*=utf-8''citt%C3%A0.tar.gz"),
    ],
)
def test_name_of_the_file(root: Client, vpn: Vpn, name: str, header: str) -> None:
    Vpn.objects.update(name=name)
    assert root.get(reverse("admin:config_vpn_download", args=[vpn.pk]))["Content-Disposition"] == header


@pytest.mark.parametrize("field", ["organization", "subnet", "ip"])
def test_what_no_form_sends(root: Client, vpn: Vpn, field: str) -> None:
    answer = root.post(url("vpn_change", vpn), form(vpn, **{field: "x"}))
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert "Nothing was saved" in answer.content.decode()


def test_json_that_is_nested_too_deeply(root: Client, vpn: Vpn) -> None:
    answer = root.post(url("vpn_change", vpn), form(vpn, config="[" * 5000))
    assert "The JSON is nested too deeply." in answer.content.decode()


def test_a_zerotier_controller_that_fails_is_told_in_the_form(root: Client, organization: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with Service() as service:
        answers = {"/status": (200, {"address": "1234567890"})}
        service.answer = lambda method, path: answers.get(path, (500, {}))
        vpn = make.unsaved_zerotier(organization, service.address)
        preview = root.post(reverse("admin:config_vpn_preview"), {**form(vpn), "id": ""})
        assert "zerotier" not in preview.json().get("errors", {}), preview.json()
        assert service.calls == [], "a preview asks nobody"
        page = root.post(url("vpn_add"), form(vpn))
        assert "Failed to create ZeroTier network" in page.content.decode()
        assert not Vpn.objects.exists()
        answers["/controller/network/1234567890______"] = (200, {"id": "1234567890abcdef"})
        assert root.post(url("vpn_add"), form(vpn)).status_code == 302
    assert Vpn.objects.get().network_id == "1234567890abcdef"


@pytest.fixture
def zerotier_server(organization: Any, settings: Any) -> Iterator[tuple[Vpn, Service]]:
    """A server that is not stored yet, and its controller."""
    settings.OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with Service() as service:
        answers = {
            "/status": {"address": "1234567890"},
            "/controller/network/1234567890______": {"id": "1234567890abcdef"},
        }
        service.answer = lambda method, path: (200, answers.get(path, {}))
        yield make.unsaved_zerotier(organization, service.address), service


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("popup", [False, True])
def test_a_zerotier_controller_is_asked_outside_of_the_transaction(
    root: Client, zerotier_server: tuple[Vpn, Service], monkeypatch: Any, popup: bool
) -> None:
    vpn, service = zerotier_server
    send, inside = zerotier._send, []

    def watched(*args: Any, **kwargs: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return send(*args, **kwargs)

    monkeypatch.setattr(zerotier, "_send", watched)
    answer = root.post(url("vpn_add"), {**form(vpn), **({"_popup": "1"} if popup else {})})
    assert answer.status_code == (200 if popup else 302)
    stored = Vpn.objects.get()
    assert stored.network_id == "1234567890abcdef"
    assert len(inside) >= 4
    assert not any(inside)
    assert not [call for call in service.calls if call.startswith("DELETE")]
    answer = root.post(url("vpn_change", stored), form(stored, name="renamed"))
    assert answer.status_code == 302
    assert not any(inside)


@pytest.mark.django_db(transaction=True)
def test_the_network_of_a_server_that_is_not_stored_is_deleted(
    root: Client, zerotier_server: tuple[Vpn, Service], monkeypatch: Any
) -> None:
    vpn, service = zerotier_server
    root.raise_request_exception = False
    monkeypatch.setattr(Vpn, "save", lambda self, *args, **kwargs: (_ for _ in ()).throw(RuntimeError("disk on fire")))
    assert root.post(url("vpn_add"), form(vpn)).status_code == 500
    assert not Vpn.objects.exists()
    assert "DELETE /controller/network/1234567890abcdef" in service.calls


def test_configurations_are_shown_over_several_lines(root: Client, vpn: Vpn) -> None:
    page = root.get(url("vpn_change", vpn))
    assert json.dumps(make.WIREGUARD, indent=4) in html.unescape(page.content.decode())
    answer = root.post(url("vpn_change", vpn), form(vpn, name="", config='{"own": [1]}'))
    assert '{\n    "own": [\n        1\n    ]\n}' in html.unescape(answer.content.decode())


class TestVersions:
    """Earlier versions of certificates and subnets."""

    def version(self, *saved: Any) -> Version:
        """Keep a version of the objects; return the one of the first."""
        with reversion.create_revision():
            for each in saved:
                each.save()
        version: Version = Version.objects.get_for_object(saved[0]).first()
        return version

    def page(self, version: Version, name: str = "revision") -> str:
        kind = f"{version._model._meta.app_label}_{version._model._meta.model_name}"
        arguments = [version.object_id, version.pk] if name == "revision" else [version.pk]
        return reverse(f"admin:{kind}_{name}", args=arguments)

    def restore(self, client: Client, version: Version, **values: Any) -> None:
        data = {"operation_type": "-", "notes": "", "organization": version.object.organization_id, **values}
        answer = client.post(self.page(version), {"name": version.field_dict["name"], **data})
        assert answer.status_code == 302, answer.context["adminform"].form.errors

    def test_neither_keys_nor_revoked_certificates_come_back(self, administrator: Client, organization: Any) -> None:
        ca = make.ca(organization, name="before")
        cert = make.cert(ca, name="before")
        versions = [self.version(ca), self.version(cert)]
        ca.renew()
        cert.refresh_from_db()
        cert.revoke()
        for issued, version in zip((ca, cert), versions, strict=True):
            issued.refresh_from_db()
            issued.name = "after"
            issued.save()
            self.restore(administrator, version)
            restored = type(issued).objects.get(pk=issued.pk)
            assert restored.name == "before"
            assert (restored.serial_number, restored.private_key) == (issued.serial_number, issued.private_key)
        assert Cert.objects.get().revoked

    def test_others_do_not_come_along(self, administrator: Client, organization: Any, other: Any) -> None:
        for own, foreign in (
            (make.ca(organization), make.ca(other)),
            (make.subnet(organization, "10.1.0.0/16"), make.subnet(other, "10.2.0.0/16")),
        ):
            version = self.version(own, foreign)
            assert administrator.get(self.page(version)).status_code == 403
            assert administrator.post(self.page(version), {"name": "x"}).status_code == 403
            assert administrator.get(self.page(self.version(own))).status_code == 200

    def test_deleted_ones_are_for_superusers(self, administrator: Client, root: Client, organization: Any) -> None:
        for deleted in (make.ca(organization), make.subnet(organization)):
            version = self.version(deleted)
            deleted.delete()
            kind = f"{version._model._meta.app_label}_{version._model._meta.model_name}"
            for address in (reverse(f"admin:{kind}_recoverlist"), self.page(version, "recover")):
                assert administrator.get(address).status_code == 403
                assert root.get(address).status_code == 200


class TestCertificates:
    def form(self, organization: Any, **values: Any) -> dict[str, Any]:
        """What the page for a new CA posts."""
        return {
            "operation_type": "new", "name": "by hand", "organization": organization.pk, "notes": "",
            "key_length": "256", "digest": "sha256", "validity_start_0": "2026-01-01", "validity_start_1": "00:00:00",
            "validity_end_0": "2046-01-01", "validity_end_1": "00:00:00", "country_code": "IT", "state": "", "city": "",
            "organization_name": "", "organizational_unit_name": "", "email": "", "common_name": "by hand",
            "extensions": "[]", "serial_number": "", "certificate": "", "private_key": "", "passphrase": "", **values,
        }  # fmt: skip

    def test_creating(self, administrator: Client, organization: Any) -> None:
        answer = administrator.post(reverse("admin:pki_ca_add"), self.form(organization, extensions=""))
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert Ca.objects.get().x509.subject.rfc4514_string() == "CN=by hand,C=IT"

    def test_importing_nothing(self, administrator: Client, organization: Any) -> None:
        answer = administrator.post(reverse("admin:pki_ca_add"), self.form(organization, operation_type="import"))
        expected = ["Paste what is to be imported, in PEM format."]
        assert answer.context["adminform"].form.errors == {"certificate": expected, "private_key": expected}
        assert not Ca.objects.exists()

    def test_a_server_with_an_expired_ca(self, root: Client, organization: Any) -> None:
        ca = make.ca(organization)
        Ca.objects.update(validity_end=ca.validity_start)
        values = {"backend": OPENVPN, "config": json.dumps(make.OPENVPN), "ca": ca.pk}
        server = Vpn(organization=organization, name="new", host="h", backend=OPENVPN)
        answer = root.post(url("vpn_add"), form(server, **values))
        assert "The certificate of this CA has expired, renew the CA first." in answer.content.decode()
        assert not Vpn.objects.exists()

    def test_long_keys_are_made_in_the_background(
        self, root: Client, client: Client, organization: Any, committing: Any
    ) -> None:
        ca = make.ca(organization, name="a")
        values = self.form(organization, name="long", common_name="long", key_length="4096")
        answer = root.post(reverse("admin:pki_ca_add"), values, follow=True)
        assert "The key is being made in the background." in answer.content.decode()
        long = Ca.objects.get(name="long")
        assert long.certificate == ""
        assert client.get(reverse("admin:crl", args=[long.pk])).status_code == 503
        for errors in (
            errors_of(
                Vpn(name="v", organization=organization, backend=OPENVPN, config=make.OPENVPN, host="h", ca=long)
            ),
            errors_of(Cert(name="c", organization=organization, ca=long)),
        ):
            assert errors == {"ca": ["The key of this CA is still being made, please try again in a moment."]}
        assert reconcile.delay().get() is None
        long.refresh_from_db()
        assert long.x509.public_key().key_size == 4096
        assert client.get(reverse("admin:crl", args=[long.pk])).status_code == 200
        before = long.serial_number
        data = {"action": "renew_ca", "_selected_action": [long.pk, ca.pk], "post": "1"}
        page = root.post(reverse("admin:pki_ca_changelist"), data, follow=True).content.decode()
        assert "1 CA and its related certificates have been successfully renewed" in page
        assert "1 is being renewed in the background." in page
        long.refresh_from_db()
        assert long.serial_number == before
        reconcile.delay()
        long.refresh_from_db()
        assert (long.serial_number != before, long.renewal_due) == (True, False)

    def test_crl_is_public(self, client: Client, organization: Any) -> None:
        ca = make.ca(organization)
        answer = client.get(reverse("admin:crl", args=[ca.pk]))
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-pem-file")
        assert answer.content.startswith(b"-----BEGIN X509 CRL-----")
        assert client.get(reverse("admin:crl", args=[ca.pk + 1])).status_code == 404

    def test_renewing_a_revoked_one_with_others(self, administrator: Client, organization: Any) -> None:
        ca = make.ca(organization)
        revoked, good = make.cert(ca), make.cert(ca)
        revoked.revoke()
        before = {cert.pk: cert.serial_number for cert in (revoked, good)}
        data = {"action": "renew_cert", "_selected_action": [revoked.pk, good.pk], "post": "1"}
        page = administrator.post(reverse("admin:pki_cert_changelist"), data, follow=True).content.decode()
        assert "A revoked certificate cannot be renewed" in page
        after = {cert.pk: cert.serial_number for cert in Cert.objects.all()}
        assert (after[revoked.pk] == before[revoked.pk], after[good.pk] != before[good.pk]) == (True, True)

    def test_deleting_what_is_in_use(self, root: Client, organization: Any) -> None:
        vpn = make.vpn(organization, "OpenVpn")
        for address in (
            reverse("admin:pki_ca_delete", args=[vpn.ca_id]),
            reverse("admin:pki_cert_delete", args=[vpn.cert_id]),
        ):
            assert "is used by" in root.post(address, {"post": "yes"}, follow=True).content.decode()
        assert Vpn.objects.get().cert is not None
