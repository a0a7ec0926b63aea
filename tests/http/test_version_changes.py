"""The versions of what people edit: what each changed, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from reversion.models import Version

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Template

from .. import factories as make
from ..rest.client import Rest, done
from .forms import form_of
from .test_simultaneous_edits import of_every_kind, page

pytestmark = pytest.mark.django_db


def address(instance: Any, view: str, *more: Any) -> str:
    meta = instance._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=[instance.pk, *more])


def edit(client: Client, instance: Any, **values: str) -> None:
    form = form_of(client.get(page(instance))) | values
    form.pop("_tell_impact", None)
    answer = client.post(page(instance), form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def told(client: Client, instance: Any) -> list[Any]:
    """The comment of each version, and by field what it was before, what it is then, and the difference."""
    versions = client.get(address(instance, "history")).context["versions"]
    found = [{each.what: (each.before, each.after, each.lines) for each in version["changes"]} for version in versions]
    return [(version["version"].revision.get_comment(), each) for version, each in zip(versions, found, strict=True)]


def test_what_each_version_changed(administrator: Client, organization: Any) -> None:
    template = make.template(organization, notes="old", config={"general": {"description": "a"}})
    edit(administrator, template, notes="new", default_values='{"a": "1"}')
    edit(administrator, template, config='{"general": {"description": "b", "notes": "%s"}}' % ("x" * 80))
    newest, second, first = told(administrator, template)
    assert first[0] == "Before the first edit"
    assert first[1]["Notes"] == ("", "old", ())
    assert second[1]["Notes"] == ("old", "new", ())
    assert second[1].keys() == {"Notes", "Default Values"}
    (lines,) = [found[2] for found in newest[1].values()]
    assert '-    "description": "a"' in lines
    assert '+    "description": "b",' in lines


KINDS = {
    "template": ("template", lambda owner: make.template(owner, "before")),
    "group": ("group", lambda owner: make.group(owner, "before")),
    "VPN server": ("vpn", lambda owner: make.vpn(owner, "OpenVpn", "before")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_by_rest_keeps_what_was_there_before_the_first(
    administrator: Client, organization: Any, kind: str
) -> None:
    path, create = KINDS[kind]
    instance = create(organization)
    for name in ("once", "twice"):
        done(Rest(administrator).patch(f"/{path}/{instance.pk}/", {"name": name}))
    versions = Version.objects.get_for_object(instance)
    assert [version.field_dict["name"] for version in versions] == ["twice", "once", "before"]
    assert versions.last().revision.get_comment() == "Before the first edit"


def test_one_click_leads_back(administrator: Client, organization: Any) -> None:
    template = make.template(organization, config={"general": {"description": "a"}})
    config = make.config(organization, templates=[template])
    edit(administrator, template, config='{"general": {"description": "b"}}')
    maintenance.compile_stale()
    config.refresh_from_db()
    before = config.compiled
    first = administrator.get(address(template, "history")).context["versions"][-1]
    answer = administrator.post(first["return"], follow=True)
    (message,) = answer.context["messages"]
    assert message.level_tag == "success"
    template.refresh_from_db()
    assert template.config == {"general": {"description": "a"}}
    maintenance.compile_stale()
    config.refresh_from_db()
    assert config.compiled != before
    newest = answer.context["versions"][0]
    assert newest["version"].revision.user.username == "administrator"
    assert newest["version"].revision.get_comment().startswith("Returned to the version of ")


def test_every_page(root: Client, organization: Any) -> None:
    for kind, (instance, field) in of_every_kind(organization).items():
        if kind == "credentials":
            continue  # their secrets leave no versions
        before = getattr(instance, field)
        edit(root, instance, **{field: "mine"})
        versions = root.get(address(instance, "history")).context["versions"]
        assert len(versions) == 2, kind
        assert "mine" in [change.after for change in versions[0]["changes"]], kind
        answer = root.post(versions[1]["return"], follow=True)
        told = [(message.level_tag, str(message)) for message in answer.context["messages"]]
        assert [level for level, _ in told] == ["success"], (kind, told)
        assert getattr(type(instance).objects.get(pk=instance.pk), field) == before, kind


def test_a_device_with_its_configuration(administrator: Client, organization: Any) -> None:
    one, two = make.template(organization, "one"), make.template(organization, "two")
    config = make.config(make.device(organization, "router"), templates=[one], context={"a": "1"})
    edit(administrator, config.device, **{"config-0-templates": str(two.pk), "config-0-context": '{"a": "2"}'})
    newest, _first = told(administrator, config.device)
    assert newest[1]["router: Templates"] == (str(one), str(two), ())
    assert newest[1].keys() == {"router: Templates", "router: Configuration Variables"}
    first = administrator.get(address(config.device, "history")).context["versions"][-1]
    administrator.post(first["return"])
    config.refresh_from_db()
    assert (config.context, list(config.templates.all())) == ({"a": "1"}, [one])


def test_secrets_are_masked(root: Client, organization: Any) -> None:
    server = make.vpn(organization)
    edit(root, server, notes="new")
    text = root.get(address(server, "history")).content.decode()
    assert server.key not in text
    assert server.private_key not in text


def test_a_version_that_is_not_accepted_any_more(administrator: Client, organization: Any) -> None:
    template = make.template(organization, "first", notes="old")
    edit(administrator, template, name="renamed")
    make.template(organization, "first")
    first = administrator.get(address(template, "history")).context["versions"][-1]
    answer = administrator.post(first["return"], follow=True)
    (message,) = answer.context["messages"]
    assert (message.level_tag, "Nothing was restored" in str(message)) == ("error", True)
    assert Template.objects.get(pk=template.pk).name == "renamed"
    assert Version.objects.get_for_object(template).count() == 2


def test_who_may_see_and_return(administrator: Client, stranger: Client, organization: Any) -> None:
    template = make.template(organization, default_values={"secret": "of the network"})
    edit(administrator, template, notes="new")
    back = administrator.get(address(template, "history")).context["versions"][-1]["return"]
    viewer = make.person("viewer", organization)
    make.permit(viewer, "view_template")
    page = viewer.get(address(template, "history"))
    assert page.status_code == 200
    assert "of the network" not in page.content.decode()
    assert administrator.get(back).status_code == 405
    for client, status in ((viewer, 403), (stranger, 403)):
        assert client.post(back).status_code == status
    assert stranger.get(address(template, "history")).status_code in (403, 404)
    other = make.template(organization)
    number = Version.objects.get_for_object(template).first().pk
    assert administrator.post(address(other, "return", number)).status_code == 404
    template.refresh_from_db()
    assert template.notes == "new"
