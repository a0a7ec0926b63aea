"""Variables that nobody defines are told, by name, where templates and devices are saved and compiled."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from openwisp_controller.config import maintenance
from openwisp_controller.config.compiling import undefined
from openwisp_controller.config.models import Config, Template

from .. import factories as make

pytestmark = pytest.mark.django_db


def banner(*names: str) -> dict[str, Any]:
    text = " ".join(f"{{{{ {name} }}}}" for name in names)
    return {"files": [{"path": "/etc/banner", "mode": "0644", "contents": text}]}


def told(template: Template) -> list[tuple[str, str, int, int]]:
    return [(each.name, each.nearest, each.lacking, each.devices) for each in undefined.of_template(template)]


def test_a_template_without_devices(organization: Any) -> None:
    template = make.template(organization, config=banner("ssidd", "name", "mac_address"), default_values={"ssid": "x"})
    assert told(template) == [("ssidd", "ssid", 0, 0)]
    text = undefined.sentence(undefined.of_template(template))
    assert text == 'The variable "ssidd" is not defined (did you mean "ssid"?).'


@pytest.mark.parametrize("where", ["organization", "group", "device", "other template", "system"])
def test_names_that_somebody_defines_are_known(settings: Any, where: str) -> None:
    values = {"ssid": "x"}
    organization = make.organization(context=values if where == "organization" else None)
    if where == "group":
        make.group(organization, context=values)
    elif where == "device":
        make.config(organization, context=values)
    elif where == "other template":
        make.template(organization, default_values=values)
    elif where == "system":
        settings.OPENWISP_CONTROLLER_CONTEXT = values
    template = make.template(organization, config=banner("ssid", "ssidd"))
    assert told(template) == [("ssidd", "ssid", 0, 0)]


def test_nothing_of_other_organizations_is_told(organization: Any) -> None:
    make.config(make.organization(), context={"ssid": "x"})
    assert told(make.template(organization, config=banner("ssidd"))) == [("ssidd", "", 0, 0)]


def test_how_many_devices_lack_it() -> None:
    organization = make.organization(context={"of_organization": 1})
    group = make.group(organization, context={"of_group": 1})
    others = make.template(organization, config=banner("x"), default_values={"x": 1, "of_template": 1})
    names = ["of_organization", "of_group", "of_template", "of_device", "of_nobody"]
    template = make.template(organization, config=banner(*names))
    make.config(make.device(organization, group=group), templates=[template])
    make.config(organization, templates=[template, others], context={"of_device": 1})
    make.config(organization, templates=[template])
    lacking = {name: (count, devices) for name, _, count, devices in told(template)}
    assert lacking == {"of_group": (2, 3), "of_template": (2, 3), "of_device": (2, 3), "of_nobody": (3, 3)}
    assert "3 of 3 devices lack it" in undefined.sentence(undefined.of_template(template))


def test_what_rules_of_subnets_give_is_defined(organization: Any) -> None:
    make.division_rule(make.subnet(organization), "device", label="OW")
    template = make.template(organization, config=banner("OW_subnet1", "OW_subnet9"))
    make.config(organization, templates=[template])
    maintenance.reconcile()
    assert [name for name, *_ in told(template)] == ["OW_subnet9"]


def test_clients_of_vpn_servers_lack_nothing(organization: Any) -> None:
    template = make.vpn_template(make.vpn(organization))
    assert told(template) == []
    config = make.config(organization)
    assert undefined.of_config(config, [template]) == []
    config.templates.add(template)
    assert told(template) == []


def test_the_number_of_statements_does_not_depend_on_that_of_devices(organization: Any) -> None:
    template = make.template(organization, config=banner("a", "b", "c"))

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            undefined.of_template(template)
        return len(queries)

    make.config(organization, templates=[template], context={"a": 1})
    few = count()
    for _ in range(5):
        make.config(organization, templates=[template])
    assert count() == few
    assert few <= 12


def test_compiling_lists_them(organization: Any) -> None:
    template = make.template(organization, config=banner("a", "b"))
    config = make.config(organization, templates=[template], context={"a": 1})
    assert config.undefined_variables == ["b"]
    config.context = {"a": 1, "b": 2}
    config.save()
    assert config.undefined_variables == []
    assert Config.objects.get(pk=config.pk).undefined_variables == []
    template.config = banner("c", "d")
    template.save()
    maintenance.reconcile()
    assert Config.objects.get(pk=config.pk).undefined_variables == ["c", "d"]


def test_they_are_listed_also_when_nothing_compiles(organization: Any) -> None:
    template = make.template(organization, config=banner("a"))
    config = make.config(organization, templates=[template])
    template.config = {"radios": [{"name": "r", "protocol": "802.11g", "channel": "{{ ch }}", "channel_width": 20}]}
    template.save()
    maintenance.reconcile()
    config.refresh_from_db()
    assert config.status == "error"
    assert config.undefined_variables == ["ch"]
    assert 'the variable "ch" has no value' in config.compile_error


class TestRefusing:
    @pytest.fixture(autouse=True)
    def refusing(self, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_UNDEFINED_VARIABLES = "refuse"

    def test_templates(self, organization: Any) -> None:
        with pytest.raises(ValidationError, match='"ssidd" is not defined') as error:
            make.template(organization, config=banner("ssidd"), default_values={"ssid": "x"})
        assert error.value.message_dict["config"]

    def test_devices(self, organization: Any) -> None:
        with pytest.raises(ValidationError, match=r'"ssidd" is not defined .did you mean "ssid".'):
            make.config(organization, config=banner("ssidd"), context={"ssid": "x"})

    def test_assigning(self, organization: Any) -> None:
        template = make.template(organization, config=banner("a"), default_values={"a": 1})
        Template.objects.filter(pk=template.pk).update(default_values={})
        config = make.config(organization)
        with pytest.raises(ValidationError, match='"a" is not defined'):
            config.templates.add(template)
        config.context = {"a": 1}
        config.save()
        config.templates.add(template)


def test_forms_name_the_template_to_blame(organization: Any) -> None:
    template = make.template(organization, "radio", config=banner("x"))
    config = make.config(organization, templates=[template])
    Template.objects.filter(pk=template.pk).update(
        config={"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": 5}]}
    )
    config = Config.objects.get(pk=config.pk)
    with pytest.raises(ValidationError) as error:
        config.full_clean()
    assert 'Invalid configuration triggered by "#/interfaces/0/mtu", validator says:' in error.value.messages[0]
    assert 'Template "radio" makes the configuration invalid at "#/interfaces/0/mtu"' in error.value.messages[0]
