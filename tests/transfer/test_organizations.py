"""A whole organization goes to a file and comes from it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.config.models import DeviceGroup, OrganizationConfigSettings, OrganizationLimits, Template, Vpn
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make

pytestmark = pytest.mark.django_db
SECRETS = ("auth_token", "shared_secret", "PRIVATE KEY", "very-secret", "passphrase", "webhook_endpoint")


@pytest.fixture
def shop() -> Organization:
    """An organization that has all that a file holds."""
    owner = make.organization("shop", context={"ssid": "shop"})
    OrganizationLimits.objects.filter(organization=owner).update(device_limit=7)
    shared = make.template(None, "shared")
    openvpn = make.vpn(owner, "OpenVpn", "openvpn", webhook_endpoint="https://very-secret.example.org")
    wireguard = make.vpn(owner, "Wireguard", "wireguard", auth_token="very-secret")
    generic = make.template(owner, "generic", required=True, default_values={"a": "b"}, notes="n")
    generic.tags.set(["one", "two"])
    client = make.vpn_template(openvpn, name="client")
    other = make.vpn_template(wireguard, name="wg-client", default=True)
    make.group(owner, "group", templates=[client, shared], context={"x": "y"}, meta_data={"captive": 1})
    assert other.default
    return owner


def exported(slug: str = "shop") -> Any:
    output = io.StringIO()
    call_command("export_organization", slug, stdout=output)
    return json.loads(output.getvalue())


def imported(path: Path, document: Any, *options: str) -> str:
    path = path / "organization.json"
    path.write_text(json.dumps(document))
    output = io.StringIO()
    call_command("import_organization", str(path), *options, stdout=output)
    return output.getvalue()


def emptied() -> None:
    """Another controller, with the same shared objects."""
    Vpn.objects.all().delete()
    Organization.objects.filter(slug="shop").delete()
    Subnet.objects.all().delete()
    Ca.objects.all().delete()
    assert not Template.objects.exclude(organization=None).exists()


def state() -> Any:
    document = exported()
    document.pop("exported")
    for name in ("cas", "vpns"):
        for row in document[name]:
            row.pop("ca", None)
    for row in document["cas"]:
        row.pop("id")
    return document


def test_there_and_back(shop: Organization, tmp_path: Path) -> None:
    document, before = exported(), state()
    text = json.dumps(document)
    assert [secret for secret in SECRETS if secret in text] == []
    keys = set(Vpn.objects.values_list("key", "public_key"))
    assert not [vpn.name for vpn in Vpn.objects.all() if vpn.key in text or (vpn.private_key or "PRIVATE") in text]
    assert OrganizationConfigSettings.objects.get(organization=shop).shared_secret not in text
    emptied()
    told = imported(tmp_path, document)
    assert "objects were created in shop" in told
    assert state() == before
    assert not keys & set(Vpn.objects.values_list("key", "public_key"))
    openvpn = Vpn.objects.get(name="openvpn")
    assert openvpn.cert.ca == openvpn.ca
    assert openvpn.released is not None or openvpn.cert.certificate
    settings = OrganizationConfigSettings.objects.get(organization__slug="shop")
    assert settings.context == {"ssid": "shop"}
    assert settings.shared_secret
    group = DeviceGroup.objects.get()
    assert [template.name for template in group.templates.all()] == ["client", "shared"]
    config = make.device(group.organization, group=group).config
    assert config.compile_error == ""
    assert config.checksum


def test_identifiers_that_are_taken(shop: Organization, tmp_path: Path) -> None:
    """On the same controller everything gets another identifier, and refers to its own."""
    document = exported()
    document["organization"].update(slug="copy", name="copy")
    told = imported(tmp_path, document)
    assert "gets another identifier" in told
    copy = Organization.objects.get(slug="copy")
    for model in (Template, Vpn, DeviceGroup, Subnet, Ca, Cert):
        rows = model.objects.filter(organization=copy)
        assert rows.count() == model.objects.filter(organization=shop).count(), model
        assert rows.exists()
    client = Template.objects.get(organization=copy, name="client")
    assert client.vpn.organization == copy
    text = json.dumps(client.config)
    assert client.vpn.pk.hex in text
    assert Vpn.objects.get(organization=shop, name="openvpn").pk.hex not in text
    group = DeviceGroup.objects.get(organization=copy)
    assert [template.organization for template in group.templates.all()] == [copy, None]
    assert IpAddress.objects.filter(subnet__organization=copy).exists()


def test_into_an_organization(shop: Organization, other: Organization, tmp_path: Path) -> None:
    imported(tmp_path, exported(), "--into", other.slug)
    assert Template.objects.filter(organization=other).count() == 3
    before = {model: model.objects.count() for model in (Template, Vpn, DeviceGroup, Ca, Subnet)}
    with pytest.raises(CommandError) as error:
        imported(tmp_path, exported(), "--into", other.slug)
    for name in ("openvpn", "generic", "group"):
        assert f"'{name}'" in str(error.value)
    assert "already exists" in str(error.value)
    assert {model: model.objects.count() for model in before} == before


def test_dry_run(shop: Organization, tmp_path: Path) -> None:
    document = exported()
    emptied()
    told = imported(tmp_path, document, "--dry-run")
    assert "vpns 'openvpn'" in told
    assert "would be created" in told
    assert not Organization.objects.filter(slug="shop").exists()
    assert not Vpn.objects.exists()


def test_what_is_there_already(shop: Organization, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is an organization “shop” already"):
        imported(tmp_path, exported())


def test_shared_objects_that_are_missing(shop: Organization, tmp_path: Path) -> None:
    document = exported()
    emptied()
    Template.objects.all().delete()
    with pytest.raises(CommandError, match="It needs “shared”"):
        imported(tmp_path, document)
    assert not Organization.objects.filter(slug="shop").exists()
    make.template(None, "shared")  # another one of that name
    imported(tmp_path, document)


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.update(version=2),
        lambda document: document.update(format="x"),
        lambda document: document.pop("templates"),
        lambda document: document.update(templates={}),
        lambda document: document.update(templates=[1]),
        lambda document: document["templates"].append(document["templates"][0]),
        lambda document: document["templates"][0].update(id="x"),
        lambda document: document["templates"][0].update(id=None),
        lambda document: document["templates"][0].update(name=["x"] * 100),
        lambda document: document["templates"][0].update(config=5),
        lambda document: document["templates"][0].update(vpn="00000000-0000-4000-8000-000000000000"),
        lambda document: document["templates"][0].update(backend={}),
        lambda document: document["templates"][0].pop("name"),
        lambda document: document["vpns"][0].update(backend="x"),
        lambda document: document["vpns"][1].update(ip="x"),
        lambda document: document["vpns"][0].update(host=5, config="x"),
        lambda document: document["groups"][0].update(templates=["x"]),
        lambda document: document["groups"][0].update(templates=5),
        lambda document: document["groups"][0].update(context=[1]),
        lambda document: document["subnets"][0].update(subnet="x/y"),
        lambda document: document["subnets"][0].update(subnet=None),
        lambda document: document["cas"][0].update(key_length="x"),
        lambda document: document["cas"][0].update(extensions=5),
        lambda document: document["settings"].update(context=5),
        lambda document: document["limits"].update(device_limit="x"),
        lambda document: document["organization"].update(name=None),
        lambda document: document["organization"].update(slug={}),
        lambda document: document["organization"].update(id=5),
    ],
)
def test_files_that_are_wrong(shop: Organization, tmp_path: Path, edit: Any) -> None:
    document = exported()
    emptied()
    edit(document)
    with pytest.raises(CommandError) as error:
        imported(tmp_path, document)
    assert str(error.value)
    assert not Organization.objects.filter(slug="shop").exists()
    assert not Vpn.objects.exists()


def test_zerotier_needs_its_token(organization: Organization, tmp_path: Path) -> None:
    document = exported(organization.slug)
    document["organization"].update(slug="copy")
    row = {"id": "00000000-0000-4000-8000-000000000000", "name": "zt", "host": "localhost:9993",
           "backend": "openwisp_controller.vpn_backends.ZeroTier", "config": make.ZEROTIER}  # fmt: skip
    document["vpns"] = [row]
    with pytest.raises(CommandError, match="auth_token"):
        imported(tmp_path, document)


def test_files_and_slugs_that_are_not_there(organization: Organization, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="acme"):
        call_command("export_organization", "nowhere")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_organization", str(tmp_path / "missing"))
    with pytest.raises(CommandError, match="nowhere"):
        imported(tmp_path, exported("acme"), "--into", "nowhere")
    target = tmp_path / "file"
    call_command("export_organization", "acme", "--output", str(target))
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_organization", "acme", "--output", str(target))
    target.write_bytes(b"\xff[")
    with pytest.raises(CommandError, match="not valid JSON"):
        call_command("import_organization", str(target))


LIST = "/admin/openwisp_users/organization/"
IMPORT = f"{LIST}import/"


def send(client: Client, document: Any, **data: Any) -> Any:
    file = SimpleUploadedFile("organization.json", json.dumps(document).encode())
    return client.post(IMPORT, {"file": file, **data})


class TestPages:
    """The same in the administration."""

    def test_there_and_back(self, shop: Organization, root: Client) -> None:
        page = f"{LIST}{shop.pk}/export/"
        assert page in root.get(f"{LIST}{shop.pk}/change/").content.decode()
        assert IMPORT in root.get(LIST).content.decode()
        answer = root.get(page)
        assert "shop.json" in answer["Content-Disposition"]
        document, before = json.loads(answer.content), state()
        emptied()
        answer = send(root, document)
        assert "wireguard" in answer.content.decode()
        assert not Vpn.objects.exists()
        confirmed = {"document": answer.context["document"], "into": "", "confirmed": "1"}
        assert root.post(IMPORT, confirmed).status_code == 302
        assert state() == before
        version = Version.objects.get_for_object(Template.objects.get(name="generic")).first()
        assert version.revision.user.username == "root"

    def test_conflicts(self, shop: Organization, root: Client) -> None:
        answer = send(root, exported())
        assert "There is an organization “shop” already" in answer.content.decode()
        assert "Confirm import" not in answer.content.decode()
        confirmed = {"document": json.dumps(exported()), "into": "", "confirmed": "1"}
        assert root.post(IMPORT, confirmed).status_code == 200
        assert Organization.objects.filter(slug="shop").count() == 1

    def test_managers(self, shop: Organization, organization: Organization, administrator: Client) -> None:
        """They import into organizations that they manage, and export these."""
        assert administrator.get(f"{LIST}{organization.pk}/export/").status_code == 200
        assert administrator.get(f"{LIST}{shop.pk}/export/").status_code in (302, 403, 404)
        document = exported()
        assert send(administrator, document).context["form"].errors["into"]
        assert send(administrator, document, into=str(shop.pk)).context["form"].errors["into"]
        answer = send(administrator, document, into=str(organization.pk))
        assert not answer.context["plan"].problems
        confirmed = {"document": answer.context["document"], "into": str(organization.pk), "confirmed": "1"}
        assert administrator.post(IMPORT, confirmed).status_code == 302
        assert Template.objects.filter(organization=organization).count() == 3

    def test_those_who_may_not(self, shop: Organization, organization: Organization) -> None:
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_organization", "view_template", "change_template")
        assert viewer.get(f"{LIST}{organization.pk}/export/").status_code == 403
        assert viewer.get(IMPORT).status_code == 403
        assert send(viewer, exported(), into=str(organization.pk)).status_code == 403
        make.permit(viewer, "view_organization", "add_template", "add_devicegroup", "add_vpn")
        problems = send(viewer, exported(), into=str(organization.pk)).context["plan"].problems
        assert {kind for kind, _name, text in problems if "may not add" in text} == {"cas", "subnets"}

    def test_shared_objects_are_for_superusers(self, organization: Organization, administrator: Client) -> None:
        owner = make.organization("other-shop")
        make.vpn(owner, "Wireguard", "wireguard", subnet=make.subnet(None))
        answer = send(administrator, exported("other-shop"), into=str(organization.pk))
        problems = answer.context["plan"].problems
        assert [kind for kind, _name, text in problems if "only superusers" in text] == ["vpns"], problems

    @pytest.mark.parametrize("content", [b"", b"x", b"[]", b"\xff", b"{}", b"[" * 5000])
    def test_nonsense(self, root: Client, content: bytes) -> None:
        answer = root.post(IMPORT, {"file": SimpleUploadedFile("a.json", content)})
        assert answer.status_code == 200
        assert answer.context["form"].errors
        assert root.post(IMPORT, {"document": content.decode(errors="replace"), "confirmed": "1"}).status_code == 200
