"""Importing subnets from files: for whom, and with clear reasons where it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openwisp_ipam.models import IpAddress, Subnet

from .. import factories as make

pytestmark = pytest.mark.django_db
REST = "/api/v1/ipam/import-subnet/"
ADMIN = "/admin/openwisp_ipam/subnet/import-subnet/"
FILE = "office\n10.7.0.0/24\n{organization}\n\nip_address,description\n10.7.0.1,printer{more}\n"


def send(client: Client, url: str, content: str | bytes, name: str = "file.csv") -> Any:
    content = content.encode() if isinstance(content, str) else content
    return client.post(url, {"csvfile": SimpleUploadedFile(name, content)}, follow=True)


@pytest.mark.parametrize("url", [REST, ADMIN])
class TestImport:
    def test_into_the_own_organization(self, administrator: Client, organization: Any, url: str) -> None:
        assert (
            send(administrator, url, FILE.format(organization=organization.slug, more="\n10.7.0.2,x")).status_code
            == 200
        )
        assert Subnet.objects.get().organization == organization
        assert IpAddress.objects.count() == 2

    def test_into_no_other_organization(
        self, administrator: Client, operator: Client, organization: Any, other: Any, url: str
    ) -> None:
        for slug in (other.slug, "", "nowhere"):
            send(administrator, url, FILE.format(organization=slug, more=""))
        send(operator, url, FILE.format(organization=organization.slug, more=""))
        assert not Subnet.objects.exists()

    def test_superusers_share(self, root: Client, url: str) -> None:
        send(root, url, FILE.format(organization="", more=""))
        assert Subnet.objects.get().organization is None

    @pytest.mark.parametrize("more", ["\n10.8.0.1,x", "\nnonsense,x", "\n10.7.0.9"])
    def test_all_or_nothing(self, administrator: Client, organization: Any, url: str, more: str) -> None:
        answer = send(administrator, url, FILE.format(organization=organization.slug, more=more))
        assert answer.status_code == (400 if url == REST else 200)
        assert not Subnet.objects.exists()
        assert not IpAddress.objects.exists()

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("short.csv", "name\n"),
            ("two.csv", "name\n10.0.0.0/24\n"),
            ("binary.csv", b"\x00\xff\xfe"),
            ("garbage.xlsx", b"garbage"),
            ("broken.xlsx", b"PK\x03\x04garbage"),
            ("old.xls", b"\xd0\xcf\x11\xe0"),
        ],
    )
    def test_what_cannot_be_read(
        self, administrator: Client, root: Client, url: str, name: str, content: str | bytes
    ) -> None:
        for client in (administrator, root):
            answer = send(client, url, content, name)
            assert answer.status_code == (400 if url == REST else 200)
        if url == REST:
            assert "The file cannot be read: it needs a line each for name" in answer.json()["error"]
        else:
            assert "The file cannot be read: it needs a line each for name" in answer.content.decode()
        assert not Subnet.objects.exists()


def test_no_file(root: Client) -> None:
    answer = root.post(REST)
    assert (answer.status_code, answer.json()) == (400, {"csvfile": ["No file was submitted."]})


def test_an_overlap_is_explained(root: Client, organization: Any) -> None:
    make.subnet(organization, "10.7.0.0/16")
    answer = send(root, REST, FILE.format(organization=organization.slug, more=""))
    assert answer.status_code == 400
    assert "overlaps with 10.7.0.0/16" in answer.json()["error"]
