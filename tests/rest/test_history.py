"""Revisions, holds, variables and previews of devices."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_users.models import Organization

from openwisp_controller.config.models import Config, Device, Revision

from .. import factories as make
from .client import NOT_THERE, Rest, done, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(organization: Organization) -> Rest:
    client = make.person("viewer", organization)
    make.permit(client, "view_device")
    return Rest(client)


@pytest.fixture
def config(organization: Organization, rest: Rest) -> Config:
    """A configuration that was compiled three times."""
    config = make.config(organization, context={"text": "one"}, config={"general": {"description": "{{ text }}"}})
    for text in ("two", "three"):
        done(rest.patch(f"/device/{config.device_id}/", {"config": {"context": {"text": text}}}))
    return Config.objects.get(pk=config.pk)


def test_revisions_are_listed_with_who_and_why(rest: Rest, viewer: Rest, config: Config) -> None:
    for person in (rest, viewer):
        answer = done(person.get(f"/device/{config.device_id}/revision/"))
        assert answer["count"] == 3
        newest, *_, oldest = answer["results"]
        assert list(newest) == ["id", "created", "cause", "detail", "author", "checksum", "states"]
        assert (newest["author"], newest["cause"], newest["states"]) == (
            "administrator", "config_changed", ["compiled", "released"],
        )  # fmt: skip
        assert (oldest["author"], oldest["cause"], oldest["states"]) == (None, "created", [])


def test_contents_and_differences(rest: Rest, config: Config) -> None:
    oldest, middle, newest = config.revisions.order_by("pk")
    path = f"/device/{config.device_id}/revision"
    files = done(rest.get(f"{path}/{newest.pk}/"))["files"]
    assert any("three" in file["contents"] for file in files)
    assert {"path", "mode", "contents"} == set(files[0])
    answer = done(rest.get(f"{path}/{newest.pk}/diff/"))
    assert (answer["old"], answer["new"]) == (middle.pk, newest.pk)
    assert "two" in answer["diff"]
    answer = done(rest.get(f"{path}/{newest.pk}/diff/", **{"with": oldest.pk}))
    assert answer["old"] == oldest.pk
    assert "-\toption description 'one'" in answer["diff"]
    assert "+\toption description 'three'" in answer["diff"]
    assert done(rest.get(f"{path}/{oldest.pk}/diff/"))["old"] is None
    assert rest.get(f"{path}/{oldest.pk}/archive/").content == bytes(oldest.archive)
    assert wrong(rest.get(f"{path}/{oldest.pk}/diff/", **{"with": "x"})) == {"with": ["Enter a number."]}


def test_contents_are_for_those_who_may_change_devices(viewer: Rest, config: Config) -> None:
    path = f"/device/{config.device_id}"
    revision = config.revisions.order_by("pk").first()
    assert revision is not None
    for end in ("", "archive/", "diff/"):
        assert viewer.get(f"{path}/revision/{revision.pk}/{end}").status_code == 403
    assert viewer.get(f"{path}/variables/").status_code == 403
    for end in (f"revision/{revision.pk}/roll-back/", "hold/", "release/", "preview/"):
        assert viewer.post(f"{path}/{end}").status_code == 403


def test_revisions_of_others_are_not_there(
    rest: Rest, stranger: Any, organization: Organization, config: Config
) -> None:
    other = make.config(organization)
    revision = Revision.objects.filter(config=other).get()
    for end in ("", "archive/", "diff/"):
        assert rest.get(f"/device/{config.device_id}/revision/{revision.pk}/{end}").json() == NOT_THERE
    mine = config.revisions.order_by("pk").first()
    assert mine is not None
    answer = rest.get(f"/device/{config.device_id}/revision/{mine.pk}/diff/", **{"with": revision.pk})
    assert answer.json() == NOT_THERE
    for end in ("", f"{mine.pk}/", f"{mine.pk}/diff/"):
        assert Rest(stranger).get(f"/device/{config.device_id}/revision/{end}").status_code == 404


def test_roll_back_hold_and_release(rest: Rest, config: Config) -> None:
    oldest, _, newest = config.revisions.order_by("pk")
    path = f"/device/{config.device_id}"
    state = done(rest.get(f"{path}/release/"))
    assert (state["release_policy"], state["released"], state["pending"]) == ("automatic", newest.pk, None)
    state = done(rest.post(f"{path}/revision/{oldest.pk}/roll-back/"))
    assert (state["release_policy"], state["released"], state["pending"]) == ("held", oldest.pk, newest.pk)
    state = done(rest.post(f"{path}/release/"))
    assert (state["release_policy"], state["released"], state["pending"]) == ("automatic", newest.pk, None)
    assert done(rest.post(f"{path}/hold/"))["release_policy"] == "held"
    done(rest.patch(f"{path}/", {"config": {"context": {"text": "four"}}}))
    state = done(rest.get(f"{path}/release/"))
    assert (state["released"], state["pending"]) == (newest.pk, state["compiled"])
    assert state["compiled"] != newest.pk


def test_devices_without_configuration_have_no_past(rest: Rest, organization: Organization) -> None:
    device = make.device(organization)
    for path in ("revision/", "release/"):
        assert rest.get(f"/device/{device.pk}/{path}").json() == NOT_THERE


def test_deactivated_devices_are_neither_held_nor_rolled_back(rest: Rest, config: Config) -> None:
    revision = config.revisions.order_by("pk").first()
    assert revision is not None
    done(rest.post(f"/device/{config.device_id}/deactivate/"))
    for path in ("hold", "release", f"revision/{revision.pk}/roll-back"):
        assert rest.post(f"/device/{config.device_id}/{path}/").status_code == 403


def test_variables_have_an_origin(rest: Rest, organization: Organization) -> None:
    group = make.group(organization, context={"a": "group", "b": "group"})
    template = make.template(organization, "wifi", default_values={"b": "template", "c": "template"})
    config = make.config(make.device(organization, group=group), templates=[template], context={"a": "own"})
    answer = {each["name"]: each for each in done(rest.get(f"/device/{config.device_id}/variables/"))}
    assert answer["a"] == {"name": "a", "value": "own", "origin": "device", "overrides": ["group"]}
    assert (answer["b"]["origin"], answer["b"]["overrides"]) == ("group", ['template "wifi"'])
    assert answer["c"]["origin"] == 'template "wifi"'
    assert answer["mac_address"]["origin"] == "predefined"


class TestPreview:
    def test_unsaved_changes_are_rendered(self, rest: Rest, organization: Organization, config: Config) -> None:
        template = make.template(organization, config={"general": {"notes": "{{ zone }}"}})
        before = Config.objects.values().get(pk=config.pk)
        sent = {"name": "new-name", "config": {"context": {"text": "x"}, "templates": [str(template.pk)]}}
        answer = done(rest.post(f"/device/{config.device_id}/preview/", sent))
        assert "option hostname 'new-name'" in answer["text"]
        assert "option description 'x'" in answer["text"]
        assert answer["undefined"] == [{"name": "zone", "nearest": ""}]
        assert Config.objects.values().get(pk=config.pk) == before
        assert Device.objects.get(pk=config.device_id).name == config.device.name
        assert Revision.objects.filter(config=config).count() == 3

    def test_what_is_wrong_is_said_as_by_saving(self, rest: Rest, config: Config) -> None:
        path, sent = f"/device/{config.device_id}/", {"config": {"config": {"interfaces": {}}}, "name": "a b"}
        assert wrong(rest.post(f"{path}preview/", sent)) == wrong(rest.patch(path, sent))

    def test_new_devices(self, rest: Rest, organization: Organization) -> None:
        make.template(organization, default=True, config={"general": {"description": "by default"}})
        sent = {
            "name": "new", "organization": str(organization.pk), "mac_address": "02:00:00:00:00:99",
            "config": {"backend": make.BACKEND, "templates": [], "context": {"a": "1"}, "config": {}},
        }  # fmt: skip
        answer = done(rest.post("/device/preview/", sent))
        assert "option hostname 'new'" in answer["text"]
        assert "option description 'by default'" in answer["text"]
        assert not Device.objects.exists()
        assert rest.post("/device/preview/", {**sent, "config": None}).json() == NOT_THERE
