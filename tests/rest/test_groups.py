"""Groups of devices: shapes of answers, templates of groups, words of refusals, the way from a certificate."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_users.models import Organization, User
from reversion.models import Version

from openwisp_controller.config.models import Config, Device, DeviceGroup, VpnClient

from .. import factories as make
from .client import NOT_THERE, Rest, done, made, wrong

pytestmark = pytest.mark.django_db
FIELDS = {
    "id": str, "name": str, "organization": str, "description": str, "templates": list, "context": dict,
    "meta_data": dict, "created": str, "modified": str,
}  # fmt: skip


def data(organization: Organization, /, **fields: Any) -> dict[str, Any]:
    return {"name": "g1", "organization": str(organization.pk), "templates": [], **fields}


def test_shapes(rest: Rest, organization: Organization) -> None:
    one, two = make.template(organization), make.template(None)
    given = data(
        organization, description="d", templates=[str(two.pk), str(one.pk)], context={"k": "v"},
        meta_data={"captive": "x"},
    )  # fmt: skip
    answer = made(rest.post("/group/", given))
    listed = done(rest.get("/group/"))
    assert list(listed) == ["count", "next", "previous", "results"]
    assert listed["results"] == [answer]
    assert done(rest.get(f"/group/{answer['id']}/")) == answer
    assert list(answer) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(answer[name], kind), name
    assert {name: answer[name] for name in given} == given
    bare = made(rest.post("/group/", data(organization, name="g2")))
    assert (bare["description"], bare["context"], bare["meta_data"], bare["templates"]) == ("", {}, {}, [])


class TestWrites:
    def test_keys_that_are_absent_are_kept(self, rest: Rest, organization: Organization, committing: Any) -> None:
        template = make.template(organization)
        given = data(organization, description="d", templates=[str(template.pk)], context={"k": "v"})
        with committing():
            before = made(rest.post("/group/", given))
        with committing():
            device = make.device(organization, group=DeviceGroup.objects.get())
        path = f"/group/{before['id']}/"
        with committing():
            answer = done(rest.patch(path, {"name": "g2"}))
        assert {**answer, "modified": ""} == {**before, "name": "g2", "modified": ""}
        assert list(Config.objects.get(device=device).templates.all()) == [template]
        answer = done(rest.put(path, data(organization, templates=[str(template.pk)])))
        assert {**answer, "modified": ""} == {**before, "modified": ""}
        required = ["This field is required."]
        assert wrong(rest.put(path, {})) == {"name": required, "organization": required, "templates": required}

    def test_devices_follow(self, rest: Rest, organization: Organization, committing: Any) -> None:
        one, two = make.template(organization, "one"), make.template(organization, "two")
        group = make.group(organization, templates=[one])
        with committing():
            device = make.device(organization, group=group)
        path = f"/group/{group.pk}/"

        def names() -> list[str]:
            return [each.name for each in Config.objects.get(device=device).templates.all()]

        assert names() == ["one"]
        with committing():
            assert done(rest.patch(path, {"templates": [str(two.pk)]}))["templates"] == [str(two.pk)]
        assert names() == ["two"]
        with committing():
            assert rest.delete(path).status_code == 204
        assert names() == ["two"]
        assert Device.objects.get().group is None

    def test_history_has_the_person(self, rest: Rest, organization: Organization) -> None:
        answer = made(rest.post("/group/", data(organization)))
        done(rest.patch(f"/group/{answer['id']}/", {"description": "d"}))
        versions = Version.objects.get_for_object(DeviceGroup.objects.get())
        person = User.objects.get(username="administrator")
        assert [version.revision.user for version in versions] == [person, person]

    def test_locking(self, rest: Rest, organization: Organization) -> None:
        path = f"/group/{make.group(organization).pk}/"
        known = rest.get(path)["ETag"]
        template = make.template(organization)
        done(rest.patch(path, {"templates": [str(template.pk)], "name": "g2"}, if_match=known))
        refused = rest.patch(path, {"name": "g3"}, if_match=known)
        assert (refused.status_code, refused.json()["changed"]) == (412, ["name", "templates"])
        assert rest.delete(path, if_match=known).status_code == 412


def test_refusals(rest: Rest, root: Any, organization: Organization, other: Organization) -> None:
    make.group(organization, "taken")
    default, required, foreign = (
        make.template(organization, default=True), make.template(organization, required=True), make.template(other),
    )  # fmt: skip
    server = make.vpn(organization, name="v1")
    clients = [make.vpn_template(server, name=name) for name in ("a", "b")]
    missing = ["This field is required."]
    for given, message in (
        ({}, {"name": missing, "organization": missing, "templates": missing}),
        (data(organization, organization=None), {"organization": ["This field may not be null."]}),
        (data(other), {"organization": [f'Invalid pk "{other.pk}" - object does not exist.']}),
        (data(organization, name="x" * 61), {"name": ["Ensure this field has no more than 60 characters."]}),
        (
            data(organization, name="taken"),
            {"non_field_errors": ["The fields organization, name must make a unique set."]},
        ),
        (data(organization, templates="x"), {"templates": ['Expected a list of items but got type "str".']}),
        (data(organization, templates=["zzz"]), {"templates": ["“zzz” is not a valid UUID."]}),
        *(
            (
                data(organization, templates=[str(each.pk)]),
                {"templates": [f'Invalid pk "{each.pk}" - object does not exist.']},
            )
            for each in (default, required, foreign)
        ),
        (
            data(organization, templates=[str(each.pk) for each in clients]),
            {
                "templates": [
                    "You cannot select multiple VPN client templates related to the same VPN server.\n"
                    'The templates "a" and "b" are all linked to the same VPN server: "v1".'
                ]
            },
        ),
        (data(organization, context=[1]), {"context": ["the supplied value is not a JSON object"]}),
        (data(organization, meta_data=[1]), {"input": ["[1] is not of type 'object'"]}),
    ):
        assert wrong(rest.post("/group/", given)) == message, given
    given = data(organization, templates=[str(foreign.pk)])
    answer = wrong(Rest(root).post("/group/", given))
    assert answer == {"templates": [f"These templates belong to another organization: {foreign.name}"]}
    assert DeviceGroup.objects.count() == 1


def test_filters(rest: Rest, organization: Organization, other: Organization) -> None:
    make.group(organization, "without")
    group = make.group(organization, "with", description="some words")
    make.device(organization, group=group)
    make.device(organization, group=group)
    make.group(other, "foreign")
    for query, found in (
        ({}, ["with", "without"]),
        ({"organization": str(organization.pk)}, ["with", "without"]),
        ({"organization_slug": "acme"}, ["with", "without"]),
        ({"organization_slug": "other"}, []),
        ({"empty": "true"}, ["without"]),
        ({"empty": "false"}, ["with"]),
        ({"search": "words"}, ["with"]),
        ({"ordering": "-name"}, ["without", "with"]),
    ):
        answer = done(rest.get("/group/", **query))
        assert [each["name"] for each in answer["results"]] == found, query
        assert answer["count"] == len(found), query
    choice = "Select a valid choice. That choice is not one of the available choices."
    for query, message in (
        ({"empty": "zzz"}, {"empty": ["Select a valid choice. zzz is not one of the available choices."]}),
        ({"organization": str(other.pk)}, {"organization": [choice]}),
        ({"organization": "zzz"}, {"organization": ["“zzz” is not a valid UUID."]}),
    ):
        assert wrong(rest.get("/group/", **query)) == message, query


class TestOfCertificate:
    @pytest.fixture
    def client(self, organization: Organization) -> VpnClient:
        server = make.vpn(organization, "OpenVpn")
        device = make.device(organization, group=make.group(organization, "of-clients"))
        config = make.config(device, templates=[make.vpn_template(server)])
        return VpnClient.objects.get(config=config)

    def path(self, client: VpnClient) -> str:
        assert client.cert is not None
        return f"/cert/{client.cert.common_name}/group/"

    def test_found(self, rest: Rest, root: Any, client: VpnClient) -> None:
        answer = done(rest.get(self.path(client)))
        assert list(answer) == list(FIELDS)
        assert answer["name"] == "of-clients"
        for query, status in (("acme", 200), ("x,acme", 200), ("x", 404), ("", 200)):
            assert rest.get(self.path(client), org=query).status_code == status, query
        assert done(Rest(root).get(self.path(client)))["id"] == answer["id"]

    def test_it_follows(self, rest: Rest, organization: Organization, client: VpnClient) -> None:
        device = client.config.device
        done(rest.get(self.path(client)))
        done(rest.patch(f"/group/{device.group_id}/", {"name": "renamed"}))
        assert done(rest.get(self.path(client)))["name"] == "renamed"
        another = make.group(organization, "another")
        done(rest.patch(f"/device/{device.pk}/", {"group": str(another.pk)}))
        assert done(rest.get(self.path(client)))["name"] == "another"
        done(rest.patch(f"/device/{device.pk}/", {"group": None}))
        answer = rest.get(self.path(client))
        assert (answer.status_code, answer.json()) == (404, NOT_THERE)

    def test_not_found(self, rest: Rest, organization: Organization, client: VpnClient) -> None:
        without = make.cert(make.ca(organization), "without-client")
        for name in ("unknown", without.common_name):
            answer = rest.get(f"/cert/{name}/group/")
            assert (answer.status_code, answer.json()) == (404, NOT_THERE)

    def test_groups_of_others(self, client: VpnClient, stranger: Any, organization: Organization) -> None:
        answer = Rest(stranger).get(self.path(client))
        text = "User is not a manager of the organization to which the requested resource belongs."
        assert (answer.status_code, answer.json()) == (403, {"detail": text})
        nobody = Rest(make.person("nobody", organization)).get(self.path(client))
        assert nobody.json() == {"detail": "You do not have permission to perform this action."}
