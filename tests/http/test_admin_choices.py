"""What the device page asks for while its form is filled in."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from .. import factories as make

pytestmark = pytest.mark.django_db
PREFIX = "/admin/config/device/config"


def templates(client: Client, organization: Any, **query: Any) -> Any:
    return client.get(f"{PREFIX}/get-relevant-templates/{organization}/", {"backend": make.BACKEND, **query})


def values(client: Client, **query: Any) -> Any:
    return client.get(f"{PREFIX}/get-default-values/", query)


def listed(answer: Any) -> list[tuple[str, bool]]:
    assert answer.status_code == 200
    return [(each["name"], each["selected"]) for each in answer.json().values()]


@pytest.fixture
def many(organization: Organization, other: Organization) -> dict[str, Any]:
    return {
        "z required": make.template(organization, "z required", required=True),
        "default": make.template(None, "default", default=True),
        "a plain": make.template(organization, "a plain"),
        "of others": make.template(other, "of others"),
        "another backend": make.template(organization, "another backend", backend="netjsonconfig.OpenWisp"),
    }


class TestRelevantTemplates:
    def test_of_a_new_configuration(self, operator: Client, organization: Organization, many: Any) -> None:
        answer = templates(operator, organization.pk)
        assert listed(answer) == [("z required", True), ("default", True), ("a plain", False)]
        assert answer.json()[str(many["default"].pk)] == {
            "name": "default", "backend": "OpenWRT", "default": True, "required": False, "selected": True,
        }  # fmt: skip

    def test_of_a_group(self, operator: Client, organization: Organization, many: Any) -> None:
        group = make.group(organization, templates=[many["a plain"]])
        assert ("a plain", True) in listed(templates(operator, organization.pk, group_id=group.pk))

    def test_of_a_configuration_in_its_order(self, operator: Client, organization: Organization, many: Any) -> None:
        config = make.config(organization)
        config.templates.set([many["a plain"], many["default"]])
        found = listed(templates(operator, organization.pk, config_id=config.pk))
        assert found == [("z required", True), ("a plain", True), ("default", True)]
        config.templates.remove(many["default"])
        assert ("default", False) in listed(templates(operator, organization.pk, config_id=config.pk))

    def test_nothing_is_chosen_yet(self, operator: Client, organization: Organization, many: Any) -> None:
        assert listed(templates(operator, "null")) == []
        assert listed(templates(operator, organization.pk, backend="")) == []

    def test_refusals(self, operator: Client, organization: Organization, other: Organization) -> None:
        assert templates(operator, other.pk).status_code == 403
        assert templates(operator, organization.pk, group_id=make.group(other).pk).status_code == 403
        assert templates(operator, organization.pk, config_id=make.config(other).pk).status_code == 403
        answer = templates(operator, "abc")
        assert (answer.status_code, answer.json()) == (400, {"error": "abc is not a valid UUID."})
        assert templates(operator, uuid.uuid4()).status_code == 404
        Organization.objects.filter(pk=organization.pk).update(is_active=False)
        assert templates(operator, organization.pk).status_code == 404


class TestDefaultValues:
    def test_order_and_overrides(self, operator: Client, organization: Organization) -> None:
        organization.config_settings.context = {"a": "organization", "b": "organization", "unused": "1"}
        organization.config_settings.save()
        group = make.group(organization, context={"b": "group"})
        first = make.template(organization, default_values={"a": "1", "b": "1", "c": "1", "d": "1"})
        second = make.template(None, default_values={"d": "2"})
        answer = values(operator, pks=f"{first.pk},{second.pk}", group=group.pk, organization=organization.pk)
        assert answer.json() == {"default_values": {"a": "organization", "b": "group", "c": "1", "d": "2"}}
        assert values(operator).json() == {"default_values": {}}

    def test_refusals(self, operator: Client, other: Organization) -> None:
        answer = values(operator, pks="abc")
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid template pks were received"})
        assert values(operator, pks=make.template(other).pk).status_code == 403
        assert values(operator, group=make.group(other).pk).status_code == 403
        assert values(operator, organization=other.pk).status_code == 403


def test_needs_permission(organization: Organization) -> None:
    stranger = make.person("stranger", organization)
    assert templates(stranger, organization.pk).status_code == 403
    assert values(stranger).status_code == 403


def test_schema(operator: Client) -> None:
    answer = operator.get(reverse("config:schema"))
    assert reverse("config:schema") == "/config/schema.json"
    schema = answer.json()["netjsonconfig.OpenWrt"]
    assert "interfaces" in schema["properties"]
    assert "hostname" not in schema["properties"]["general"]["properties"]
    assert answer["Last-Modified"]
    refused = Client().get("/config/schema.json")
    assert (refused.status_code, refused.json()) == (403, {"error": "login required"})
