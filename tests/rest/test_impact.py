"""The impact of an edit, told before it is saved: it is what saving then compiles."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openwisp_users.models import Organization

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config import impacts, maintenance
from openwisp_controller.config.compiling.impact import impact
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Revision, Template

from .. import factories as make
from .client import NOT_THERE, Rest, done, wrong

pytestmark = pytest.mark.django_db
DESCRIBED = {"general": {"description": "{{ text }}"}}


@pytest.fixture
def rest(root: Any) -> Rest:
    return Rest(root)


class Scene:
    """Three devices of an organization, in a group, with a template and a WireGuard server."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.template = make.template(organization, "described", DESCRIBED, default_values={"text": "default"})
        self.other = make.template(organization, "other", {"general": {"notes": "other"}})
        self.server = make.vpn(organization)
        self.tunnel = make.vpn_template(self.server, organization, "tunnel")
        self.group = make.group(organization)
        self.configs = []
        for number in range(3):
            device = make.device(organization, group=self.group)
            context = {"text": "own"} if number == 0 else {}
            self.configs.append(make.config(device, templates=[self.template, self.tunnel], context=context))
        maintenance.compile_stale()

    def checksums(self) -> dict[str, str | None]:
        configs = Config.objects.select_related("compiled", "device").order_by("device__name")
        return {config.device.name: config.compiled.checksum if config.compiled else None for config in configs}


@pytest.fixture
def scene(organization: Organization) -> Scene:
    return Scene(organization)


EDITS: dict[str, Callable[[Scene], tuple[str, dict[str, Any]]]] = {
    "content of a template": lambda s: (f"/template/{s.template.pk}/", {"config": {"general": {"description": "new"}}}),
    "default values": lambda s: (f"/template/{s.template.pk}/", {"default_values": {"text": "changed"}}),
    "nothing": lambda s: (f"/template/{s.template.pk}/", {"notes": "nothing that a device gets"}),
    "a template becomes default": lambda s: (f"/template/{s.other.pk}/", {"default": True}),
    "a template becomes required": lambda s: (f"/template/{s.other.pk}/", {"required": True}),
    "variables of a group": lambda s: (f"/group/{s.group.pk}/", {"context": {"text": "of the group"}}),
    "templates of a group": lambda s: (f"/group/{s.group.pk}/", {"templates": [str(s.other.pk)]}),
    "variables of an organization": lambda s: (
        f"/organization/{s.organization.pk}/settings/", {"context": {"text": "of the organization"}},
    ),
    "host of a VPN server": lambda s: (f"/vpn/{s.server.pk}/", {"host": "new.example.org"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_it_is_what_saving_compiles(rest: Rest, scene: Scene, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    predicted: dict[str, str] = {}

    def watched(*args: Any, **kwargs: Any) -> Any:
        for effect in impact(*args, **kwargs):
            predicted[effect.config.device.name] = effect.after
            yield effect

    monkeypatch.setattr(impacts, "impact", watched)
    before, revisions = scene.checksums(), Revision.objects.count()
    path, edit = EDITS[kind](scene)
    answer = done(rest.post(f"{path}preview/", edit))
    assert scene.checksums() == before
    assert Revision.objects.count() == revisions
    assert not Config.objects.exclude(stale_since=None).exists()
    done(rest.patch(path, edit))
    jobs.run_all()
    maintenance.compile_stale()
    after = scene.checksums()
    assert {**before, **predicted} == after
    changed = [name for name in after if after[name] != before[name]]
    assert (answer["changed"], answer["failed"], answer["complete"]) == (len(changed), 0, True)
    assert answer["changed"] + answer["unchanged"] == answer["checked"] == answer["total"]
    assert sum(group["devices"] for group in answer["groups"]) == len(changed)
    assert bool(changed) == (kind != "nothing")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=40),
    names=st.dictionaries(st.sampled_from(["text", "more"]), st.text("abc{} '\"", max_size=8), max_size=2),
)
def test_property(organization: Organization, root: Any, text: str, names: dict[str, str]) -> None:
    template = make.template(organization, config=DESCRIBED)
    configs = [make.config(organization, templates=[template], context={"more": str(n)}) for n in range(2)]
    edit = {
        "config": {"general": {"description": "{{ text }} " + text, "notes": "{{ more }}"}},
        "default_values": names,
    }
    answer = Rest(root).post(f"/template/{template.pk}/preview/", edit)
    saved = Rest(root).patch(f"/template/{template.pk}/", edit)
    assert answer.status_code == saved.status_code
    if saved.status_code == 200:
        maintenance.compile_stale()
        stored = Config.objects.filter(pk__in=[config.pk for config in configs])
        failed = stored.exclude(compile_error="").count()
        assert (answer.json()["failed"], answer.json()["checked"]) == (failed, 2)
        assert {group["message"] for group in answer.json()["errors"]} == {
            config.compile_error for config in stored if config.compile_error
        }
    else:
        assert answer.json() == saved.json()


def test_the_same_lines_are_one_group(rest: Rest, scene: Scene) -> None:
    answer = done(rest.post(f"/template/{scene.template.pk}/preview/", {"default_values": {"text": "changed"}}))
    (group,) = answer["groups"]
    assert (group["devices"], len(group["names"])) == (2, 2)
    assert "-\toption description 'default'" in group["diff"]
    assert "+\toption description 'changed'" in group["diff"]
    assert answer["id"] is None


def test_what_would_not_compile_or_is_not_defined(rest: Rest, scene: Scene) -> None:
    edit = {"config": {"general": {"description": "{{ nobody_knows }}"}}}
    answer = done(rest.post(f"/template/{scene.template.pk}/preview/", edit))
    assert answer["undefined"] == [{"name": "nobody_knows", "devices": 3}]
    path = f"/organization/{scene.organization.pk}/settings/preview/"
    done(rest.patch(f"/template/{scene.template.pk}/", {"config": {"interfaces": [
        {"name": "eth0", "type": "ethernet", "mtu": "{{ size }}"}]}, "default_values": {"size": "1400"}}))  # fmt: skip
    maintenance.compile_stale()
    answer = done(rest.post(path, {"context": {"size": "big"}}))
    assert (answer["failed"], len(answer["errors"])) == (3, 1)
    assert "mtu" in answer["errors"][0]["message"]


def test_new_vpn_clients_are_counted_and_nothing_is_allocated(rest: Rest, scene: Scene) -> None:
    second = make.vpn(scene.organization, name="second", subnet=make.subnet(scene.organization, "10.9.0.0/16"))
    template = make.vpn_template(second, scene.organization, "second")
    addresses = second.subnet.ipaddress_set.count()
    answer = done(rest.post(f"/template/{template.pk}/preview/", {"default": True}))
    assert (answer["new_vpn_clients"], answer["changed"], answer["failed"]) == (3, 3, 0)
    assert "‹pvt_key›" in answer["groups"][0]["diff"]
    assert second.subnet.ipaddress_set.count() == addresses


def test_private_keys_are_masked(rest: Rest, scene: Scene) -> None:
    keys = [key for config in scene.configs for key in config.vpnclient_set.values_list("private_key", flat=True)]
    edit = {
        "config": {
            "files": [{"path": "/etc/key", "mode": "0600", "contents": f"{{{{ pvt_key_{scene.server.pk.hex} }}}}"}]
        }
    }
    answer = done(rest.post(f"/template/{scene.template.pk}/preview/", edit))
    assert "+********" in answer["groups"][0]["diff"]
    assert not any(str(key) in str(answer) for key in keys)


def test_bad_input_is_refused_as_by_saving(rest: Rest, scene: Scene) -> None:
    path, edit = f"/template/{scene.template.pk}/", {"config": {"interfaces": {}}, "name": ""}
    assert wrong(rest.post(f"{path}preview/", edit)) == wrong(rest.patch(path, edit))


def test_differences_are_for_those_who_may_change_devices(scene: Scene, stranger: Any) -> None:
    person = Rest(make.person("author", scene.organization))
    make.permit(person.client, "change_template", "view_device")
    path, edit = f"/template/{scene.template.pk}/preview/", {"default_values": {"text": "changed"}}
    answer = done(person.post(path, edit))
    assert (answer["changed"], answer["groups"][0]["diff"]) == (2, None)
    assert Rest(stranger).post(path, edit).status_code == 404
    make.permit(person.client, "view_template")
    assert person.post(path, edit).status_code == 403


class TestManyDevices:
    @pytest.fixture(autouse=True)
    def few_are_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(impacts, "SAMPLE", 2)
        monkeypatch.setattr(impacts, "CHUNK", 3)

    def test_the_rest_follows_in_the_background(
        self, rest: Rest, scene: Scene, administrator: Any, lost_messages: list[Message], committing: Any
    ) -> None:
        for _ in range(5):
            make.config(scene.organization, templates=[scene.template])
        maintenance.compile_stale()
        path, edit = f"/template/{scene.template.pk}/preview/", {"default_values": {"text": "changed"}}
        with committing():
            answer = done(rest.post(path, edit))
        assert (answer["total"], answer["checked"], answer["complete"]) == (8, 2, False)
        progress = f"/preview/{answer['id']}/"
        assert done(rest.get(progress))["checked"] == 2
        checked = []
        while lost_messages:
            message = lost_messages.pop()
            if message.task == "config.preview_impact":
                with committing():
                    impacts.go_on(*message.args)
                checked.append(done(rest.get(progress))["checked"])
        assert checked == [5, 8]
        answer = done(rest.get(progress))
        assert (answer["complete"], answer["changed"], answer["unchanged"]) == (True, 7, 1)
        assert sum(group["devices"] for group in answer["groups"]) == 7
        assert Rest(administrator).get(progress).json() == NOT_THERE

    def test_unknown_ones_are_forgotten(self, rest: Rest) -> None:
        assert rest.get(f"/preview/{uuid.uuid4()}/").json() == NOT_THERE


def test_statements_do_not_grow_with_the_devices(rest: Rest, scene: Scene) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            answer = done(rest.post(f"/template/{scene.template.pk}/preview/", {"default_values": {"text": "changed"}}))
        assert answer["changed"] == Config.objects.filter(templates=scene.template).count() - 1
        return len(queries)

    few = count()
    for _ in range(12):
        make.config(scene.organization, templates=[scene.template])
    assert count() == few
    assert Template.objects.get(pk=scene.template.pk).default_values == {"text": "default"}
