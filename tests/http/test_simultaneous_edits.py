"""Two people at one page: nobody overwrites what the other one stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from openwisp_controller.config.models import Template

from .. import factories as make
from .forms import form_of

pytestmark = pytest.mark.django_db


def page(instance: Any) -> str:
    meta = instance._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[instance.pk])


def test_nothing_is_overwritten(root: Client, administrator: Client, organization: Any) -> None:
    template = make.template(organization, notes="old", default_values={"a": "1"})
    mine, theirs = form_of(root.get(page(template))), form_of(administrator.get(page(template)))
    theirs |= {"notes": "theirs", "default_values": '{"a": "2"}'}
    assert administrator.post(page(template), theirs).status_code == 302
    mine |= {"notes": "mine"}
    answer = root.post(page(template), mine)
    assert answer.status_code == 200
    template.refresh_from_db()
    assert (template.notes, template.default_values) == ("theirs", {"a": "2"})
    errors = answer.context["adminform"].form.errors
    assert errors.keys() == {"notes", "default_values", "__all__"}
    assert "Changed meanwhile by administrator to “theirs”" in errors["notes"][0]
    assert "the new value stands here" in errors["default_values"][0]
    again = form_of(answer)
    assert (again["notes"], again["default_values"].split()) == ("mine", ["{", '"a":', '"2"', "}"])
    assert root.post(page(template), again).status_code == 302
    template.refresh_from_db()
    assert (template.notes, template.default_values) == ("mine", {"a": "2"})


def test_the_same_edit_is_no_conflict(root: Client, organization: Any) -> None:
    template = make.template(organization, notes="old")
    mine = form_of(root.get(page(template))) | {"notes": "new"}
    assert root.post(page(template), mine).status_code == 302
    assert root.post(page(template), mine).status_code == 302


def test_forms_of_scripts_are_stored(root: Client, organization: Any) -> None:
    template = make.template(organization, notes="old")
    mine = form_of(root.get(page(template))) | {"notes": "mine"}
    Template.objects.filter(pk=template.pk).update(notes="theirs")
    for given in ("", "x", "[]", '{"at": 1, "forms": {}}', '{"at": "2020-01-01", "forms": 1}', "[" * 5000):
        assert root.post(page(template), mine | {"_seen": given}).status_code == 302
    del mine["_seen"]
    assert root.post(page(template), mine).status_code == 302


def test_the_configuration_on_the_page_of_a_device(root: Client, organization: Any) -> None:
    first, second = make.template(organization, "first"), make.template(organization, "second")
    config = make.config(make.device(organization), templates=[first], context={"a": "1"})
    mine = form_of(root.get(page(config.device))) | {"config-0-config": '{"general": {"description": "mine"}}'}
    config.context = {"a": "2"}
    config.save()
    config.templates.set([second, first])
    answer = root.post(page(config.device), mine)
    assert answer.status_code == 200
    (formset,) = [each.formset for each in answer.context["inline_admin_formsets"] if each.formset.prefix == "config"]
    assert formset.errors[0].keys() == {"context", "templates", "__all__"}
    assert "somebody else or a program changed" in str(formset.errors[0]["__all__"])
    config.refresh_from_db()
    assert config.config == {}
    again = form_of(answer)
    assert again["config-0-context"].split() == ["{", '"a":', '"2"', "}"]
    assert root.post(page(config.device), again).status_code == 302
    config.refresh_from_db()
    assert (config.config, config.context) == ({"general": {"description": "mine"}}, {"a": "2"})
    assert list(config.templates.all()) == [second, first]


def of_every_kind(organization: Any) -> dict[str, Any]:
    """Objects of all pages that are edited, with a field of text and the place of its value in the database."""
    authority = make.ca(organization)
    return {
        "template": (make.template(organization), "notes"), "device": (make.device(organization), "notes"),
        "group": (make.group(organization), "description"), "VPN server": (make.vpn(organization), "notes"),
        "CA": (authority, "notes"), "certificate": (make.cert(authority), "notes"),
        "credentials": (make.credentials(organization), "name"), "organization": (organization, "description"),
    }  # fmt: skip


def test_every_page(root: Client, organization: Any) -> None:
    for kind, (instance, field) in of_every_kind(organization).items():
        mine = form_of(root.get(page(instance))) | {field: "mine"}
        type(instance).objects.filter(pk=instance.pk).update(**{field: "theirs"})
        answer = root.post(page(instance), mine)
        assert answer.status_code == 200, kind
        assert field in answer.context["adminform"].form.errors, (kind, answer.context["adminform"].form.errors)
        assert getattr(type(instance).objects.get(pk=instance.pk), field) == "theirs", kind
        again = root.post(page(instance), form_of(answer))
        assert again.status_code == 302, (kind, again.context["adminform"].form.errors)
        assert getattr(type(instance).objects.get(pk=instance.pk), field) == "mine", kind


def test_choices_and_boxes_are_taken_over(root: Client, organization: Any, other: Any) -> None:
    template = make.template(organization)
    mine = form_of(root.get(page(template))) | {"notes": "mine"}
    Template.objects.filter(pk=template.pk).update(required=True, default=True, organization=other)
    answer = root.post(page(template), mine)
    assert answer.context["adminform"].form.errors.keys() >= {"required", "default", "organization"}
    again = form_of(answer)
    assert (again["required"], again["default"], again["organization"]) == ("on", "on", str(other.pk))
    assert root.post(page(template), again | {"_confirmed": "1"}).status_code == 302
    template.refresh_from_db()
    assert (template.required, template.organization, template.notes) == (True, other, "mine")
