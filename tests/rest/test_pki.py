"""Certification authorities and certificates: shapes, making, importing, renewal, revocation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils import timezone
from openwisp_users.models import Organization, User
from reversion.models import Version

from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make
from .client import Rest, done, made, wrong

pytestmark = pytest.mark.django_db
_SUBJECT: dict[str, Any] = {
    "key_length": str, "digest": str, "validity_start": str, "validity_end": str, "country_code": str, "state": str,
    "city": str, "organization_name": str, "organizational_unit_name": str, "email": str, "common_name": str,
    "extensions": list, "serial_number": str, "certificate": str, "private_key": str, "created": str, "modified": str,
}  # fmt: skip
CA: dict[str, Any] = {"id": int, "name": str, "organization": str | None, "notes": str, **_SUBJECT}
CERT: dict[str, Any] = {
    "id": int, "name": str, "organization": str | None, "ca": int, "notes": str, "revoked": bool,
    "revoked_at": str | None, **_SUBJECT,
}  # fmt: skip
MASK = "********"
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


@pytest.fixture
def ca(organization: Organization) -> Ca:
    return make.ca(organization)


def data(organization: Organization | None, /, **fields: Any) -> dict[str, Any]:
    """Of something with an elliptic key, which is made quickly."""
    owner = str(organization.pk) if organization else None
    return {"name": "n1", "organization": owner, "key_length": "256", "common_name": "one.example", **fields}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def check_shape(answer: dict[str, Any], fields: dict[str, Any]) -> None:
    assert list(answer) == list(fields)
    for name, kind in fields.items():
        assert isinstance(answer[name], kind), name


class TestShapes:
    def test_authority(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/ca/", data(organization)))
        check_shape(answer, CA)
        listed = done(rest.get("/ca/"))
        assert list(listed) == ["count", "next", "previous", "results"]
        assert listed["results"] == [{**answer, "private_key": MASK}]
        assert done(rest.get(f"/ca/{answer['id']}/")) == answer
        stored = Ca.objects.get()
        assert answer["certificate"] == stored.certificate
        assert answer["private_key"] == stored.private_key
        assert answer["serial_number"] == str(stored.serial_number)
        assert (answer["digest"], answer["notes"], answer["extensions"]) == ("sha256", "", [])

    def test_certificate(self, rest: Rest, organization: Organization, ca: Ca) -> None:
        answer = made(rest.post("/cert/", data(organization, ca=ca.pk)))
        check_shape(answer, CERT)
        assert (answer["ca"], answer["revoked"], answer["revoked_at"]) == (ca.pk, False, None)
        listed = done(rest.get("/cert/"))
        assert listed["results"] == [{**answer, "private_key": MASK}]
        assert done(rest.get(f"/cert/{answer['id']}/")) == answer
        issued = x509.load_pem_x509_certificate(answer["certificate"].encode())
        assert issued.issuer == ca.x509.subject


class TestMaking:
    @pytest.mark.parametrize(("kind", "days"), [("ca", 3650), ("cert", 365)])
    def test_validity(self, rest: Rest, organization: Organization, ca: Ca, kind: str, days: int) -> None:
        """It is that of the request: what a model says by default is not computed once and kept."""
        more = {"ca": ca.pk} if kind == "cert" else {}
        before = timezone.now()
        answer = made(rest.post(f"/{kind}/", data(organization, **more)))
        after = timezone.now()
        start = timezone.localtime(before).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        assert moment(answer["validity_start"]) in (start, start + timedelta(days=1))
        assert before + timedelta(days=days) <= moment(answer["validity_end"]) <= after + timedelta(days=days)

    def test_what_is_given(self, rest: Rest, organization: Organization) -> None:
        given = data(
            organization, digest="sha512", key_length="384", country_code="IT", state="RM", city="Roma",
            organization_name="o", organizational_unit_name="u", email="a@example.org", notes="n",
            validity_start="2026-01-01T00:00:00Z", validity_end="2036-01-01T00:00:00Z", serial_number="1234",
            extensions=[{"name": "nsComment", "value": "hello", "critical": False}],
        )  # fmt: skip
        answer = made(rest.post("/ca/", given))
        same = {name: value for name, value in given.items() if not name.startswith("validity")}
        assert {name: answer[name] for name in same} == same
        assert moment(answer["validity_end"]) == moment(given["validity_end"])
        issued = x509.load_pem_x509_certificate(answer["certificate"].encode())
        assert issued.serial_number == 1234
        assert issued.subject.rfc4514_string().count("=") == 7

    def test_passphrases_are_not_shown(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/ca/", data(organization, passphrase="very-secret")))
        assert "very-secret" not in str(answer)
        assert "passphrase" not in answer
        assert load_pem_private_key(answer["private_key"].encode(), b"very-secret")

    def test_key_that_takes_long(self, rest: Rest, organization: Organization, lost_messages: Any) -> None:
        answer = made(rest.post("/ca/", data(organization, key_length="4096")))
        assert (answer["certificate"], answer["private_key"]) == ("", "")
        crl = rest.get(f"/ca/{answer['id']}/crl")
        assert (crl.status_code, crl["Retry-After"]) == (503, "30")
        assert "being made" in crl.json()["detail"]

    def test_refusals(self, rest: Rest, root: Any, organization: Organization, other: Organization, ca: Ca) -> None:
        make.ca(organization, common_name="taken")
        cert = make.cert(ca, common_name="taken")
        foreign, shared = make.ca(other), make.ca(None)
        required = ["This field is required."]
        both = "When importing an existing certificate, both keys (private and public) must be present"
        without_owner = data(organization)
        del without_owner["organization"]
        common: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (without_owner, {"organization": required}),
            (data(None), {"organization": ["This field may not be null."]}),
            (data(other), {"organization": [f'Invalid pk "{other.pk}" - object does not exist.']}),
            (data(organization, key_length="x"), {"key_length": ['"x" is not a valid choice.']}),
            (data(organization, digest="x"), {"digest": ['"x" is not a valid choice.']}),
            (data(organization, certificate="x"), {"__all__": [both]}),
            (data(organization, private_key="x"), {"__all__": [both]}),
            (
                data(organization, certificate="x", private_key="x"),
                {"certificate": ["Invalid certificate"], "private_key": ["Invalid private key"]},
            ),
            (
                data(organization, common_name="taken"),
                {"non_field_errors": ["The fields common_name, organization must make a unique set."]},
            ),
            (
                data(organization, validity_end="2000-01-01T00:00:00Z"),
                {"validity_end": ["The end of the validity must lie after its start."]},
            ),
            (data(organization, name=""), {"name": ["This field may not be blank."]}),
        ]
        for kind, more in (("ca", {}), ("cert", {"ca": ca.pk})):
            for given, message in common:
                assert wrong(rest.post(f"/{kind}/", {**given, **more})) == message, (kind, given)
        assert wrong(rest.post("/ca/", {})) == {"name": required, "organization": required}
        assert wrong(Rest(root).post("/ca/", {})) == {"name": required, "organization": required}
        assert wrong(rest.post("/cert/", {})) == {"name": required, "organization": required, "ca": required}
        assert wrong(Rest(root).post("/cert/", {})) == {"name": required, "ca": required}
        for key in (foreign.pk, shared.pk, 0):
            answer = wrong(rest.post("/cert/", data(organization, ca=key)))
            assert answer == {"ca": [f'Invalid pk "{key}" - object does not exist.']}
        text = "Please ensure that the organization of this certificate and the organization of the related CA match."
        for owner in (organization, None):
            assert wrong(Rest(root).post("/cert/", data(owner, ca=foreign.pk))) == {"organization": [text]}
        assert list(Cert.objects.all()) == [cert]

    def test_blank_common_names_count(self, rest: Rest, organization: Organization) -> None:
        made(rest.post("/ca/", data(organization, common_name="")))
        answer = wrong(rest.post("/ca/", data(organization, name="n2", common_name="")))
        assert answer == {"non_field_errors": ["The fields common_name, organization must make a unique set."]}

    def test_shared_ones_are_made_by_superusers(self, root: Any) -> None:
        answer = made(Rest(root).post("/ca/", data(None)))
        assert answer["organization"] is None
        given = data(None, ca=answer["id"], name="n2")
        del given["organization"]
        assert made(Rest(root).post("/cert/", given))["organization"] is None


class TestImporting:
    def test_authority(self, rest: Rest, organization: Organization, other: Organization) -> None:
        known = make.ca(other, common_name="imported.example", country_code="IT", city="Roma", key_length="384")
        given = {"name": "n1", "organization": str(organization.pk)}
        answer = made(rest.post("/ca/", {**given, "certificate": known.certificate, "private_key": known.private_key}))
        pems = {"certificate": known.certificate, "private_key": known.private_key}
        unique = {"non_field_errors": ["The fields common_name, organization must make a unique set."]}
        assert wrong(rest.post("/ca/", {**given, "name": "n2", **pems})) == unique
        for name in ("common_name", "country_code", "city", "key_length", "digest"):
            assert answer[name] == getattr(known, name), name
        assert answer["serial_number"] == str(known.serial_number)
        assert moment(answer["validity_end"]) == known.x509.not_valid_after_utc
        assert (answer["certificate"].strip(), answer["private_key"].strip()) == (
            known.certificate.strip(), known.private_key.strip(),
        )  # fmt: skip

    def test_certificate(self, rest: Rest, organization: Organization, ca: Ca) -> None:
        known = make.cert(ca, common_name="imported.example")
        pems = {"certificate": known.certificate, "private_key": known.private_key}
        known.delete()
        given = {"name": "n1", "organization": str(organization.pk), "ca": ca.pk}
        answer = made(rest.post("/cert/", {**given, **pems}))
        assert answer["common_name"] == "imported.example"
        Cert.objects.all().delete()
        another = make.ca(organization)
        assert "ca" in str(wrong(rest.post("/cert/", {**given, "ca": another.pk, **pems}))).lower()


class TestEditing:
    @pytest.mark.parametrize("kind", ["ca", "cert"])
    def test_name_organization_and_notes_are_edited(
        self, rest: Rest, organization: Organization, ca: Ca, kind: str
    ) -> None:
        path = f"/{kind}/{ca.pk if kind == 'ca' else make.cert(ca).pk}/"
        before = done(rest.get(path))
        rest_of_it = {
            "key_length": "521", "common_name": "x", "certificate": "x", "private_key": "x", "serial_number": "1",
            "validity_end": "x", "extensions": "x", "ca": 0, "revoked": True, "passphrase": "x", "digest": "zzz",
        }  # fmt: skip
        answer = done(rest.patch(path, {**rest_of_it, "name": "n2", "notes": "n"}))
        assert {**answer, "modified": ""} == {**before, "name": "n2", "notes": "n", "modified": ""}
        answer = done(rest.put(path, {"name": "n3", "organization": str(organization.pk)}))
        assert {**answer, "modified": ""} == {**before, "name": "n3", "notes": "n", "modified": ""}
        answer = done(rest.put(path, before))
        assert {**answer, "modified": ""} == {**before, "modified": "", "notes": ""}
        assert "name" in wrong(rest.put(path, {"organization": str(organization.pk)}))

    def test_put_without_organization(self, rest: Rest, root: Any, ca: Ca) -> None:
        """Superusers may leave it out where it is optional: that means nobody's, which does not suit the CA."""
        cert = make.cert(ca)
        assert wrong(rest.put(f"/cert/{cert.pk}/", {"name": "n2"})) == {"organization": ["This field is required."]}
        assert list(wrong(Rest(root).put(f"/cert/{cert.pk}/", {"name": "n2"}))) == ["organization"]
        assert done(Rest(root).patch(f"/cert/{cert.pk}/", {"name": "n2"}))["organization"] == str(ca.organization_id)

    def test_deletion(self, rest: Rest, organization: Organization, ca: Ca) -> None:
        cert = make.cert(ca)
        make.vpn(organization, "OpenVpn", ca=ca)
        assert rest.delete(f"/cert/{cert.pk}/").status_code == 204
        assert rest.delete(f"/ca/{ca.pk}/").status_code == 204
        assert not Cert.objects.exists()
        assert done(rest.get("/vpn/"))["count"] == 0

    def test_history_has_the_person(self, rest: Rest, ca: Ca) -> None:
        done(rest.patch(f"/ca/{ca.pk}/", {"notes": "n"}))
        version = Version.objects.get_for_object(ca).first()
        assert version.revision.user == User.objects.get(username="administrator")

    def test_locking(self, rest: Rest, ca: Ca) -> None:
        for path in (f"/ca/{ca.pk}/", f"/cert/{make.cert(ca).pk}/"):
            known = rest.get(path)["ETag"]
            done(rest.patch(path, {"notes": "first"}, if_match=known))
            refused = rest.patch(path, {"notes": "second"}, if_match=known)
            assert (refused.status_code, refused.json()["changed"]) == (412, ["notes"])
            assert rest.delete(path, if_match=known).status_code == 412


class TestSecrets:
    @pytest.mark.parametrize("kind", ["ca", "cert"])
    def test_private_keys(self, rest: Rest, operator: Any, root: Any, ca: Ca, kind: str) -> None:
        own, shared = ca, make.ca(None)
        if kind == "cert":
            own, shared = make.cert(own), make.cert(shared)  # type: ignore[assignment]
        path, of_all = f"/{kind}/{own.pk}/", f"/{kind}/{shared.pk}/"
        assert done(rest.get(path))["private_key"] == own.private_key
        assert done(Rest(root).get(of_all))["private_key"] == shared.private_key
        for person, address in ((Rest(operator), path), (rest, of_all), (Rest(operator), of_all)):
            assert done(person.get(address))["private_key"] == MASK
        for person in (rest, Rest(operator), Rest(root)):
            listed = person.get(f"/{kind}/")
            assert {each["private_key"] for each in done(listed)["results"]} == {MASK}
            assert "PRIVATE KEY" not in listed.content.decode()
        assert done(rest.patch(path, {"private_key": MASK, "notes": "n"}))["private_key"] == own.private_key

    def test_a_mask_is_no_key(self, rest: Rest, organization: Organization, ca: Ca) -> None:
        text = "When importing an existing certificate, both keys (private and public) must be present"
        answer = wrong(rest.post("/ca/", data(organization, certificate=ca.certificate, private_key=MASK)))
        assert answer == {"__all__": [text]}


class TestRenewing:
    def test_authority(self, rest: Rest, ca: Ca) -> None:
        cert = make.cert(ca)
        answer = done(rest.post(f"/ca/{ca.pk}/renew/"))
        check_shape(answer, CA)
        assert answer["serial_number"] != str(ca.serial_number)
        assert answer["private_key"] != ca.private_key
        renewed = Cert.objects.get(pk=cert.pk)
        assert renewed.serial_number != cert.serial_number
        assert renewed.x509.issuer == Ca.objects.get(pk=ca.pk).x509.subject

    def test_certificate(self, rest: Rest, ca: Ca) -> None:
        cert = make.cert(ca)
        answer = done(rest.post(f"/cert/{cert.pk}/renew/"))
        check_shape(answer, CERT)
        assert answer["serial_number"] != str(cert.serial_number)
        assert answer["private_key"] != cert.private_key

    def test_revocation(self, rest: Rest, ca: Ca) -> None:
        path = f"/cert/{make.cert(ca).pk}"
        answer = done(rest.post(f"{path}/revoke/"))
        check_shape(answer, CERT)
        assert answer["revoked"] is True
        assert answer["revoked_at"] is not None
        again = done(rest.post(f"{path}/revoke/"))
        assert again["revoked_at"] == answer["revoked_at"]
        refused = wrong(rest.post(f"{path}/renew/"))
        assert refused == {"__all__": ["A revoked certificate cannot be renewed, create another one."]}
        assert done(rest.get(f"{path}/"))["serial_number"] == answer["serial_number"]

    @pytest.mark.parametrize("action", ["cert renew", "cert revoke", "ca renew"])
    def test_who_may(self, root: Any, organization: Organization, ca: Ca, stranger: Any, action: str) -> None:
        kind, verb = action.split()
        own, shared = ca, make.ca(None)
        if kind == "cert":
            own, shared = make.cert(own), make.cert(shared)  # type: ignore[assignment]
        path = f"/{kind}/{own.pk}/{verb}/"
        adder, changer = make.person("adder", organization), make.person("changer", organization)
        make.permit(adder, f"add_{kind}", f"view_{kind}")
        make.permit(changer, f"change_{kind}")
        refused = Rest(adder).post(path)
        assert (refused.status_code, refused.json()) == (403, FORBIDDEN)
        foreign = Rest(stranger).post(path)
        assert (foreign.status_code, foreign.json()) == (404, {"detail": f"No {kind.title()} matches the given query."})
        assert Rest(changer).post(f"/{kind}/{shared.pk}/{verb}/").status_code == 403
        assert done(Rest(changer).post(path))["id"] == own.pk
        assert done(Rest(root).post(f"/{kind}/{shared.pk}/{verb}/"))["id"] == shared.pk


class TestRevocationList:
    def test_what_it_holds(self, rest: Rest, ca: Ca) -> None:
        cert = make.cert(ca)
        done(rest.post(f"/cert/{cert.pk}/revoke/"))
        answer = rest.get(f"/ca/{ca.pk}/crl")
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-pem-file")
        assert answer["Content-Disposition"] == f'attachment; filename="{ca.pk}.crl"'
        crl = x509.load_pem_x509_crl(answer.content)
        assert crl.get_revoked_certificate_by_serial_number(int(cert.serial_number)) is not None
        assert crl.next_update_utc is not None
        assert crl.next_update_utc - crl.last_update_utc == timedelta(days=1)

    def test_who_may_read_it(self, operator: Any, stranger: Any, organization: Organization, ca: Ca) -> None:
        path = f"/ca/{ca.pk}/crl"
        assert Rest(operator).get(path).status_code == 200
        assert Rest(operator).get(f"/ca/{make.ca(None).pk}/crl").status_code == 200
        foreign = Rest(stranger).get(path)
        assert (foreign.status_code, foreign.json()) == (404, {"detail": "No Ca matches the given query."})
        assert Rest(make.person("nobody", organization)).get(path).json() == FORBIDDEN
        assert Rest(operator).get("/ca/99999999999999999999/crl").status_code == 404
