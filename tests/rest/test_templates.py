"""Templates: shapes of answers, what is made of input, words of refusals."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from openwisp_users.models import Organization, User
from reversion.models import Version

from openwisp_controller.config.models import Config, Template

from .. import factories as make
from .client import Rest, done, made, wrong

pytestmark = pytest.mark.django_db
FIELDS = {
    "id": str, "name": str, "organization": str | None, "type": str, "backend": str, "vpn": str | None, "tags": list,
    "auto_cert": bool, "default": bool, "required": bool, "notes": str, "default_values": dict, "config": dict,
    "created": str, "modified": str,
}  # fmt: skip
NET = {"interfaces": [{"name": "eth9", "type": "ethernet"}]}
SHARED = "Shared objects are visible to all organizations and must have unique names to avoid confusion."
CHOICE = "Select a valid choice. That choice is not one of the available choices."
EMPTY = ["The configuration field cannot be empty."]


def data(organization: Organization | None, /, **fields: Any) -> dict[str, Any]:
    owner = str(organization.pk) if organization else None
    return {"name": "t1", "organization": owner, "backend": make.BACKEND, "config": NET, **fields}


def test_shapes(rest: Rest, organization: Organization) -> None:
    answer = made(rest.post("/template/", data(organization)))
    listed = done(rest.get("/template/"))
    assert list(listed) == ["count", "next", "previous", "results"]
    assert listed["results"] == [answer]
    assert done(rest.get(f"/template/{answer['id']}/")) == answer
    assert list(answer) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(answer[name], kind), name
    shown = {name: value for name, value in answer.items() if name not in ("id", "created", "modified")}
    assert shown == {
        "name": "t1", "organization": str(organization.pk), "type": "generic", "backend": make.BACKEND, "vpn": None,
        "tags": [], "auto_cert": False, "default": False, "required": False, "notes": "", "default_values": {},
        "config": NET,
    }  # fmt: skip


class TestWrites:
    def test_what_clients_cannot_write_is_ignored(self, rest: Rest, organization: Organization) -> None:
        fixed = {"id": "x", "created": "x", "modified": 5, "unknown": []}
        answer = made(rest.post("/template/", data(organization, **fixed)))
        again = done(rest.patch(f"/template/{answer['id']}/", {**fixed, "notes": "n"}))
        assert (again["id"], again["created"], again["notes"]) == (answer["id"], answer["created"], "n")

    def test_keys_that_are_absent_are_kept(self, rest: Rest, organization: Organization) -> None:
        given = data(organization, notes="n", default=True, default_values={"a": "1"}, tags=["mesh"])
        before = made(rest.post("/template/", given))
        path = f"/template/{before['id']}/"
        answer = done(rest.patch(path, {"name": "t2"}))
        assert {**answer, "modified": ""} == {**before, "name": "t2", "modified": ""}
        needed = {name: given[name] for name in ("name", "backend", "organization")}
        answer = done(rest.put(path, needed))
        assert {**answer, "modified": ""} == {**before, "modified": ""}
        required = ["This field is required."]
        assert wrong(rest.put(path, {})) == {"name": required, "backend": required, "organization": required}

    def test_a_put_of_what_was_read_changes_nothing(self, rest: Rest, organization: Organization) -> None:
        before = made(rest.post("/template/", data(organization, required=True, tags=["mesh"])))
        answer = done(rest.put(f"/template/{before['id']}/", before))
        assert {**answer, "modified": ""} == {**before, "modified": ""}

    def test_required_ones_are_default_ones(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/template/", data(organization, required=True)))
        assert answer["default"] is True
        stored = Template.objects.get()
        assert (stored.required, stored.default) == (True, True)
        made(rest.post("/template/", data(organization, name="t2")))
        path = f"/template/{Template.objects.get(name='t2').pk}/"
        assert done(rest.patch(path, {"required": True}))["default"] is True

    def test_vpn_templates_get_the_automatic_configuration(self, rest: Rest, organization: Organization) -> None:
        server = make.vpn(organization)
        given = data(organization, type="vpn", vpn=str(server.pk), auto_cert=True)
        del given["config"]
        answer = made(rest.post("/template/", given))
        assert answer["config"] == Template.objects.get().config == server.auto_client(True, make.BACKEND)
        assert answer["config"]
        assert (answer["type"], answer["vpn"], answer["auto_cert"]) == ("vpn", str(server.pk), True)
        given = {**given, "name": "t2", "config": {}}
        assert made(rest.post("/template/", given))["config"] == answer["config"]

    def test_tags(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/template/", data(organization, tags=["mesh", "wifi"])))
        assert sorted(answer["tags"]) == ["mesh", "wifi"]
        path = f"/template/{answer['id']}/"
        assert sorted(done(rest.patch(path, {"notes": "n"}))["tags"]) == ["mesh", "wifi"]
        assert done(rest.patch(path, {"tags": ["mesh"]}))["tags"] == ["mesh"]
        assert done(rest.get(path))["tags"] == ["mesh"]

    def test_devices_follow(self, rest: Rest, organization: Organization, committing: Any) -> None:
        config = make.config(organization)
        with committing():
            made(rest.post("/template/", data(organization, required=True)))
        assert [each.name for each in Config.objects.get(pk=config.pk).templates.all()] == ["t1"]
        config = Config.objects.get(pk=config.pk)
        assert config.released is not None
        before = config.released.checksum
        with committing():
            answer = done(rest.patch(f"/template/{Template.objects.get().pk}/", {"config": {"interfaces": []}}))
        assert answer["config"] == {"interfaces": []}
        released = Config.objects.get(pk=config.pk).released
        assert released is not None
        assert released.checksum != before
        with committing():
            assert rest.delete(f"/template/{answer['id']}/").status_code == 204
        assert not Config.objects.get(pk=config.pk).templates.exists()

    def test_history_has_the_person(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/template/", data(organization)))
        done(rest.patch(f"/template/{answer['id']}/", {"notes": "n"}))
        versions = Version.objects.get_for_object(Template.objects.get())
        person = User.objects.get(username="administrator")
        assert [version.revision.user for version in versions] == [person, person]
        assert [version.field_dict["notes"] for version in versions] == ["n", ""]


def test_refusals(rest: Rest, organization: Organization, other: Organization) -> None:
    make.template(organization, "taken")
    make.template(None, "of-all")
    server, foreign = make.vpn(organization), make.vpn(other, subnet=make.subnet(other, "10.9.0.0/16"))
    required = ["This field is required."]
    without = data(organization)
    del without["config"], without["organization"]
    for given, message in (
        ({}, {"name": required, "organization": required, "backend": required}),
        (without, {"organization": required}),
        ({**without, "organization": str(organization.pk)}, {"__all__": EMPTY}),
        ({**without, "organization": str(organization.pk), "type": "generic"}, {"__all__": EMPTY}),
        (data(organization, config={}), {"config": EMPTY}),
        (data(organization, config={}, type="generic"), {"config": EMPTY}),
        (data(None), {"organization": ["This field may not be null."]}),
        (data(other), {"organization": [f'Invalid pk "{other.pk}" - object does not exist.']}),
        (data(organization, organization="zzz"), {"organization": ["“zzz” is not a valid UUID."]}),
        (data(organization, backend="x"), {"backend": ['"x" is not a valid choice.']}),
        (data(organization, type="x"), {"type": ['"x" is not a valid choice.']}),
        (data(organization, type="vpn"), {"vpn": ['A VPN must be selected when template type is "VPN"']}),
        (
            data(organization, type="generic", vpn=str(server.pk)),
            {"vpn": ["To select a VPN, set the template type to 'VPN-client'"]},
        ),
        (data(organization, vpn=str(server.pk)), {"vpn": ["To select a VPN, set the template type to 'VPN-client'"]}),
        (
            data(organization, type="vpn", vpn=str(foreign.pk)),
            {"vpn": [f'Invalid pk "{foreign.pk}" - object does not exist.']},
        ),
        (
            data(organization, default_values=[1]),
            {"default_values": ["the supplied value is not a JSON object"]},
        ),
        (data(organization, config="{}"), {"config": ["Unexpected configuration format."]}),
        (
            data(organization, name="taken"),
            {"non_field_errors": ["The fields organization, name must make a unique set."]},
        ),
        (
            data(organization, name="of-all"),
            {"name": [f"There is already another shared template with this name. {SHARED}"]},
        ),
        (data(organization, name="x" * 65), {"name": ["Ensure this field has no more than 64 characters."]}),
        (data(organization, default="x"), {"default": ["Must be a valid boolean."]}),
    ):  # fmt: skip
        assert wrong(rest.post("/template/", given)) == message, given
    answer = wrong(rest.post("/template/", data(organization, config={"interfaces": {}})))
    assert list(answer) == ["__all__"]
    assert answer["__all__"][0].startswith('Invalid configuration triggered by "#/interfaces", validator says:')
    assert Template.objects.count() == 2


class TestShared:
    def test_names(self, root: Any, organization: Organization) -> None:
        make.template(organization, "taken")
        text = f"There is already a template of another organization with this name. {SHARED}"
        assert wrong(Rest(root).post("/template/", data(None, name="taken"))) == {"name": [text]}
        assert made(Rest(root).post("/template/", data(None)))["organization"] is None
        given = data(None, name="t2")
        del given["organization"]
        assert made(Rest(root).post("/template/", given))["organization"] is None

    def test_managers_only_read_them(self, rest: Rest, root: Any) -> None:
        path = f"/template/{make.template(None, 'of-all').pk}/"
        assert [each["name"] for each in done(rest.get("/template/"))["results"]] == ["of-all"]
        assert done(rest.get(path))["organization"] is None
        refused = {"detail": "You do not have permission to perform this action."}
        for answer in (rest.patch(path, {"notes": "x"}), rest.put(path, {}), rest.delete(path)):
            assert (answer.status_code, answer.json()) == (403, refused)

    def test_a_shared_server_is_used(self, rest: Rest, organization: Organization) -> None:
        server = make.vpn(None)
        given = data(organization, type="vpn", vpn=str(server.pk), config={})
        assert made(rest.post("/template/", given))["vpn"] == str(server.pk)

    def test_servers_of_others(self, root: Any, organization: Organization, other: Organization) -> None:
        server = make.vpn(other)
        answer = wrong(Rest(root).post("/template/", data(organization, type="vpn", vpn=str(server.pk))))
        text = "Please ensure that the organization of this template and the organization of the related VPN server"
        assert answer == {"organization": [f"{text} match."]}


def test_filters(rest: Rest, organization: Organization, other: Organization) -> None:
    server = make.vpn(organization)
    make.template(organization, "plain")
    make.template(organization, "default", default=True)
    make.template(organization, "required", required=True)
    tagged = make.vpn_template(server, name="vpn", backend="netjsonconfig.OpenWisp")
    tagged.tags.add("mesh")
    make.template(None, "of-all")
    everything = ["of-all", "vpn", "required", "default", "plain"]
    for query, found in (
        ({}, everything),
        ({"organization": str(organization.pk)}, everything[1:]),
        ({"organization_slug": "acme"}, everything[1:]),
        ({"organization_slug": "unknown"}, []),
        ({"backend": "netjsonconfig.OpenWisp"}, ["vpn"]),
        ({"type": "vpn"}, ["vpn"]),
        ({"default": "true"}, ["required", "default"]),
        ({"default": "True", "required": "false"}, ["default"]),
        ({"required": "true"}, ["required"]),
        ({"vpn": str(server.pk)}, ["vpn"]),
        ({"tag": "mesh"}, ["vpn"]),
        ({"created__gte": "2020-01-01"}, everything),
        ({"created__lt": "2020-01-01T00:00:00Z"}, []),
        ({"created": "2020-01-01"}, []),
        ({"search": "PLAI"}, ["plain"]),
        ({"ordering": "name"}, ["default", "of-all", "plain", "required", "vpn"]),
        ({"ordering": "-name", "unknown": "x"}, ["vpn", "required", "plain", "of-all", "default"]),
        ({"ordering": "config"}, everything),
    ):
        assert [each["name"] for each in done(rest.get("/template/", **query))["results"]] == found, query
    one_of = "Select a valid choice. zzz is not one of the available choices."
    for query, message in (
        ({"organization": "zzz"}, {"organization": ["“zzz” is not a valid UUID."]}),
        ({"organization": str(other.pk)}, {"organization": [CHOICE]}),
        ({"backend": "zzz"}, {"backend": [one_of]}),
        ({"type": "zzz"}, {"type": [one_of]}),
        ({"default": "zzz"}, {"default": [one_of]}),
        ({"required": "1"}, {"required": [one_of.replace("zzz", "1")]}),
        ({"created": "zzz"}, {"created": ["Enter a valid date/time."]}),
        ({"created__lt": "zzz"}, {"created__lt": ["Enter a valid date/time."]}),
    ):
        assert wrong(rest.get("/template/", **query)) == message, query


def test_download(rest: Rest, organization: Organization, other: Organization) -> None:
    template = make.template(organization, "my template", NET)
    answer = rest.get(f"/template/{template.pk}/configuration/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/octet-stream")
    assert answer["Content-Disposition"] == 'attachment; filename="my template.tar.gz"'
    assert answer["X-Openwisp-Controller"] == "true"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert "eth9" in str([archive.extractfile(name).read() for name in archive.getnames()])  # type: ignore[union-attr]
    foreign = rest.get(f"/template/{make.template(other).pk}/configuration/")
    assert (foreign.status_code, foreign.json()) == (404, {"detail": "No Template matches the given query."})


class TestLocking:
    def test_what_somebody_else_changed_is_named(self, rest: Rest, organization: Organization) -> None:
        path = f"/template/{make.template(organization).pk}/"
        known = rest.get(path)["ETag"]
        answer = rest.patch(path, {"notes": "first"}, if_match=known)
        assert answer.status_code == 200
        assert answer["ETag"] != known
        for refused in (
            rest.patch(path, {"notes": "second"}, if_match=known),
            rest.put(path, {}, if_match=known),
            rest.delete(path, if_match=known),
        ):
            assert (refused.status_code, refused.json()["changed"]) == (412, ["notes"])
        assert done(rest.get(path))["notes"] == "first"
        assert rest.patch(path, {"notes": "x"}, if_match='"unknown"').json()["changed"] == []
        assert rest.patch(path, {"notes": "x"}, if_match="*").status_code == 200
        assert rest.delete(path, if_match=f'"x", {rest.get(path)["ETag"]}').status_code == 204
