"""Subnets and addresses, as clients of openwisp-ipam know them: shapes, texts, who may do what."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openwisp_ipam.models import IpAddress
from openwisp_users.models import Organization

from .. import factories as make
from .client import done, made, wrong

pytestmark = pytest.mark.django_db
BASE = "/api/v1/ipam"
SUBNET_FIELDS = ["id", "created", "modified", "name", "subnet", "description", "organization", "master_subnet"]
ADDRESS_FIELDS = ["id", "created", "modified", "ip_address", "description", "subnet"]


class Ipam:
    """An administrator's way to the interface."""

    def __init__(self, client: Client, organization: Organization) -> None:
        self.client, self.organization = client, organization

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(f"{BASE}/{path}", data, content_type="application/json")

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"{BASE}/{path}", query)

    def subnet(self, network: str, **more: Any) -> Any:
        return self.post("subnet/", name=network, subnet=network, organization=str(self.organization.pk), **more)


@pytest.fixture
def ipam(administrator: Client, organization: Organization) -> Ipam:
    return Ipam(administrator, organization)


@pytest.fixture
def lan(ipam: Ipam) -> dict[str, Any]:
    found: dict[str, Any] = made(ipam.subnet("192.168.10.0/24"))
    return found


def test_subnets(ipam: Ipam, lan: dict[str, Any]) -> None:
    assert sorted(lan) == sorted(SUBNET_FIELDS)
    other = made(ipam.subnet("10.0.0.0/16"))
    listed = done(ipam.get("subnet/"))
    assert [each["subnet"] for each in listed["results"]] == [other["subnet"], lan["subnet"]]
    part = made(ipam.subnet("10.0.1.0/24", master_subnet=other["id"]))
    assert part["master_subnet"] == other["id"]
    assert done(ipam.get(f"subnet/{lan['id']}/")) == lan


@pytest.mark.parametrize(
    ("network", "more", "field", "text"),
    [
        ("zz", {}, "subnet", "'zz' does not appear to be an IPv4 or IPv6 network"),
        ("192.168.10.0/25", {}, "subnet", "Subnet overlaps with 192.168.10.0/24."),
        ("10.1.0.0/24", {"master_subnet": "lan"}, "master_subnet", "Invalid master subnet."),
    ],
    ids=["no network", "overlapping", "not in its master"],
)
def test_subnets_that_are_refused(
    ipam: Ipam, lan: dict[str, Any], network: str, more: dict[str, str], field: str, text: str
) -> None:
    named = dict.fromkeys(more, lan["id"])
    assert text in wrong(ipam.subnet(network, **named))[field]
    assert done(ipam.get("subnet/"))["count"] == 1


def test_a_network_once_in_an_organization(ipam: Ipam, lan: dict[str, Any]) -> None:
    found = wrong(ipam.subnet("192.168.10.0/24"))
    assert "unique" in str(found)
    assert "organization" in str(found)


def test_addresses(ipam: Ipam, lan: dict[str, Any]) -> None:
    path = f"subnet/{lan['id']}/ip-address/"
    first = made(ipam.post(path, ip_address="192.168.10.1", subnet=lan["id"], description="gateway"))
    assert sorted(first) == sorted(ADDRESS_FIELDS)
    assert wrong(ipam.post(path, ip_address="192.168.10.1", subnet=lan["id"]))["ip_address"] == [
        "IP address already used."
    ]
    assert wrong(ipam.post(path, ip_address="10.0.0.1", subnet=lan["id"]))["ip_address"] == [
        "IP address does not belong to the subnet"
    ]
    assert [each["ip_address"] for each in done(ipam.get(path))["results"]] == ["192.168.10.1"]
    assert done(ipam.get(f"ip-address/{first['id']}/")) == first
    gone = ipam.client.delete(f"{BASE}/ip-address/{first['id']}/")
    assert gone.status_code == 204


def test_the_next_address(ipam: Ipam) -> None:
    lan = made(ipam.subnet("192.168.20.0/30"))
    next_path, request_path = (f"subnet/{lan['id']}/{end}/" for end in ("get-next-available-ip", "request-ip"))
    assert done(ipam.get(next_path)) == "192.168.20.1"
    given = made(ipam.post(request_path, description="d"))
    assert (given["ip_address"], given["description"]) == ("192.168.20.1", "d")
    assert made(ipam.post(request_path))["ip_address"] == "192.168.20.2"
    assert done(ipam.get(next_path)) is None
    assert done(ipam.post(request_path, description="d")) is None


def test_hosts_and_allocation(ipam: Ipam, lan: dict[str, Any]) -> None:
    address = made(ipam.post(f"subnet/{lan['id']}/request-ip/", description=""))
    made(ipam.subnet("192.168.10.128/25", master_subnet=lan["id"]))
    hosts = done(ipam.get(f"subnet/{lan['id']}/hosts/"))
    assert sorted(hosts) == ["next", "previous", "results"]
    first, second = hosts["results"][:2]
    assert first == {"address": "192.168.10.1", "used": True, "reserved": False, "ip_address_id": address["id"]}
    assert (second["address"], second["used"]) == ("192.168.10.2", False)
    later = done(ipam.get(f"subnet/{lan['id']}/hosts/", start="192.168.10.200"))["results"]
    assert later[0]["address"] == "192.168.10.200"
    assert done(ipam.get(f"subnet/{lan['id']}/allocation/")) == {
        "total": 254, "used": 1, "reserved": 127, "available": 126,
    }  # fmt: skip


def test_export_and_import(ipam: Ipam, lan: dict[str, Any]) -> None:
    made(ipam.post(f"subnet/{lan['id']}/request-ip/", description="gateway"))
    exported = ipam.client.post(f"{BASE}/subnet/{lan['id']}/export/")
    assert exported["Content-Type"].startswith("text/csv")
    assert "ip_address.csv" in exported["Content-Disposition"]
    lines = exported.content.decode().splitlines()
    assert [line.rstrip(",") for line in lines[:3]] == ["192.168.10.0/24", "192.168.10.0/24", ipam.organization.slug]
    assert "ip_address,description" in lines
    assert "192.168.10.1,gateway" in lines
    IpAddress.objects.all().delete()
    file = SimpleUploadedFile("ip_address.csv", exported.content)
    answer = ipam.client.post(f"{BASE}/import-subnet/", {"csvfile": file})
    assert done(answer) == {"detail": "Data imported successfully."}
    assert str(IpAddress.objects.get().ip_address) == "192.168.10.1"
    wrong_kind = ipam.client.post(f"{BASE}/import-subnet/", {"csvfile": SimpleUploadedFile("a.txt", b"x")})
    assert wrong(wrong_kind) == {"error": "File type not supported."}
    assert wrong(ipam.client.post(f"{BASE}/import-subnet/"))


def test_what_is_not_there(ipam: Ipam) -> None:
    for path in (f"subnet/{uuid.uuid4()}/", "subnet/nothing/", f"ip-address/{uuid.uuid4()}/"):
        answer = ipam.get(path)
        assert answer.status_code == 404, path
        assert answer["Content-Type"] == "application/json"


def test_other_organizations_and_people_without_permission(
    ipam: Ipam, lan: dict[str, Any], other: Organization
) -> None:
    stranger = make.person("stranger", other, "Administrator")
    for path in (f"subnet/{lan['id']}/", f"subnet/{lan['id']}/hosts/"):
        assert stranger.get(f"{BASE}/{path}").status_code in (403, 404)
    reader = make.person("reader", ipam.organization)
    body = {"name": "n", "subnet": "10.5.0.0/24", "organization": str(ipam.organization.pk)}
    assert reader.post(f"{BASE}/subnet/", body, content_type="application/json").status_code == 403
    address = {"ip_address": "192.168.10.9", "subnet": lan["id"]}
    path = f"{BASE}/subnet/{lan['id']}/ip-address/"
    assert reader.post(path, address, content_type="application/json").status_code == 403
    without = ipam.post("subnet/", name="everybody's", subnet="10.6.0.0/24")
    assert without.status_code in (400, 403)
