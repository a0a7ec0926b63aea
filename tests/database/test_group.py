"""Groups of devices."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from openwisp_controller.config.models import DeviceGroup

from .. import factories as make

pytestmark = pytest.mark.django_db
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def errors(owner: Any, **fields: Any) -> dict[str, list[str]]:
    """What validation says about a group, by field."""
    try:
        DeviceGroup(organization=owner, **{"name": "roofs", **fields}).full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize("value", [[1], "text", 1])
def test_variables_are_an_object(organization: Any, value: Any) -> None:
    assert errors(organization, context=value) == {"context": ["the supplied value is not a JSON object"]}


@pytest.mark.parametrize("field", ["context", "meta_data"])
def test_empty_is_an_object(organization: Any, field: str) -> None:
    group = DeviceGroup(organization=organization, name="roofs", **{field: None})
    group.full_clean()
    group.save()
    group.refresh_from_db()
    assert getattr(group, field) == {}


@pytest.mark.parametrize(("data", "message"), [
    ({"city": "Rome"}, None), ({"city": 1}, "1 is not of type 'string'"), ({}, "'city' is a required property"),
    ([1], "[1] is not of type 'object'"),
])  # fmt: skip
def test_metadata_follows_the_schema(organization: Any, settings: Any, data: Any, message: str | None) -> None:
    settings.OPENWISP_CONTROLLER_DEVICE_GROUP_SCHEMA = SCHEMA
    assert errors(organization, meta_data=data) == ({"meta_data": [message]} if message else {})


def test_name_is_unique_in_the_organization(organization: Any) -> None:
    make.group(organization, "roofs")
    expected = ["Device Group with this Organization and Name already exists."]
    assert errors(organization) == {NON_FIELD_ERRORS: expected}
    assert errors(make.organization()) == {}


@pytest.mark.parametrize("side", ["group", "template"])
@pytest.mark.parametrize("owner", ["own", "shared", "foreign"])
def test_templates_of_other_organizations_are_refused(organization: Any, side: str, owner: str) -> None:
    group = make.group(organization)
    owners = {"own": organization, "shared": None, "foreign": make.organization()}
    template = make.template(owners[owner], "secret")

    def add() -> None:
        group.templates.add(template) if side == "group" else template.device_group_relations.add(group)

    if owner == "foreign":
        with pytest.raises(ValidationError, match="These templates belong to another organization: secret"):
            add()
    else:
        add()
    assert list(group.templates.all()) == ([] if owner == "foreign" else [template])


def test_organization_stays_while_devices_are_in_it(organization: Any) -> None:
    device = make.device(organization, group=make.group(organization))
    device.group.organization = make.organization()
    with pytest.raises(ValidationError) as caught:
        device.group.full_clean()
    assert caught.value.message_dict == {
        "organization": [
            "The organization of this Device Group cannot be changed because 1 Device is still related to it"
        ]
    }
    device.group.device_set.update(group=None)
    device.group.full_clean()


def test_deletion_keeps_devices_and_their_templates(organization: Any, committing: Any) -> None:
    template = make.template(organization)
    device = make.device(organization, group=make.group(organization, templates=[template]))
    with committing():
        device.group.delete()
    device.refresh_from_db()
    assert device.group is None
    assert list(device.config.templates.all()) == [template]


def test_order_from_the_templates_side(organization: Any) -> None:
    a, b, c = (make.template(organization, name) for name in "abc")
    group = make.group(organization, templates=[c])
    for template in (b, a):
        template.device_group_relations.add(group)
    assert list(group.templates.all()) == [c, b, a]
