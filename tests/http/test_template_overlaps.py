"""The rows of chosen templates are told which settings of earlier ones they change."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config.models import Template

from .. import factories as make

pytestmark = pytest.mark.django_db
RADIO = {"name": "radio0", "protocol": "802.11n", "channel": 1, "channel_width": 20}
ADDRESS = "/admin/config/device/config/get-template-overlaps/"


@pytest.fixture
def base(organization: Organization) -> Template:
    content = {"general": {"description": "a"}, "radios": [RADIO]}
    return make.template(organization, "Base", content, default_values={"text": "hidden-one"})


@pytest.fixture
def shared() -> Template:
    content = {"general": {"description": "b"}, "radios": [{**RADIO, "country": "IT"}]}
    return make.template(None, "Shared", content, default_values={"text": "hidden-two"})


def asked(client: Client, *templates: Any) -> Any:
    return client.get(ADDRESS, {"pks": ",".join(str(getattr(each, "pk", each)) for each in templates)})


def test_the_address(db: Any) -> None:
    assert reverse("admin:get_template_overlaps") == ADDRESS


def test_each_says_what_it_changes_of_earlier_ones(operator: Client, base: Template, shared: Template) -> None:
    answer = asked(operator, base, shared)
    assert answer.status_code == 200
    found = answer.json()["overlaps"]
    assert list(found) == [str(shared.pk)]
    told = found[str(shared.pk)]
    assert told["summary"] == "overrides description of Base, variable text of Base; adds to radio0 of Base"
    assert "overrides description of Base: general › description" in told["details"]
    assert b"hidden" not in answer.content


def test_the_order_decides(operator: Client, base: Template, shared: Template) -> None:
    assert list(asked(operator, shared, base).json()["overlaps"]) == [str(base.pk)]
    assert asked(operator, base).json() == asked(operator).json() == {"overlaps": {}}


def test_a_long_summary_is_cut(operator: Client, organization: Organization) -> None:
    first, second = (
        make.template(organization, text, {"general": {f"option{number}": text for number in range(5)}})
        for text in ("first", "second")
    )
    told = asked(operator, first, second).json()["overlaps"][str(second.pk)]
    assert told["summary"].endswith("and 2 more")
    assert len(told["details"]) == 5


def test_other_backends_do_not_meet(operator: Client, organization: Organization, base: Template) -> None:
    content = {"general": {"description": "b", "hostname": "router"}}
    stranger = make.template(organization, "Other", content, backend="netjsonconfig.OpenWisp")
    assert asked(operator, base, stranger).json() == {"overlaps": {}}


def test_what_cannot_be_merged_says_so(operator: Client, organization: Organization, base: Template) -> None:
    broken = make.template(organization, "Broken")
    Template.objects.filter(pk=broken.pk).update(config={"general": ["x"]})
    told = asked(operator, base, broken).json()["overlaps"][str(broken.pk)]
    assert told["summary"].startswith("cannot be merged: ")


@pytest.mark.parametrize("keys", [("no-key",), (1,), ("\x00",), tuple(uuid.uuid4() for _number in range(101))])
def test_senseless_keys_are_refused(operator: Client, keys: Any) -> None:
    answer = asked(operator, *keys)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_same_one_twice_is_refused(operator: Client, base: Template) -> None:
    assert asked(operator, base, base).status_code == 400


def test_those_of_others_are_unknown(operator: Client, base: Template, other: Organization) -> None:
    theirs = make.template(other, "Theirs", {"general": {"description": "b"}})
    for unknown in (theirs, uuid.uuid4()):
        answer = asked(operator, base, unknown)
        assert answer.status_code == 404
        assert b"Theirs" not in answer.content


def test_who_may_ask(client: Client, organization: Organization, base: Template, shared: Template) -> None:
    assert asked(client, base, shared).status_code == 302
    reader = make.person("reader", organization)
    assert asked(reader, base, shared).status_code == 403


def test_changes_nothing(operator: Client, base: Template) -> None:
    assert operator.post(ADDRESS, {"pks": str(base.pk)}).status_code == 405
