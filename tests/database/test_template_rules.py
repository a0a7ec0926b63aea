"""What templates may be, and what becomes of them."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, Template

from .. import factories as make
from .scenarios import OTHER_BACKEND, interface, save, using

pytestmark = pytest.mark.django_db
CONFUSION = "Shared objects are visible to all organizations and must have unique names to avoid confusion."
NOT_AN_OBJECT = "the supplied value is not a JSON object"


def errors(owner: Any = None, **fields: Any) -> dict[str, list[str]]:
    """What validation says about a template, by field."""
    values = {"name": "wifi", "backend": make.BACKEND, "config": interface("eth0"), **fields}
    try:
        Template(organization=owner, **values).full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize(("fields", "expected"), [
    ({}, {}),
    ({"config": {}}, {NON_FIELD_ERRORS: ["The configuration field cannot be empty."]}),
    ({"config": None}, {NON_FIELD_ERRORS: ["The configuration field cannot be empty."]}),
    ({"config": [1]}, {"config": ["Unexpected configuration format."]}),
    ({"config": "x"}, {"config": ["Unexpected configuration format."]}),
    ({"default_values": [1]}, {"default_values": [NOT_AN_OBJECT]}),
    ({"default_values": "x"}, {"default_values": [NOT_AN_OBJECT]}),
    ({"default_values": None}, {}),
    ({"config": using("unknown")}, {}),
    ({"config": {"general": {"description": "a\x00b"}}}, {"config": ["Null characters are not allowed."]}),
])  # fmt: skip
def test_fields(organization: Any, fields: dict[str, Any], expected: dict[str, list[str]]) -> None:
    assert errors(organization, **fields) == expected


def test_backend_that_does_not_exist(organization: Any) -> None:
    found = errors(organization, backend="no.such.Backend")["backend"]
    assert "Value 'no.such.Backend' is not a valid choice." in found[0]


def test_backend_that_cannot_be_imported(organization: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_BACKENDS = [("no.such.Backend", "none")]
    (message,) = errors(organization, backend="no.such.Backend")["backend"]
    assert message.startswith('Error while importing "no.such.Backend": ')


def test_invalid_configuration(organization: Any) -> None:
    (message,) = errors(organization, config={"interfaces": [{"name": "eth0"}]})[NON_FIELD_ERRORS]
    assert message.startswith('Invalid configuration triggered by "#/interfaces/0", validator says:\n\n')


@pytest.mark.parametrize(("config", "place", "reason"), [
    ({"interfaces": [{"name": "eth0:1", "type": "ethernet"}]}, "interfaces/0/name", "cannot be the name of a section"),
    ({"pkg": [{"config_name": "t", "a b": "1"}]}, "pkg/0/a b", "cannot be the name of an option"),
    ({"files": [{"path": "/etc/config/x", "mode": "0644", "contents": "hello"}]}, "files/0/path", "is not UCI"),
])  # fmt: skip
def test_what_the_device_would_refuse(organization: Any, config: Any, place: str, reason: str) -> None:
    (message,) = errors(organization, config=config)[NON_FIELD_ERRORS]
    assert message.startswith(f'Invalid configuration triggered by "#/{place}", validator says:\n\n')
    assert reason in message


@pytest.mark.parametrize(("template", "own", "place"), [
    ({"pkg": [{"config_name": "t", "config_value": "{{ v }}"}]}, {}, "pkg/0/config_value"),
    ({"files": [{"path": "/etc/config/system", "mode": "0644", "contents": "config t"}]}, {}, "files/0/path"),
    ({"files": [{"path": "/etc/config/pkg", "mode": "0644", "contents": "config t"}]},
        {"pkg": [{"config_name": "t"}]}, "files/0/path"),
])  # fmt: skip
def test_the_template_is_named_by_forms_and_compiles(organization: Any, template: Any, own: Any, place: str) -> None:
    good, bad = make.template(organization, "good"), make.template(organization, "bad")
    config = make.config(organization, templates=[good, bad], config=own, context={"v": "a b"})
    Template.objects.filter(pk=bad.pk).update(config=template)
    bad.refresh_from_db()
    expected = f'Template "bad" makes the configuration invalid at "#/{place}": '
    assert config.problem_with([good, bad]).startswith(expected)
    organization.config_settings.context = {"x": "1"}
    organization.config_settings.save()
    maintenance.compile_stale()
    config.refresh_from_db()
    assert config.status == "error"
    assert config.compile_error.startswith(expected)


@pytest.mark.parametrize(("values", "valid"), [({"mac": "02:11:22:33:44:55"}, True), ({"mac": "bad"}, False)])
def test_default_values_are_validated_with_the_configuration(organization: Any, values: Any, valid: bool) -> None:
    config = interface("eth0", mac="{{ mac }}")
    assert (errors(organization, config=config, default_values=values) == {}) is valid


class TestNames:
    def test_taken_in_the_organization(self, organization: Any) -> None:
        make.template(organization, "wifi")
        expected = ["Template with this Organization and Name already exists."]
        assert errors(organization)[NON_FIELD_ERRORS] == expected
        assert errors(make.organization()) == {}

    @pytest.mark.parametrize("shared", [True, False])
    def test_taken_by_a_shared_one(self, organization: Any, shared: bool) -> None:
        make.template(None, "wifi")
        expected = f"There is already another shared template with this name. {CONFUSION}"
        assert errors(None if shared else organization)["name"] == [expected]

    def test_shared_one_taken_in_some_organization(self, organization: Any) -> None:
        make.template(organization, "wifi")
        expected = f"There is already a template of another organization with this name. {CONFUSION}"
        assert errors(None)["name"] == [expected]


@pytest.mark.parametrize("how", ["full_clean", "save"])
def test_required_is_default(organization: Any, how: str) -> None:
    template = Template(
        organization=organization, name="x", backend=make.BACKEND, config=interface("lan"), required=True
    )
    if how == "full_clean":
        template.full_clean()
    template.save()
    template.refresh_from_db()
    assert template.default


class TestInUse:
    def test_backend_stays(self, organization: Any) -> None:
        template = make.template(organization)
        make.config(organization, templates=[template])
        template.backend = OTHER_BACKEND
        with pytest.raises(ValidationError, match="backend cannot be changed while devices use"):
            template.full_clean()

    @pytest.mark.parametrize("target", ["another", "shared", "its own"])
    def test_organization(self, organization: Any, target: str) -> None:
        template = make.template(organization if target != "its own" else None)
        make.config(organization, templates=[template])
        template.organization = {"another": make.organization(), "shared": None, "its own": organization}[target]
        if target == "another":
            with pytest.raises(ValidationError, match="organization cannot be changed while devices"):
                template.full_clean()
        else:
            template.full_clean()

    def test_unused_ones_are_free(self, organization: Any) -> None:
        template = make.template(organization)
        template.backend, template.organization = OTHER_BACKEND, make.organization()
        template.full_clean()


class TestClone:
    def test_copies(self, organization: Any, committing: Any) -> None:
        original = make.template(
            organization, "wifi", config=using("x"), default_values={"x": "1"}, notes="why", required=True
        )
        original.tags.add("mesh", "wifi")
        config = make.config(organization)
        with committing():
            clone = original.clone()
        clone.refresh_from_db()
        assert clone.pk != original.pk
        for name in ("organization", "backend", "config", "default_values", "notes"):
            assert getattr(clone, name) == getattr(original, name)
        assert set(clone.tags.names()) == {"mesh", "wifi"}
        assert (clone.name, clone.default, clone.required) == ("wifi (Clone)", False, False)
        assert list(Config.objects.get(pk=config.pk).templates.all()) == [original]

    def test_names(self, organization: Any) -> None:
        template = make.template(organization, "wifi")
        assert [template.clone().name for _ in range(3)] == ["wifi (Clone)", "wifi (Clone 2)", "wifi (Clone 3)"]

    def test_long_name(self, organization: Any) -> None:
        assert make.template(organization, "x" * 64).clone().name == "x" * 56 + " (Clone)"

    def test_into_another_organization(self, organization: Any) -> None:
        make.template(organization, "wifi (Clone)")
        target = make.organization()
        clone = make.template(organization, "wifi").clone(organization_id=target.pk)
        assert (clone.name, clone.organization_id) == ("wifi (Clone)", target.pk)

    @pytest.mark.parametrize("taken_by", ["shared", "an organization"])
    def test_shared(self, organization: Any, taken_by: str) -> None:
        template = make.template(None, "wifi")
        make.template(None if taken_by == "shared" else organization, "wifi (Clone)")
        clone = template.clone()
        assert (clone.name, clone.organization_id) == ("wifi (Clone 2)", None)


def test_variables(organization: Any, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_CONTEXT = {"b": "system", "c": "system"}
    template = make.template(organization, config=using("a"), default_values={"a": "own", "b": "own"})
    assert template.get_context() == {"a": "own", "b": "system", "c": "system"}
    assert template.get_system_context() == {"b": "system", "c": "system"}


def test_tags_tell_cases_apart(organization: Any) -> None:
    template = make.template(organization)
    template.tags.add("mesh")
    assert list(Template.objects.filter(tags__name__in=["mesh"])) == [template]
    assert not Template.objects.filter(tags__name__in=["Mesh"])


class TestAutomaticTemplatesForOthers:
    """A template given to all devices that it suits is given to those that it comes to suit."""

    def test_shared_with_other_organizations(self, organization: Any, committing: Any) -> None:
        config = make.config(make.organization("other"))
        with committing():
            template = make.template(organization, "firewall", required=True)
        assert not config.templates.exists()
        with committing():
            save(template, organization=None)
        assert list(config.templates.all()) == [template]

    def test_made_for_another_backend(self, organization: Any, committing: Any) -> None:
        config = make.config(organization)
        with committing():
            template = make.template(organization, "firewall", default=True, backend="netjsonconfig.OpenWisp")
        assert not config.templates.exists()
        with committing():
            save(template, backend=make.BACKEND)
        assert list(config.templates.all()) == [template]


class TestVariablesWithoutValue:
    """What a template may leave open."""

    RADIO: ClassVar[dict[str, Any]] = {
        "name": "radio0",
        "protocol": "802.11g",
        "channel": "{{ ch }}",
        "channel_width": 20,
    }

    def test_numbers_and_addresses_may_come_later(self, organization: Any) -> None:
        address = {"proto": "static", "family": "ipv4", "address": "{{ ip }}", "mask": "{{ mask }}"}
        interface = {"name": "eth0", "type": "ethernet", "mac": "{{ mac_address }}", "addresses": [address]}
        template = make.template(organization, config={"radios": [self.RADIO], "interfaces": [interface]})
        config = make.config(organization, templates=[template], context={"ch": "6", "ip": "10.0.0.1", "mask": 24})
        assert "option channel '6'" in config.render()
        assert f"option macaddr '{config.mac_address}'" in config.render()

    def test_a_device_needs_them(self, organization: Any) -> None:
        template = make.template(organization, config={"radios": [self.RADIO]})
        with pytest.raises(ValidationError, match='the variable "ch" has no value, but a whole number is wanted'):
            make.config(organization, templates=[template])

    def test_mistakes_are_refused_all_the_same(self, organization: Any) -> None:
        with pytest.raises(ValidationError):
            make.template(organization, config={"radios": [{**self.RADIO, "protocol": "x"}]})
