"""A page tells what an edit does to devices before it is stored."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from openwisp_controller.config import impacts, maintenance
from openwisp_controller.config.models import Config, DeviceGroup, OrganizationConfigSettings, Template, Vpn

from .. import factories as make
from .forms import form_of

pytestmark = pytest.mark.django_db
DESCRIBED = {"general": {"description": "{{ text }}"}}
PAGE = "admin/config/impact.html"


def page(instance: Any) -> str:
    meta = instance._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[instance.pk])


@pytest.fixture
def template(organization: Any) -> Template:
    return make.template(organization, "described", DESCRIBED, default_values={"text": "default"})


@pytest.fixture
def configs(organization: Any, template: Template) -> list[Config]:
    """Three configurations in a group, of which one has a value of its own."""
    group = make.group(organization, "roofs")
    return [
        make.config(
            make.device(organization, f"router-{number}", group=group), templates=[template],
            context={"text": "own"} if number == 0 else {},
        )
        for number in range(3)
    ]  # fmt: skip


def asked(client: Client, instance: Any, **values: str) -> Any:
    return client.post(page(instance), {**form_of(client.get(page(instance))), **values})


def told(answer: Any) -> dict[str, Any]:
    assert PAGE in [template.name for template in answer.templates], answer.status_code
    return answer.context["impact"]


def test_template(administrator: Client, template: Template, configs: list[Config]) -> None:
    answer = asked(administrator, template, default_values='{"text": "new"}', _continue="1")
    impact = told(answer)
    assert (impact["changed"], impact["unchanged"], impact["failed"], impact["complete"]) == (2, 1, 0, True)
    assert impact["groups"][0]["names"] == ["router-1", "router-2"]
    assert [line for line in impact["groups"][0]["lines"] if line.startswith("+")][1:] == [
        "+\toption description 'new'"
    ]
    template.refresh_from_db()
    assert template.default_values == {"text": "default"}
    saved = administrator.post(page(template), form_of(answer) | {"_confirmed": "1"})
    assert (saved.status_code, saved.url) == (302, page(template))
    template.refresh_from_db()
    assert template.default_values == {"text": "new"}


def test_back_to_the_form(administrator: Client, template: Template, configs: list[Config]) -> None:
    answer = asked(administrator, template, default_values='{"text": "new"}', notes="typed")
    back = administrator.post(page(template), form_of(answer) | {"_back": "1"})
    assert "Nothing is saved yet." in back.content.decode()
    assert "Please correct" not in back.content.decode()
    again = form_of(back)
    assert (again["notes"], json.loads(again["default_values"])) == ("typed", {"text": "new"})
    template.refresh_from_db()
    assert (template.notes, template.default_values) == ("", {"text": "default"})
    assert told(administrator.post(page(template), again))["changed"] == 2


def test_what_does_not_compile_is_told_in_red(administrator: Client, template: Template, configs: list[Config]) -> None:
    template.config = {"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": "{{ size }}"}]}
    template.default_values = {"size": "1400"}
    template.save()
    maintenance.compile_stale()
    group = DeviceGroup.objects.get()
    answer = asked(administrator, group, context='{"size": "big"}')
    assert told(answer)["failed"] == 3
    assert "mtu" in answer.content.decode()
    saved = administrator.post(page(group), form_of(answer) | {"_confirmed": "1"}, follow=True)
    (message,) = saved.context["messages"]
    group.refresh_from_db()
    assert group.context == {"size": "big"}
    assert message.level_tag == "error"
    assert "config__status__exact=error" in str(message)


def test_undefined_variables(administrator: Client, template: Template, configs: list[Config]) -> None:
    impact = told(asked(administrator, template, default_values="{}"))
    assert impact["undefined"] == [{"name": "text", "devices": 2}]


def test_what_no_device_is_made_from_is_stored_at_once(
    administrator: Client, template: Template, configs: list[Config]
) -> None:
    assert asked(administrator, template, notes="new").status_code == 302
    assert asked(administrator, template, default_values='{"text": "default", "unused": "1"}').status_code == 302
    unused = make.template(configs[0].device.organization)
    assert asked(administrator, unused, config='{"general": {}}').status_code == 302


def test_scripts_are_not_asked(administrator: Client, template: Template, configs: list[Config]) -> None:
    form = form_of(administrator.get(page(template))) | {"default_values": '{"text": "new"}'}
    del form["_tell_impact"]
    assert administrator.post(page(template), form).status_code == 302


def test_group(administrator: Client, organization: Any, configs: list[Config]) -> None:
    group = DeviceGroup.objects.get()
    assert told(asked(administrator, group, context='{"text": "of the group"}'))["changed"] == 2
    more = make.template(organization, "more", {"general": {"notes": "more"}})
    answer = asked(administrator, group, templates=str(more.pk))
    assert told(answer)["changed"] == 3
    assert administrator.post(page(group), form_of(answer) | {"_confirmed": "1"}).status_code == 302
    assert list(group.templates.all()) == [more]


def test_organization(root: Client, organization: Any, configs: list[Config]) -> None:
    settings = OrganizationConfigSettings.objects.get(organization=organization)
    answer = asked(root, organization, **{"config_settings-0-context": '{"text": "of the organization"}'})
    assert told(answer)["changed"] == 2
    saved = root.post(page(organization), form_of(answer) | {"_confirmed": "1"})
    assert saved.status_code == 302
    settings.refresh_from_db()
    assert settings.context == {"text": "of the organization"}


def test_vpn_server(administrator: Client, organization: Any) -> None:
    server = make.vpn(organization)
    config = make.config(organization, templates=[make.vpn_template(server, organization)])
    maintenance.compile_stale()
    impact = told(asked(administrator, server, host="new.example.org"))
    assert (impact["changed"], impact["groups"][0]["names"]) == (1, [config.device.name])
    assert Vpn.objects.get().host != "new.example.org"


def test_differences_are_for_who_may_change_devices(
    administrator: Client, organization: Any, template: Template, configs: list[Config]
) -> None:
    person = make.person("author", organization)
    make.permit(person, "change_template", "view_template")
    for client, is_shown in ((administrator, True), (person, False)):
        impact = told(asked(client, template, default_values='{"text": "new"}'))
        assert impact["changed"] == 2
        assert bool(impact["groups"][0]["lines"]) == is_shown


def test_many_devices_are_followed(
    administrator: Client, stranger: Client, template: Template, configs: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impacts, "SAMPLE", 1)
    answer = asked(administrator, template, default_values='{"text": "new"}')
    assert (told(answer)["complete"], told(answer)["checked"]) == (False, 1)
    progress = answer.context["progress"]
    assert progress in answer.content.decode()
    assert administrator.get(progress).json()["complete"] is False
    impacts.go_on(progress.rstrip("/").rpartition("/")[2])
    known = administrator.get(progress).json()
    assert (known["complete"], known["failed"]) == (True, 0)
    assert "router-1" in known["report"]
    assert stranger.get(progress).status_code == 404


def test_a_conflict_comes_first(administrator: Client, root: Client, template: Template, configs: list[Config]) -> None:
    mine = form_of(administrator.get(page(template))) | {"default_values": '{"text": "mine"}'}
    answer = administrator.post(page(template), mine)
    assert told(answer)["changed"] == 2
    Template.objects.filter(pk=template.pk).update(notes="theirs")
    late = administrator.post(page(template), form_of(answer) | {"_confirmed": "1"})
    assert late.status_code == 200
    assert late.context["adminform"].form.errors.keys() == {"notes", "__all__"}
    template.refresh_from_db()
    assert template.default_values == {"text": "default"}


def test_a_device_that_does_not_compile_is_told_in_red(administrator: Client, organization: Any) -> None:
    server = make.vpn(organization, subnet=make.subnet(organization, "10.9.0.0/30"))
    make.vpn_template(server, organization, default=True)
    make.config(organization)
    config = make.config(organization)
    config.refresh_from_db()
    assert "has no address for the VPN server" in config.compile_error
    form = form_of(administrator.get(page(config.device))) | {"notes": "new"}
    saved = administrator.post(page(config.device), form, follow=True)
    (message,) = [each for each in saved.context["messages"] if each.level_tag in ("success", "error")]
    assert message.level_tag == "error"
    assert config.compile_error in html.unescape(str(message))
    assert f"{page(config.device)}#id_config" in str(message)
