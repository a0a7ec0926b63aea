"""Exporting and importing devices in the administration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.config.models import Config, Device, OrganizationLimits, Revision, Template
from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make
from ..recorder import SignalRecorder
from .helpers import checked, confirm, errors, exported, imported, rows_of, send, table

pytestmark = pytest.mark.django_db
COLUMNS = (
    "name,mac_address,organization,group,model,os,system,notes,venue,address,coords,is_mobile,venue_type,floor,"
    "floor_position,last_ip,management_ip,config_status,config_backend,config_data,config_context,config_templates,"
    "created,modified,id,key,organization_id,group_id,location_id,floorplan_id"
)
FORMATS = ("csv", "xlsx", "tsv", "json", "yaml")


def fleet(owner: Organization) -> list[Device]:
    """Devices that have everything that a file holds."""
    shared, required = make.template(None, "shared"), make.template(owner, "required", required=True)
    own = make.template(owner, "own", default_values={"ssid": "none"})
    group = make.group(owner, "group", templates=[own])
    result = [
        make.device(
            owner, "full", group=group, notes='=1+1\r\n"quoted", ünï\tcode', model="-x", os="@os", system="'=y_x000D_"
        ),
        make.device(owner, "bare", management_ip="10.0.0.7", last_ip="10.0.0.8"),
        make.device(owner, "configured"),
    ]
    config = Config.objects.get(device=result[0])
    config.config, config.context = {"general": {"timezone": "UTC", "ntp": "ü"}}, {"ssid": "=office", "number": 1}
    config.save()
    config.templates.set([own, required, shared])
    config = make.config(result[2])
    config.templates.add(shared)
    place = make.location(owner, "town hall", type="indoor", address="Via Roma 1")
    make.position(result[0], place)
    make.position(result[1], make.location(owner, "van", is_mobile=True))
    return result


def state() -> dict[str, Any]:
    """All that a file says of the devices, and what comes of it."""
    found = {}
    for device in Device.objects.all():
        config = Config.objects.filter(device=device).first()
        position = DeviceLocation.objects.filter(content_object=device).select_related("location").first()
        place = position.location if position is not None else None
        found[str(device.pk)] = {
            **{name: getattr(device, name) for name in ("name", "mac_address", "organization_id", "group_id", "model",
               "os", "system", "notes", "last_ip", "management_ip", "key", "created")},
            "config": config and (config.backend, config.config, config.context, config.checksum),
            "templates": config and [template.pk for template in config.ordered_templates()],
            "place": place and (place.pk, place.name, place.type, place.address, place.is_mobile, place.geometry.wkt),
        }  # fmt: skip
    return found


def test_columns_in_their_order(root: Client, organization: Organization) -> None:
    make.device(organization)
    assert exported(root).decode().splitlines()[0] == COLUMNS


@pytest.mark.parametrize("kind", FORMATS)
def test_a_fleet_comes_back(root: Client, organization: Organization, kind: str) -> None:
    devices = fleet(organization)
    before, content = state(), exported(root, kind)
    for device in devices:
        device.delete(check_deactivated=False)
    Location.objects.all().delete()
    row = imported(root, content, f"devices.{kind}")
    assert row.report == {"new": 3, "changed": 0, "unchanged": 0}
    assert state() == before


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_there_already_is_left_alone(root: Client, organization: Organization, kind: str) -> None:
    fleet(organization)
    content = exported(root, kind)
    versions, revisions = Version.objects.count(), Revision.objects.count()
    modified = list(Device.objects.values_list("modified", flat=True))
    with SignalRecorder() as recorder:
        row = imported(root, content, f"devices.{kind}")
    assert row.report == {"new": 0, "changed": 0, "unchanged": 3}
    assert recorder.names == []
    assert (Version.objects.count(), Revision.objects.count()) == (versions, revisions)
    assert list(Device.objects.values_list("modified", flat=True)) == modified


def test_formulas_are_text(root: Client, organization: Organization) -> None:
    make.device(organization, "dev-a", notes="=cmd|' /C calc'!A0", model="+1", os="-1", system="@x")
    (row,) = rows_of(exported(root))
    assert [row[name] for name in ("notes", "model", "os", "system")] == ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x"]
    assert not any(value.startswith(("=", "+", "-", "@")) for value in row.values())


def test_the_least_that_a_row_needs(root: Client, organization: Organization) -> None:
    content = table(
        {"organization_id": str(organization.pk), "name": "dev-a", "mac_address": "02:00:00:00:00:01"},
        {"organization_id": organization.slug, "name": "dev-b", "mac_address": "02:00:00:00:00:02"},
        {"organization_id": organization.name, "name": "dev-c", "mac_address": "02-00-00-00-00-03"},
    )
    imported(root, content)
    assert set(Device.objects.values_list("name", "organization")) == {(f"dev-{x}", organization.pk) for x in "abc"}
    assert all(Device.objects.values_list("key", flat=True))
    assert not Config.objects.exists()


@pytest.mark.parametrize("name", ["pk", "slug", "name"])
def test_organization_in_its_own_column(root: Client, organization: Organization, name: str) -> None:
    given = str(getattr(organization, name))
    imported(root, table({"organization": given, "name": "dev-a", "mac_address": "02:00:00:00:00:01"}))
    assert Device.objects.get().organization == organization


def test_a_row_changes_a_device(root: Client, organization: Organization, recorded: SignalRecorder) -> None:
    config = make.config(organization, config={"general": {"timezone": "UTC"}})
    checksum = config.checksum
    row = {"id": str(config.device.pk), "name": "renamed", "config_data": '{"general": {"timezone": "Europe/Rome"}}'}
    preview = checked(root, table(row))
    assert preview.report["errors"] == 0, preview.report
    assert Device.objects.get().name != "renamed"
    page = root.get(f"/admin/config/device/import/{preview.pk}/").content.decode()
    assert "renamed" in page
    assert "config_data" in page
    assert "mac_address" not in page
    assert confirm(root, preview).state == "done"
    config = Config.objects.get()
    assert (config.device.name, config.config) == ("renamed", {"general": {"timezone": "Europe/Rome"}})
    assert config.checksum != checksum
    version = Version.objects.get_for_object(config.device).first()
    assert version.revision.user.username == "root"


def test_templates_of_new_devices(root: Client, organization: Organization) -> None:
    default, required = make.template(organization, default=True), make.template(organization, required=True)
    chosen = make.template(organization)
    row = {"organization": organization.slug, "name": "dev-a", "mac_address": "02:00:00:00:00:01",
           "config_backend": make.BACKEND}  # fmt: skip
    imported(root, table(row))
    imported(root, table({**row, "name": "dev-b", "mac_address": "02:00:00:00:00:02", "config_templates": chosen.pk}))
    imported(root, table({**row, "name": "dev-c", "mac_address": "02:00:00:00:00:03", "config_templates": ""}))
    templates = {config.name: config.ordered_templates() for config in Config.objects.all()}
    assert templates == {"dev-a": [required, default], "dev-b": [required, chosen], "dev-c": [required]}


def test_all_or_nothing(root: Client, organization: Organization) -> None:
    rows = [{"organization": "acme", "name": f"d{n}", "mac_address": f"02:00:00:00:00:0{n}"} for n in range(3)]
    rows[2]["name"] = "not a name"
    assert [(row, column) for row, column, _ in errors(root, table(*rows))] == [(4, "name")]
    assert not Device.objects.exists()


def test_what_is_wrong_by_the_time_of_the_import(root: Client, organization: Organization) -> None:
    rows = [{"organization": "acme", "name": f"d{n}", "mac_address": f"02:00:00:00:00:0{n}"} for n in range(3)]
    row = checked(root, table(*rows))
    taken = make.device(organization, "taken", mac_address="02:00:00:00:00:02")
    with SignalRecorder() as recorder:
        row = confirm(root, row)
    assert row.state == "failed"
    assert [each["row"] for each in row.report["listed"]] == [4]
    assert list(Device.objects.all()) == [taken]
    assert recorder.names == []
    assert row.table == {}


def bad(organization: Organization, **cells: Any) -> bytes:
    return table({"organization_id": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01", **cells})


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"organization_id": "nowhere"}, "organization_id"),
        ({"organization_id": ""}, "organization_id"),
        ({"name": ""}, "name"),
        ({"mac_address": "nonsense"}, "mac_address"),
        ({"mac_address": ""}, "mac_address"),
        ({"id": "5"}, "id"),
        ({"group_id": "5"}, "group_id"),
        ({"group_id": "00000000-0000-4000-8000-000000000000"}, "group_id"),
        ({"last_ip": "x"}, "last_ip"),
        ({"management_ip": "0.0.0.0"}, "management_ip"),
        ({"key": "short"}, "key"),
        ({"created": "yesterday"}, "created"),
        ({"config_backend": "nonsense"}, "config_backend"),
        ({"config_data": "{"}, "config_data"),
        ({"config_data": "[]"}, "config_data"),
        ({"config_data": '{"general": 5}'}, "config_data"),
        ({"config_context": "nonsense"}, "config_context"),
        ({"config_templates": "x"}, "config_templates"),
        ({"config_templates": "00000000-0000-4000-8000-000000000000"}, "config_templates"),
        ({"location_id": "x"}, "location_id"),
        ({"location_id": "00000000-0000-4000-8000-000000000000"}, "location_id"),
        ({"location_id": "00000000-0000-4000-8000-000000000000", "venue": "v", "coords": "x"}, "coords"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_column(root: Client, organization: Organization, cells: Any, column: str) -> None:
    found = errors(root, bad(organization, **cells))
    assert {name for _, name, _ in found} == {column}, found
    assert all(message for _, _, message in found)
    assert not Device.objects.exists()
    assert not Location.objects.exists()


@pytest.mark.parametrize("column", ["mac_address", "key", "id", "management_ip"])
def test_two_rows_with_the_same_value(root: Client, organization: Organization, column: str) -> None:
    first = {"organization_id": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01", "key": "a" * 32,
             "id": "00000000-0000-4000-8000-000000000000", "management_ip": "10.0.0.1"}  # fmt: skip
    second = {"organization_id": "acme", "name": "dev-b", "mac_address": "02:00:00:00:00:02", "key": "b" * 32,
              "id": "00000000-0000-4000-8000-000000000001", "management_ip": "10.0.0.2"}  # fmt: skip
    (found,) = errors(root, table(first, {**second, column: first[column]}))
    assert found[:2] == (3, column)
    assert "Row 2" in found[2]


def test_limit_of_devices(root: Client, organization: Organization) -> None:
    OrganizationLimits.objects.update_or_create(organization=organization, defaults={"device_limit": 2})
    rows = [{"organization": "acme", "name": f"d{n}", "mac_address": f"02:00:00:00:00:0{n}"} for n in range(3)]
    assert [row for row, _, _ in errors(root, table(*rows))] == [4]
    imported(root, table(*rows[:2]))


def test_same_mac_address_in_another_organization(root: Client, organization: Organization, other: Any) -> None:
    make.device(other, "dev-a", mac_address="02:00:00:00:00:01")
    imported(root, table({"organization": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01"}))
    assert Device.objects.count() == 2


def test_deactivated_devices_stay(root: Client, organization: Organization) -> None:
    device = make.config(organization).device
    device.deactivate()
    content = table({"id": str(device.pk), "name": "renamed"})
    assert "deactivated" in errors(root, content)[0][2]


def test_unknown_columns_are_told(root: Client, organization: Organization) -> None:
    row = checked(root, bad(organization, modell="x"))
    assert row.report["ignored"] == ["modell"]


class TestPeople:
    """Who may do what with whose devices."""

    def test_export_is_limited(self, administrator: Client, organization: Organization, other: Any) -> None:
        make.device(organization, "mine"), make.device(other, "theirs")
        assert [row["name"] for row in rows_of(exported(administrator))] == ["mine"]

    def test_export_follows_the_filters(self, root: Client, organization: Organization, other: Any) -> None:
        make.device(organization, "mine"), make.device(other, "theirs")
        assert [row["name"] for row in rows_of(exported(root, query="?q=theirs"))] == ["theirs"]
        query = f"?organization__id__exact={organization.pk}"
        assert [row["name"] for row in rows_of(exported(root, query=query))] == ["mine"]

    def test_who_may_look_gets_no_secrets(self, organization: Organization) -> None:
        make.config(organization, context={"password": "secret-value"})
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_device")
        (row,) = rows_of(exported(viewer))
        assert (row["key"], row["config_context"], row["config_data"]) == ("", "", "")
        assert row["name"]

    def test_import_into_foreign_organizations(self, administrator: Client, organization: Any, other: Any) -> None:
        foreign = make.device(other)
        row = {"organization_id": str(other.pk), "name": "dev-a", "mac_address": "02:00:00:00:00:01"}
        assert errors(administrator, table(row))[0][1] == "organization_id"
        found = errors(administrator, table({"id": str(foreign.pk), "name": "stolen"}))
        assert found[0][1] == "id"
        mine = make.device(organization)
        moved = table({"id": str(mine.pk), "organization_id": str(other.pk)})
        assert errors(administrator, moved)[0][1] == "organization_id"
        template, group = make.template(other), make.group(other)
        base = {"organization_id": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01"}
        assert errors(administrator, table({**base, "config_templates": template.pk}))[0][1] == "config_templates"
        assert errors(administrator, table({**base, "group_id": group.pk}))[0][1] == "group_id"
        place = make.location(other)
        assert errors(administrator, table({**base, "location_id": place.pk, "venue": "x"}))[0][1] == "location_id"

    @pytest.mark.parametrize(
        ("permissions", "expected"),
        [((), (403, 403)), (("view_device",), (200, 403)), (("add_device", "view_device"), (200, 302)),
         (("change_device",), (200, 302))],
    )  # fmt: skip
    def test_pages(self, organization: Any, permissions: Any, expected: Any) -> None:
        person = make.person("someone", organization)
        make.permit(person, *permissions)
        assert person.get("/admin/config/device/export/").status_code == expected[0]
        assert send(person, bad(organization)).status_code == expected[1]
        if expected[1] == 403:
            for address in ("/admin/config/device/import/", "/admin/config/device/import/example.csv"):
                assert person.get(address).status_code == 403
            assert person.post("/admin/config/device/process_import/", {"import": "x"}).status_code == 403

    def test_only_what_is_permitted(self, organization: Any) -> None:
        person = make.person("someone", organization)
        make.permit(person, "change_device")
        assert "may not add" in errors(person, bad(organization))[0][2]
        make.permit(person, "add_device", "view_device")
        device = make.device(organization)
        assert "may not change" in errors(person, table({"id": str(device.pk), "name": "x"}))[0][2]

    def test_imports_of_others(self, root: Client, administrator: Client, organization: Organization) -> None:
        row = checked(administrator, bad(organization))
        assert root.get(f"/admin/config/device/import/{row.pk}/").status_code == 404
        assert root.post("/admin/config/device/process_import/", {"import": str(row.pk)}).status_code == 404
        assert root.get("/admin/config/device/process_import/").status_code == 405

    def test_buttons(self, root: Client, organization: Organization) -> None:
        page = root.get("/admin/config/device/?q=x").content.decode()
        assert 'href="/admin/config/device/import/"' in page
        assert 'href="/admin/config/device/export/?q=x"' in page
        viewer = make.person("viewer", organization)
        make.permit(viewer, "view_device")
        page = viewer.get("/admin/config/device/").content.decode()
        assert "/device/import/" not in page
        assert "/device/export/" in page


class TestFiles:
    """Files that cannot be read are refused with words, never with an error of the server."""

    @pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx", "a.json", "a.yaml", "a.exe"])
    @pytest.mark.parametrize(
        "content",
        [b"", b"   \n", bytes(range(256)) * 40, b"PK\x03\x04nonsense", b"\xff\xfex", b"name\n",
         "näme;x".encode("latin-1"), b'"', b"[" * 5000, b"null", b"5", b'{"name": 1}', b"- a\n- b",
         b"a: &a [x]\nb: *a", b"name,name\na,b", b"name,,x\na,b,c", b"a,b\n1,2,3", b"name\n" + b"x" * 500_000,
         b"\x00" * 100, b"<html>", b"name\nx\n"],
        ids=lambda content: repr(content[:12]),
    )  # fmt: skip
    def test_nonsense(self, root: Client, organization: Organization, name: str, content: bytes) -> None:
        answer = send(root, content, name)
        assert answer.status_code == 200
        assert answer.context["form"].errors

    def test_too_large(self, root: Client, organization: Organization) -> None:
        answer = send(root, b"name\n" + b"x" * (20 * 1024 * 1024), "a.csv")
        assert answer.status_code == 200
        assert "split it" in str(answer.context["form"].errors)

    def test_too_many_rows(self, root: Client, organization: Organization) -> None:
        answer = send(root, b"name,mac_address,organization\n" + b"a,b,c\n" * 20_001)
        assert "split it" in str(answer.context["form"].errors)

    def test_missing_columns(self, root: Client, organization: Organization) -> None:
        answer = send(root, b"name,model\na,b\n")
        assert "mac_address, organization_id" in str(answer.context["form"].errors)

    def test_no_file(self, root: Client, organization: Organization) -> None:
        assert root.post("/admin/config/device/import/", {}).context["form"].errors
        assert root.post("/admin/config/device/import/", {"import_file": "text"}).context["form"].errors

    def test_spreadsheets_of_other_countries(self, root: Client, organization: Organization) -> None:
        text = "name;mac_address;organization;notes\r\ndev-a;02:00:00:00:00:01;acme;ü\r\n"
        imported(root, text.encode("utf-8-sig"))
        imported(root, text.replace("dev-a;02:00:00:00:00:01", "dev-b;02:00:00:00:00:02").encode("utf-16"))
        assert list(Device.objects.values_list("notes", flat=True)) == ["ü", "ü"]

    def test_objects_in_json(self, root: Client, organization: Organization) -> None:
        row = {"organization": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01",
               "config_context": {"a": [1]}, "config_backend": make.BACKEND,
               "config_data": {"general": {"timezone": "UTC"}}}  # fmt: skip
        imported(root, json.dumps([row]).encode(), "a.json")
        assert Config.objects.get().context == {"a": [1]}

    def test_html_is_written(self, root: Client, organization: Organization) -> None:
        make.device(organization, "dev-a", notes="<script>")
        assert b"<script>" not in exported(root, "html")

    def test_what_a_spreadsheet_cannot_hold(self, root: Client, organization: Organization) -> None:
        make.device(organization, "dev-a", notes="x" * 40_000)
        answer = root.post("/admin/config/device/export/", {"format": "xlsx"})
        assert "choose another format" in str(answer.context["form"].errors)

    def test_example(self, root: Client, organization: Organization) -> None:
        answer = root.get("/admin/config/device/import/example.csv")
        content = bytes(answer.content).replace(b"my-organization", b"acme")
        imported(root, content)
        assert Config.objects.get().context == {"ssid": "office"}


def test_templates_in_order(root: Client, organization: Organization) -> None:
    templates = [make.template(organization) for _ in range(3)]
    config = make.config(organization, templates=templates)
    for order in ([2, 0, 1], [1], [0, 2]):
        keys = ",".join(str(templates[at].pk) for at in order)
        imported(root, table({"id": str(config.device.pk), "config_templates": keys}))
        assert Config.objects.get().ordered_templates() == [templates[at] for at in order]
    assert Template.objects.count() == 3


def test_vpn_clients(root: Client, organization: Organization) -> None:
    server = make.vpn(organization)
    template = make.vpn_template(server)
    rows = [
        {"organization": "acme", "name": f"dev-{n}", "mac_address": f"02:00:00:00:00:0{n}",
         "config_backend": make.BACKEND, "config_templates": template.pk}
        for n in range(3)
    ]  # fmt: skip
    row = checked(root, table(*rows))
    assert not server.vpnclient_set.exists()
    assert confirm(root, row).state == "done"
    assert len(set(server.vpnclient_set.values_list("ip__ip_address", flat=True))) == 3
    twice = make.vpn_template(server)
    found = errors(root, table({**rows[0], "name": "dev-9", "mac_address": "02:00:00:00:00:09",
                                "config_templates": f"{template.pk},{twice.pk}"}))  # fmt: skip
    assert found[0][1] == "config_templates"


def test_a_group_brings_its_templates(root: Client, organization: Organization) -> None:
    template = make.template(organization)
    group = make.group(organization, templates=[template])
    row = {"organization": "acme", "name": "dev-a", "mac_address": "02:00:00:00:00:01", "group_id": str(group.pk)}
    imported(root, table(row))
    config = Config.objects.get()
    assert config.ordered_templates() == [template]
    device = config.device
    imported(root, table({"id": str(device.pk), "group_id": ""}))
    device.refresh_from_db()
    assert device.group is None


def test_moving_to_another_organization(root: Client, organization: Organization, other: Organization) -> None:
    template = make.template(other)
    device = make.config(organization).device
    moved = {"id": str(device.pk), "organization_id": other.slug, "config_templates": template.pk}
    imported(root, table(moved))
    device = Device.objects.get()
    assert device.organization == other
    assert device.config.ordered_templates() == [template]


def test_locations(root: Client, organization: Organization) -> None:
    place = make.location(organization, type="indoor")
    plan = make.floorplan(place)
    device = make.device(organization)
    row = {"id": str(device.pk), "location_id": place.pk, "floorplan_id": plan.pk, "floor_position": "-48.4,12.5"}
    imported(root, table(row))
    position = DeviceLocation.objects.get()
    assert (position.location, position.floorplan, position.indoor) == (place, plan, "-48.4,12.5")
    assert rows_of(exported(root))[0]["floor_position"] == "'-48.4,12.5"
    assert imported(root, exported(root)).report["unchanged"] == 1
    assert errors(root, table({**row, "floor_position": "x"}))[0][1] == "floor_position"
    elsewhere = make.location(organization)
    imported(root, table({"id": str(device.pk), "location_id": elsewhere.pk}))
    position.refresh_from_db()
    assert (position.location, position.floorplan) == (elsewhere, None)


def test_two_devices_at_one_new_location(root: Client, organization: Organization) -> None:
    key = "00000000-0000-4000-8000-000000000000"
    rows = [
        {"organization": "acme", "name": f"dev-{n}", "mac_address": f"02:00:00:00:00:0{n}", "location_id": key,
         "venue": "hall", "coords": "POINT (12.5 41.9)", "is_mobile": "False", "venue_type": "indoor"}
        for n in range(2)
    ]  # fmt: skip
    imported(root, table(*rows))
    place = Location.objects.get()
    assert (str(place.pk), place.name, place.type, place.is_mobile) == (key, "hall", "indoor", False)
    assert DeviceLocation.objects.filter(location=place).count() == 2
