"""Shared objects: everybody uses them, only superusers make others out of them by hand."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization, User

from openwisp_controller.config.models import Vpn, VpnClient
from openwisp_controller.pki.models import Cert

from .. import factories as make
from .test_admin import errors

pytestmark = pytest.mark.django_db
API = "/api/v1/ipam/subnet"


@pytest.fixture
def manager(organization: Organization) -> Client:
    """Manages an organization, and has every permission there is."""
    client = make.person("manager", organization)
    User.objects.get(username="manager").user_permissions.set(Permission.objects.all())
    return client


@pytest.fixture
def shared(organization: Organization) -> dict[str, Any]:
    """A shared subnet, CA and certificate; the organization has a subnet and a CA of its own."""
    ca, subnet = make.ca(None, name="of all"), make.subnet(None, "10.7.0.0/16")
    make.ca(organization)
    make.subnet(organization, "10.8.0.0/16")
    return {"ca": ca, "cert": make.cert(ca), "subnet": subnet, "master_subnet": subnet}


def form(page: str, organization: Organization, **values: Any) -> dict[str, Any]:
    common = {"organization": organization.pk, "name": "mine", "subnetdivisionrule_set-TOTAL_FORMS": 0,
              "subnetdivisionrule_set-INITIAL_FORMS": 0}  # fmt: skip
    of_page = {
        "pki_cert": {
            "operation_type": "new", "key_length": "2048", "digest": "sha256", "common_name": "mine",
            "extensions": "[]",
            "validity_start_0": "2026-01-01", "validity_start_1": "00:00", "validity_end_0": "2036-01-01",
            "validity_end_1": "00:00",
        },
        "config_vpn": {"host": "vpn.example.org", "key": "k" * 32, "config": json.dumps(make.OPENVPN),
                       "backend": "openwisp_controller.vpn_backends.OpenVpn"},
        "openwisp_ipam_subnet": {"subnet": "10.7.1.0/24", "description": ""},
        "openwisp_ipam_ipaddress": {"ip_address": "10.7.0.9", "description": ""},
    }  # fmt: skip
    return {**common, **of_page[page], **values}


MADE_FROM = [
    ("pki_cert", "ca"), ("config_vpn", "ca"), ("config_vpn", "subnet"), ("openwisp_ipam_subnet", "master_subnet"),
    ("openwisp_ipam_ipaddress", "subnet"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "relation"), MADE_FROM)
def test_nothing_is_made_of_them_by_hand(
    page: str, relation: str, manager: Client, root: Client, organization: Organization, shared: dict[str, Any]
) -> None:
    data = form(page, organization, **{relation: shared[relation].pk})
    if page == "config_vpn" and relation == "subnet":
        data["backend"] = "openwisp_controller.vpn_backends.Wireguard"
        data["config"] = json.dumps(make.WIREGUARD)
    counted = (Cert, Vpn, Subnet, IpAddress)
    before = [model.objects.count() for model in counted]
    answer = manager.post(reverse(f"admin:{page}_add"), data)
    assert "Select a valid choice" in errors(answer)
    assert [model.objects.count() for model in counted] == before
    answer = root.post(reverse(f"admin:{page}_add"), data)
    assert answer.status_code == 302, errors(answer)


def test_what_was_given_to_an_organization_stays(
    manager: Client, organization: Organization, shared: dict[str, Any]
) -> None:
    """A superuser gave the organization a server with shared objects: its people edit it, and it keeps them."""
    vpn = make.vpn(organization, "OpenVpn", ca=shared["ca"])
    page = reverse("admin:config_vpn_change", args=[vpn.pk])
    initial = manager.get(page).context["adminform"].form.initial
    data = {name: value for name, value in initial.items() if value is not None}
    data["config"] = form("config_vpn", organization)["config"]
    answer = manager.post(page, {**data, "name": "renamed"})
    assert answer.status_code == 302, errors(answer)
    vpn.refresh_from_db()
    assert (vpn.name, vpn.ca) == ("renamed", shared["ca"])


def test_devices_get_certificates_and_addresses_of_them(organization: Organization, shared: dict[str, Any]) -> None:
    server = make.vpn(None, "OpenVpn", ca=shared["ca"])
    config = make.config(organization, templates=[make.vpn_template(server)])
    assert VpnClient.objects.get(config=config).cert.ca == shared["ca"]


class TestRest:
    def test_shared_subnets_are_looked_at(self, manager: Client, shared: dict[str, Any]) -> None:
        address = f"{API}/{shared['subnet'].pk}"
        for view in ("get-next-available-ip", "ip-address", "hosts", "allocation"):
            assert manager.get(f"{address}/{view}/").status_code == 200
        assert manager.post(f"{address}/request-ip/", {}).status_code == 404
        assert manager.post(f"{address}/export/", {}).status_code == 404
        data = {"subnet": str(shared["subnet"].pk), "ip_address": "10.7.0.9"}
        assert manager.post(f"{address}/ip-address/", data).status_code == 404
        data = {"name": "x", "subnet": "10.7.1.0/24", "master_subnet": str(shared["subnet"].pk)}
        assert manager.post(f"{API}/", data).status_code == 400
        assert not IpAddress.objects.exists()

    def test_subnets_of_others_are_not_there(self, manager: Client, other: Organization) -> None:
        subnet = make.subnet(other, "10.9.0.0/16")
        address = f"{API}/{subnet.pk}"
        for view in ("get-next-available-ip", "ip-address", "hosts", "allocation"):
            assert manager.get(f"{address}/{view}/").status_code == 404
        for view in ("request-ip", "export", "ip-address"):
            assert manager.post(f"{address}/{view}/", {"subnet": str(subnet.pk)}).status_code == 404
        assert not IpAddress.objects.exists()

    def test_an_address_is_taken_of_the_subnet_that_was_named(
        self, manager: Client, organization: Organization
    ) -> None:
        one, two = make.subnet(organization, "10.8.0.0/24"), make.subnet(organization, "10.8.1.0/24")
        data = {"subnet": str(two.pk), "ip_address": "10.8.1.9"}
        answer = manager.post(f"{API}/{one.pk}/ip-address/", data)
        assert (answer.status_code, list(answer.json())) == (400, ["subnet"])
        assert manager.post(f"{API}/{two.pk}/ip-address/", data).status_code == 201

    @pytest.mark.parametrize("body", ["{}", "[]", "null", '"x"', "5", '{"description": null}', '{"description": [1]}',
                                      '{"description": "' + "x" * 101 + '"}', "{", ""])  # fmt: skip
    def test_requested_with_whatever(self, manager: Client, organization: Organization, body: str) -> None:
        subnet = make.subnet(organization, "10.8.0.0/24")
        answer = manager.post(f"{API}/{subnet.pk}/request-ip/", body, content_type="application/json")
        assert answer.status_code in (201, 400), answer.content
        assert IpAddress.objects.count() == (answer.status_code == 201)

    def test_a_full_subnet_answers_null(self, manager: Client, organization: Organization) -> None:
        subnet = make.subnet(organization, "10.8.0.1/32")
        first, second = (manager.post(f"{API}/{subnet.pk}/request-ip/", {}) for _ in range(2))
        assert first.json()["ip_address"] == "10.8.0.1"
        assert (second.status_code, second.content) == (200, b"null")


@pytest.mark.parametrize("face", ["/api/v1/ipam/import-subnet/", "/admin/openwisp_ipam/subnet/import-subnet/"])
def test_shared_subnets_are_imported_by_superusers(face: str, manager: Client, root: Client) -> None:
    def upload(client: Client) -> Any:
        file = BytesIO(b"lan\n10.6.0.0/24\n\n\nip_address,description\n10.6.0.1,one\n")
        file.name = "subnet.csv"
        return client.post(face, {"csvfile": file}, follow=True)

    assert "Only superusers import shared subnets" in upload(manager).content.decode()
    assert not Subnet.objects.exists()
    upload(root)
    assert Subnet.objects.get().organization is None
