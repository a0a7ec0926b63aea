"""VPN servers: shapes of answers, every kind of server, secrets, words of refusals."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from openwisp_users.models import Organization, User
from reversion.models import Version

from openwisp_controller.config.models import Vpn, VpnClient
from openwisp_controller.config.vpn import zerotier
from openwisp_controller.pki.models import Cert

from .. import factories as make
from ..database.vpn.service import Service
from .client import Rest, done, made, wrong

pytestmark = pytest.mark.django_db
FIELDS = {
    "id": str, "name": str, "host": str, "organization": str | None, "key": str, "ca": int | None, "cert": int | None,
    "subnet": str | None, "ip": str | None, "webhook_endpoint": str | None, "auth_token": str | None, "backend": str,
    "notes": str, "dh": str, "config": dict, "created": str, "modified": str,
}  # fmt: skip
MASK = "********"
TOKEN = "very-secret-token"
HOOK = "https://vpn.example.org/secret-hook"


def backend(kind: str) -> str:
    return f"openwisp_controller.vpn_backends.{kind}"


@pytest.fixture
def viewer(organization: Organization) -> Rest:
    client = make.person("viewer", organization)
    make.permit(client, "view_vpn")
    return Rest(client)


def openvpn(organization: Organization, /, **fields: Any) -> dict[str, Any]:
    return {
        "name": "v1", "host": "vpn.example.org", "organization": str(organization.pk), "backend": backend("OpenVpn"),
        "config": make.OPENVPN, **fields,
    }  # fmt: skip


def wireguard(organization: Organization, /, kind: str = "Wireguard", **fields: Any) -> dict[str, Any]:
    config = {"Wireguard": make.WIREGUARD, "VxlanWireguard": make.VXLAN}[kind]
    return openvpn(organization, backend=backend(kind), config=config, **fields)


def test_shapes(rest: Rest, organization: Organization) -> None:
    ca = make.ca(organization)
    answer = made(rest.post("/vpn/", openvpn(organization, ca=ca.pk)))
    assert list(answer) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(answer[name], kind), name
    stored = Vpn.objects.get()
    assert stored.cert is not None
    assert (answer["ca"], answer["cert"], answer["key"]) == (ca.pk, stored.cert_id, stored.key)
    assert len(answer["key"]) == 32
    assert stored.cert.ca == ca
    assert answer["dh"].startswith("-----BEGIN DH PARAMETERS-----")
    listed = done(rest.get("/vpn/"))
    assert list(listed) == ["count", "next", "previous", "results"]
    assert listed["results"] == [{**answer, "key": MASK}]
    assert done(rest.get(f"/vpn/{answer['id']}/")) == answer


class TestKinds:
    @pytest.mark.parametrize("kind", ["Wireguard", "VxlanWireguard"])
    def test_wireguard(self, rest: Rest, organization: Organization, kind: str) -> None:
        subnet = make.subnet(organization, "10.8.0.0/24")
        given = wireguard(
            organization, kind, subnet=str(subnet.pk), webhook_endpoint=HOOK, auth_token=TOKEN, ca=None,
        )  # fmt: skip
        answer = made(rest.post("/vpn/", given))
        stored = Vpn.objects.get()
        assert (answer["subnet"], answer["ip"]) == (str(subnet.pk), str(stored.ip_id))
        assert str(stored.ip) == "10.8.0.1"
        assert (answer["webhook_endpoint"], answer["auth_token"]) == (HOOK, TOKEN)
        assert (stored.webhook_endpoint, stored.auth_token) == (HOOK, TOKEN)
        assert stored.public_key
        assert stored.private_key not in str(answer)
        assert (answer["ca"], answer["cert"], answer["dh"]) == (None, None, "")

    def test_a_chosen_address(self, rest: Rest, organization: Organization) -> None:
        subnet = make.subnet(organization, "10.8.0.0/24")
        ip = subnet.request_ip()
        answer = made(rest.post("/vpn/", wireguard(organization, subnet=str(subnet.pk), ip=str(ip.pk))))
        assert answer["ip"] == str(ip.pk)

    def test_keys_that_are_generated(self, rest: Rest, organization: Organization) -> None:
        subnet = make.subnet(organization, "10.8.0.0/24")
        answer = made(rest.post("/vpn/", wireguard(organization, subnet=str(subnet.pk), key="")))
        assert len(answer["key"]) == 32

    def test_certificates_and_authorities_are_dropped(self, rest: Rest, organization: Organization) -> None:
        subnet, ca = make.subnet(organization, "10.8.0.0/24"), make.ca(organization)
        answer = made(rest.post("/vpn/", wireguard(organization, subnet=str(subnet.pk), ca=ca.pk)))
        assert (answer["ca"], answer["cert"]) == (None, None)


class TestZeroTier:
    @pytest.fixture
    def service(self, settings: Any) -> Iterator[Service]:
        settings.OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS = ["127.0.0.0/8"]
        with Service() as service:
            answers = {
                "/status": {"address": "1234567890"},
                "/controller/network/1234567890______": {"id": "1234567890abcdef"},
            }
            service.answer = lambda method, path: (200, answers.get(path, {}))
            yield service

    def data(self, organization: Organization, service: Service, **fields: Any) -> dict[str, Any]:
        return openvpn(
            organization, backend=backend("ZeroTier"), config=make.ZEROTIER, host=service.address,
            subnet=str(make.subnet(organization, "10.8.0.0/24").pk), auth_token=TOKEN, **fields,
        )  # fmt: skip

    def test_its_controller_is_asked(self, rest: Rest, organization: Organization, service: Service) -> None:
        answer = made(rest.post("/vpn/", self.data(organization, service)))
        stored = Vpn.objects.get()
        assert (stored.node_id, stored.network_id) == ("1234567890", "1234567890abcdef")
        calls = len(service.calls)
        assert done(rest.patch(f"/vpn/{answer['id']}/", {"auth_token": "another-token"}))["auth_token"] != TOKEN
        assert "GET /status" in service.calls[calls:]

    def test_what_it_answers_is_told(self, rest: Rest, organization: Organization, service: Service) -> None:
        given = self.data(organization, service)
        service.answer = lambda method, path: (401, {})
        assert set(wrong(rest.post("/vpn/", given))) <= {"auth_token", "host"}
        assert not Vpn.objects.exists()
        assert wrong(rest.post("/vpn/", {**given, "auth_token": ""})) == {
            "auth_token": ["Auth token is required for this VPN backend"]
        }

    @pytest.mark.django_db(transaction=True)
    def test_it_is_asked_outside_of_the_transaction(
        self, root: Any, organization: Organization, service: Service, monkeypatch: Any
    ) -> None:
        rest = Rest(root)
        send, inside = zerotier._send, []

        def watched(*args: Any, **kwargs: Any) -> Any:
            inside.append(connection.in_atomic_block)
            return send(*args, **kwargs)

        monkeypatch.setattr(zerotier, "_send", watched)
        answer = made(rest.post("/vpn/", self.data(organization, service)))
        path = f"/vpn/{answer['id']}/"
        done(rest.patch(path, {"auth_token": "another-token"}))
        done(rest.patch(path, {"auth_token": "a-third-token"}, if_match=rest.get(path)["ETag"]))
        assert len(inside) >= 4
        assert not any(inside)


class TestSecrets:
    @pytest.fixture
    def vpn(self, organization: Organization, committing: Any) -> Vpn:
        with committing():
            vpn = make.vpn(organization, auth_token=TOKEN)
        Vpn.objects.update(webhook_endpoint=HOOK)  # which nobody calls
        return Vpn.objects.get(pk=vpn.pk)

    def test_who_sees_them(self, rest: Rest, viewer: Rest, root: Any, vpn: Vpn) -> None:
        path = f"/vpn/{vpn.pk}/"
        secrets = {"key": vpn.key, "auth_token": TOKEN, "webhook_endpoint": HOOK}
        for person in (rest, Rest(root)):
            assert done(person.get(path)).items() >= secrets.items()
        for answer in (
            done(viewer.get(path)), *done(rest.get("/vpn/"))["results"], *done(Rest(root).get("/vpn/"))["results"],
        ):  # fmt: skip
            assert answer.items() >= dict.fromkeys(secrets, MASK).items()

    def test_shared_ones(self, rest: Rest, root: Any) -> None:
        vpn = make.vpn(None, auth_token=TOKEN, webhook_endpoint=HOOK)
        path = f"/vpn/{vpn.pk}/"
        answer = rest.get(path)
        assert done(answer)["key"] == MASK
        assert not any(secret in answer.content.decode() for secret in (vpn.key, TOKEN, HOOK))
        assert done(Rest(root).get(path))["key"] == vpn.key
        assert rest.get(f"{path}configuration/").status_code == 403

    def test_masks_are_not_stored(self, rest: Rest, vpn: Vpn) -> None:
        path = f"/vpn/{vpn.pk}/"
        masks = dict.fromkeys(("key", "auth_token", "webhook_endpoint"), MASK)
        answer = done(rest.patch(path, {**masks, "notes": "n"}))
        assert (answer["key"], answer["auth_token"], answer["notes"]) == (vpn.key, TOKEN, "n")
        done(rest.put(path, {**done(rest.get("/vpn/"))["results"][0], **masks}))
        stored = Vpn.objects.get()
        assert (stored.key, stored.auth_token, stored.webhook_endpoint) == (vpn.key, TOKEN, HOOK)
        done(rest.patch(path, {"auth_token": "", "webhook_endpoint": None}))
        stored = Vpn.objects.get()
        assert (stored.auth_token, stored.webhook_endpoint) == ("", None)

    def test_downloads_hold_the_private_key(self, rest: Rest, viewer: Rest, vpn: Vpn, stranger: Any) -> None:
        path = f"/vpn/{vpn.pk}/configuration/"
        answer = rest.get(path)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/octet-stream")
        assert answer["Content-Disposition"] == f'attachment; filename="{vpn.name}.tar.gz"'
        assert answer["X-Openwisp-Controller"] == "true"
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            files = [archive.extractfile(name).read() for name in archive.getnames()]  # type: ignore[union-attr]
        assert vpn.private_key in str(files)
        assert viewer.get(path).status_code == 403
        foreign = Rest(stranger).get(path)
        assert (foreign.status_code, foreign.json()) == (404, {"detail": "No Vpn matches the given query."})


class TestWrites:
    @pytest.fixture
    def vpn(self, organization: Organization) -> Vpn:
        return make.vpn(organization, "OpenVpn", "v1", notes="n")

    def test_keys_that_are_absent_are_kept(self, rest: Rest, organization: Organization, vpn: Vpn) -> None:
        path = f"/vpn/{vpn.pk}/"
        before = done(rest.get(path))
        answer = done(rest.patch(path, {"host": "new.example.org"}))
        assert {**answer, "modified": ""} == {**before, "host": "new.example.org", "modified": ""}
        answer = done(rest.put(path, openvpn(organization)))
        assert {**answer, "modified": ""} == {**before, "host": "vpn.example.org", "modified": ""}
        assert {**done(rest.put(path, before)), "modified": ""} == {**before, "modified": ""}
        required = ["This field is required."]
        assert wrong(rest.put(path, {})) == {
            "name": required, "host": required, "organization": required, "backend": required, "config": required,
        }  # fmt: skip

    def test_another_authority_brings_another_certificate(
        self, rest: Rest, organization: Organization, vpn: Vpn
    ) -> None:
        former = vpn.cert_id
        ca = make.ca(organization)
        answer = done(rest.patch(f"/vpn/{vpn.pk}/", {"ca": ca.pk}))
        assert answer["ca"] == ca.pk
        cert = Cert.objects.get(pk=answer["cert"])
        assert cert.ca == ca
        assert cert.pk != former
        assert Cert.objects.get(pk=former).revoked

    def test_what_was_given_to_an_organization_stays(self, rest: Rest, organization: Organization) -> None:
        """A superuser gave the organization a server with a shared CA: its people edit it, and it keeps that."""
        shared = make.ca(None)
        vpn = make.vpn(organization, "OpenVpn", ca=shared)
        path = f"/vpn/{vpn.pk}/"
        before = done(rest.get(path))
        answer = done(rest.put(path, {**before, "notes": "edited"}))
        assert (answer["ca"], answer["cert"], answer["notes"]) == (shared.pk, vpn.cert_id, "edited")

    def test_deletion(self, rest: Rest, organization: Organization, vpn: Vpn) -> None:
        config = make.config(organization, templates=[make.vpn_template(vpn)])
        client = VpnClient.objects.get(config=config)
        assert client.cert is not None
        assert rest.delete(f"/vpn/{vpn.pk}/").status_code == 204
        assert not VpnClient.objects.exists()
        assert Cert.objects.get(pk=client.cert.pk).revoked
        assert config.templates.count() == 0

    def test_history_has_the_person(self, rest: Rest, organization: Organization) -> None:
        ca = make.ca(organization)
        answer = made(rest.post("/vpn/", openvpn(organization, ca=ca.pk)))
        done(rest.patch(f"/vpn/{answer['id']}/", {"notes": "n"}))
        versions = Version.objects.get_for_object(Vpn.objects.get())
        person = User.objects.get(username="administrator")
        assert [version.revision.user for version in versions] == [person, person]

    def test_locking(self, rest: Rest, vpn: Vpn) -> None:
        path = f"/vpn/{vpn.pk}/"
        known = rest.get(path)["ETag"]
        done(rest.patch(path, {"host": "new.example.org"}, if_match=known))
        refused = rest.patch(path, {"host": "newer.example.org"}, if_match=known)
        assert (refused.status_code, refused.json()["changed"]) == (412, ["host"])
        assert rest.delete(path, if_match=known).status_code == 412


def test_refusals(rest: Rest, root: Any, organization: Organization, other: Organization) -> None:
    own, second, foreign = make.ca(organization), make.ca(organization), make.ca(other)
    cert = make.cert(second)
    subnet = make.subnet(other, "10.9.0.0/24")
    shared_ca, shared_subnet = make.ca(None), make.subnet(None, "10.7.0.0/24")
    make.vpn(organization, "OpenVpn", "taken", ca=own)
    required = ["This field is required."]
    without_owner = openvpn(organization, ca=own.pk)
    del without_owner["organization"]

    def unknown(key: Any) -> list[str]:
        return [f'Invalid pk "{key}" - object does not exist.']

    for given, message in (
        (
            {},
            {"name": required, "host": required, "organization": required, "backend": required, "config": required},
        ),
        (without_owner, {"organization": required}),
        (openvpn(organization, organization=None), {"organization": ["This field may not be null."]}),
        (openvpn(other), {"organization": unknown(other.pk)}),
        (openvpn(organization, ca=foreign.pk), {"ca": unknown(foreign.pk)}),
        (openvpn(organization, ca=shared_ca.pk), {"ca": unknown(shared_ca.pk)}),
        (openvpn(organization, ca="x"), {"ca": ["Incorrect type. Expected pk value, received str."]}),
        (wireguard(organization, subnet=str(subnet.pk)), {"subnet": unknown(subnet.pk)}),
        (wireguard(organization, subnet=str(shared_subnet.pk)), {"subnet": unknown(shared_subnet.pk)}),
        (openvpn(organization), {"ca": ["CA is required with this VPN backend"]}),
        (wireguard(organization), {"subnet": ["Subnet is required for this VPN backend."]}),
        (
            openvpn(organization, ca=own.pk, cert=cert.pk),
            {"cert": ["The selected certificate must match the selected CA."]},
        ),
        (
            openvpn(organization, ca=own.pk, name="taken"),
            {"non_field_errors": ["The fields organization, name must make a unique set."]},
        ),
        (openvpn(organization, ca=own.pk, backend="x"), {"backend": ['"x" is not a valid choice.']}),
        (
            openvpn(organization, ca=own.pk, key="a b"),
            {"key": ["This value must not contain spaces, dots or slashes."]},
        ),
        (
            openvpn(organization, ca=own.pk, config={}),
            {
                "config": ["This field cannot be blank."],
                "__all__": [
                    "Invalid configuration triggered by \"#/\", validator says:\n\n'openvpn' is a required property"
                ],
            },
        ),
    ):  # fmt: skip
        assert wrong(rest.post("/vpn/", given)) == message, given
    answer = wrong(Rest(root).post("/vpn/", openvpn(organization, ca=foreign.pk)))
    text = "Please ensure that the organization of this VPN server and the organization of the related CA match."
    assert answer == {"organization": [text]}
    assert Vpn.objects.count() == 1


def test_the_kind_of_a_server_that_is_used(rest: Rest, organization: Organization) -> None:
    vpn = make.vpn(organization, "OpenVpn")
    make.config(organization, templates=[make.vpn_template(vpn)])
    given = {"backend": backend("Wireguard"), "config": make.WIREGUARD}
    text = "Backend cannot be changed because the VPN is currently in use."
    assert wrong(rest.patch(f"/vpn/{vpn.pk}/", given)) == {"backend": [text]}


def test_shared_servers_are_made_by_superusers(root: Any) -> None:
    subnet = make.subnet(None, "10.7.0.0/24")
    given = {
        "name": "v1", "host": "vpn.example.org", "backend": backend("Wireguard"), "config": make.WIREGUARD,
        "subnet": str(subnet.pk),
    }  # fmt: skip
    assert made(Rest(root).post("/vpn/", given))["organization"] is None


def test_filters(rest: Rest, organization: Organization, other: Organization) -> None:
    one = make.vpn(organization, name="one", subnet=make.subnet(organization, "10.8.0.0/24"))
    make.vpn(organization, "OpenVpn", name="two", host="two.example.org")
    make.vpn(None, name="of-all", subnet=make.subnet(None, "10.7.0.0/24"))
    foreign = make.vpn(other, name="foreign", subnet=make.subnet(other, "10.9.0.0/24"))
    for query, found in (
        ({}, ["of-all", "two", "one"]),
        ({"organization": str(organization.pk)}, ["two", "one"]),
        ({"organization_slug": "acme"}, ["two", "one"]),
        ({"organization_slug": "other"}, []),
        ({"backend": backend("OpenVpn")}, ["two"]),
        ({"subnet": str(one.subnet_id)}, ["one"]),
        ({"search": "two.example"}, ["two"]),
        ({"ordering": "name"}, ["of-all", "one", "two"]),
    ):
        assert [each["name"] for each in done(rest.get("/vpn/", **query))["results"]] == found, query
    choice = "Select a valid choice. That choice is not one of the available choices."
    for query, message in (
        ({"organization": str(other.pk)}, {"organization": [choice]}),
        ({"subnet": str(foreign.subnet_id)}, {"subnet": [choice]}),
        ({"subnet": "zzz"}, {"subnet": ["“zzz” is not a valid UUID."]}),
        ({"backend": "zzz"}, {"backend": ["Select a valid choice. zzz is not one of the available choices."]}),
    ):
        assert wrong(rest.get("/vpn/", **query)) == message, query
