"""Certification authorities and certificates."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from django.core.exceptions import ValidationError
from django.utils import timezone
from django_x509.signals import x509_renewed

from openwisp_controller.pki import issuing
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make
from .vpn.helpers import errors_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ca(organization: Any) -> Ca:
    return make.ca(organization)


def crl(ca: Ca) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(Ca.objects.get(pk=ca.pk).crl)


def revoked(ca: Ca) -> set[int]:
    return {entry.serial_number for entry in crl(ca)}


@pytest.mark.parametrize("length", ["256", "384", "521", "1024", "2048"])
def test_keys(organization: Any, length: str) -> None:
    ca = make.ca(organization, key_length=length)
    cert = make.cert(ca, key_length=length)
    key = cert.x509.public_key()
    assert str(getattr(key, "key_size", None)) == length
    assert cert.private_key.startswith("-----BEGIN RSA" if int(length) > 521 else "-----BEGIN PRIVATE")
    assert cert.pkey.public_key() == key


def test_openssl_verifies(ca: Ca, tmp_path: Any) -> None:
    cert = make.cert(ca, extensions=[{"name": "nsCertType", "value": "client", "critical": False}])
    for name, text in (("ca", ca.certificate), ("cert", cert.certificate), ("crl", ca.crl.decode())):
        (tmp_path / name).write_text(text)

    def verify() -> str:
        (tmp_path / "crl").write_bytes(Ca.objects.get(pk=ca.pk).crl)
        command = ["openssl", "verify", "-crl_check", "-CAfile", "ca", "-CRLfile", "crl", "cert"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr

    assert "cert: OK" in verify()
    shown = subprocess.run(
        ["openssl", "x509", "-in", "cert", "-noout", "-text"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "SSL Client" in shown
    cert.revoke()
    assert "certificate revoked" in verify()
    text = subprocess.run(
        ["openssl", "crl", "-in", "crl", "-noout", "-CAfile", "ca"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "verify OK" in text.stderr + text.stdout


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("client", "SSL Client"),
        ("server", "SSL Server"),
        ("client, server", "SSL Client, SSL Server"),
        ("objca", "Object Signing CA"),
    ],
)
def test_certificate_type(ca: Ca, tmp_path: Any, value: str, shown: str) -> None:
    cert = make.cert(ca, extensions=[{"name": "nsCertType", "value": value}])
    (tmp_path / "cert").write_text(cert.certificate)
    command = ["openssl", "x509", "-in", "cert", "-noout", "-ext", "nsCertType"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert text.split("\n")[1].strip() == shown


@pytest.mark.parametrize("length", [1, 127, 128, 255])
def test_comment(ca: Ca, tmp_path: Any, length: int) -> None:
    text = "c" * length
    cert = make.cert(ca, extensions=[{"name": "nsComment", "value": text}])
    (tmp_path / "cert").write_text(cert.certificate)
    command = ["openssl", "x509", "-in", "cert", "-noout", "-ext", "nsComment"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert shown.split("\n")[1].strip() == text


def test_an_imported_ca_with_an_old_digest_is_renewed_with_a_safe_one(organization: Any, tmp_path: Any) -> None:
    command = "openssl req -x509 -sha1 -newkey rsa:2048 -nodes -keyout key -out cert -days 9 -subj /CN=old"
    subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True)
    ca = Ca(name="old", organization=organization)
    ca.certificate, ca.private_key = ((tmp_path / name).read_text() for name in ("cert", "key"))
    ca.full_clean()
    ca.save()
    assert ca.digest == "sha1"
    vpn = make.vpn(organization, "OpenVpn", ca=ca)
    assert (vpn.cert.digest, vpn.cert.x509.signature_hash_algorithm.name) == ("sha256", "sha256")
    ca.renew()
    assert (ca.digest, ca.x509.signature_hash_algorithm.name) == ("sha256", "sha256")


class TestRevocation:
    def test_revoked(self, ca: Ca) -> None:
        cert = make.cert(ca)
        make.cert(ca)
        assert revoked(ca) == set()
        cert.revoke()
        assert revoked(ca) == {int(cert.serial_number)}

    def test_the_first_time_counts(self, ca: Ca) -> None:
        cert = make.cert(ca)
        cert.revoke()
        first = cert.revoked_at
        cert.revoke()
        assert cert.revoked_at == first

    def test_replaced_ones_are_on_the_list(self, ca: Ca) -> None:
        cert = make.cert(ca)
        replaced = int(cert.serial_number)
        cert.renew()
        assert revoked(ca) == {replaced}

    def test_expired_ones_are_not(self, ca: Ca) -> None:
        cert = make.cert(ca)
        cert.revoke()
        Cert.objects.update(validity_end=timezone.now() - timedelta(days=1))
        assert revoked(ca) == set()

    def test_with_passphrase(self, organization: Any) -> None:
        ca = make.ca(organization, passphrase="secret")
        make.cert(ca).revoke()
        assert len(revoked(ca)) == 1


class TestRenewal:
    def test_a_certificate(self, ca: Ca) -> None:
        cert = make.cert(ca)
        before = (cert.serial_number, cert.certificate, cert.private_key, cert.validity_end)
        start = cert.validity_start
        cert.renew()
        after = (cert.serial_number, cert.certificate, cert.private_key, cert.validity_end)
        assert all(old != new for old, new in zip(before, after, strict=True))
        assert cert.validity_start == start
        assert Cert.objects.get().certificate == cert.certificate

    def test_a_revoked_one(self, ca: Ca) -> None:
        cert = make.cert(ca)
        cert.revoke()
        with pytest.raises(ValidationError, match="A revoked certificate cannot be renewed"):
            cert.renew()

    def test_a_ca(self, ca: Ca, committing: Any) -> None:
        good, bad = make.cert(ca), make.cert(ca)
        bad.revoke()
        before = {cert.pk: cert.certificate for cert in (good, bad)}
        with committing():
            ca.renew()
        good.refresh_from_db()
        bad.refresh_from_db()
        assert (good.certificate != before[good.pk], bad.certificate == before[bad.pk]) == (True, True)
        renewed = x509.load_pem_x509_certificate(good.certificate.encode())
        renewed.verify_directly_issued_by(Ca.objects.get().x509)

    def test_it_is_announced_after_the_commit(self, ca: Ca, committing: Any) -> None:
        cert, seen = make.cert(ca), []

        def receiver(instance: Any, **kwargs: Any) -> None:
            seen.append(instance)

        x509_renewed.connect(receiver)
        with committing():
            cert.renew()
            assert seen == []
        assert seen == [cert]

    def test_more_than_a_few_are_left_to_the_background(self, ca: Ca, committing: Any, monkeypatch: Any) -> None:
        certs = [make.cert(ca) for _ in range(4)]
        with monkeypatch.context() as interrupted, committing():
            interrupted.setattr("openwisp_controller.pki.tasks.renew_outdated.delay", lambda *args: None)
            ca.renew()
        assert set(Cert.outdated()) == set(certs)
        from openwisp_controller.pki.tasks import renew_outdated

        assert renew_outdated() == 4
        assert not Cert.outdated().exists()


class TestRules:
    def test_imported(self, ca: Ca) -> None:
        cert = make.cert(ca)
        data = (cert.certificate, cert.private_key)
        cert.delete()
        imported = Cert(name="imported", organization=ca.organization, ca=ca, key_length="256")
        imported.certificate, imported.private_key = data
        imported.full_clean()
        imported.save()
        assert (imported.serial_number, imported.common_name) == (cert.serial_number, cert.common_name)

    @pytest.mark.parametrize(
        ("changes", "field", "text"),
        [
            ({"certificate": "x"}, "__all__", "both keys (private and public) must be present"),
            ({"certificate": "x", "private_key": "y"}, "certificate", "Invalid certificate"),
            ({"serial_number": "abc"}, "serial_number", "Serial number must be an integer"),
            ({"serial_number": "-5"}, "serial_number", "must be greater than 0 and below 2^159"),
            ({"serial_number": "9" * 48}, "serial_number", "must be greater than 0 and below 2^159"),
            ({"country_code": "I"}, "country_code", "two letters"),
            ({"country_code": "é1"}, "country_code", "two letters"),
            ({"common_name": "é" * 40}, "common_name", "at most 64 bytes"),
            ({"validity_start": datetime(1949, 1, 1, tzinfo=UTC)}, "validity_start", "cannot start before 1950"),
            ({"digest": "sha1"}, "digest", "SHA-1 is not safe any more"),
            ({"extensions": [1]}, "extensions", "Extension format invalid"),
            ({"extensions": [{"name": "unknown", "value": "x"}]}, "extensions", "Unsupported extension: unknown"),
            ({"extensions": [{"name": "nsCertType", "value": "x"}]}, "extensions", "Unsupported nsCertType value: x"),
            ({"extensions": [{"name": "nsCertType", "value": ["client"]}]}, "extensions", "must be texts"),
            ({"extensions": [{"name": "extendedKeyUsage", "value": 7}]}, "extensions", "must be texts"),
            ({"extensions": [{"name": "nsComment", "value": "é"}]}, "extensions", "ASCII characters only"),
            ({"extensions": [{"name": "nsComment", "value": "a\0"}]}, "extensions", "Null and incomplete characters"),
            ({"extensions": [{"name": "nsComment", "value": "a"}] * 2}, "extensions", "has already been set"),
            ({"key_length": "999"}, "key_length", "is not a valid choice"),
            ({"validity_end": "2001-01-01T00:00:00Z"}, "validity_end", "must lie after its start"),
        ],
    )
    def test_malformed(self, ca: Ca, changes: dict[str, Any], field: str, text: str) -> None:
        if "validity_end" in changes:
            changes = {"validity_end": timezone.now() - timedelta(days=400)}
        cert = Cert(name="c", organization=ca.organization, ca=ca, key_length="256")
        assert any(text in message for message in errors_of(cert, **changes)[field])
        assert not Cert.objects.exists()
        later = Cert(name="c", organization=ca.organization, ca=ca, key_length="4096")
        later.signing = issuing.Signing(in_background=True)
        assert field in errors_of(later, **changes), "what is made in the background is checked at once"

    def test_ca_of_another_organization(self, ca: Ca) -> None:
        cert = Cert(name="c", organization=make.organization("other"), ca=ca, key_length="256")
        text = "Please ensure that the organization of this certificate and the organization of the related CA match."
        assert errors_of(cert) == {"organization": [text]}

    def test_leaving_its_users(self, organization: Any) -> None:
        other = make.organization("other")
        vpn = make.vpn(organization, "OpenVpn", ca=make.ca(None))
        client = make.config(organization, templates=[make.vpn_template(vpn)]).vpnclient_set.get()
        text = "The organization cannot be changed while others use it: certificates, VPN servers or devices."
        for used in (vpn.ca, vpn.cert, client.cert):
            assert errors_of(used, organization=other) == {"organization": [text]}
        assert errors_of(Ca.objects.get(), organization=organization) == {}

    def test_expired_ca(self, ca: Ca) -> None:
        ca.validity_end = timezone.now()
        ca.save()
        assert "has expired" in errors_of(Cert(name="c", organization=ca.organization, ca=ca))["ca"][0]

    def test_names_are_unique(self, ca: Ca) -> None:
        same = Ca(name="x", organization=ca.organization, common_name=ca.common_name, key_length="256")
        assert errors_of(same) == {"__all__": ["CA with this Common name and Organization already exists."]}

    def test_names_of_shared_ones_are_unique(self) -> None:
        make.ca(None, common_name="shared")
        same = Ca(name="x", organization=None, common_name="shared", key_length="256")
        assert errors_of(same) == {"__all__": ["CA with this Common name and Organization already exists."]}

    def test_shared_cas_sign_for_everybody(self, organization: Any) -> None:
        assert make.cert(make.ca(None), organization=organization).organization == organization
