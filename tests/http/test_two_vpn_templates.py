"""Two templates of one VPN server: told at the field, before anything is stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from openwisp_controller.config.models import Config, DeviceGroup, Template

from .. import factories as make
from .test_admin import config, device_form

__all__ = ["config"]
pytestmark = pytest.mark.django_db
TEXT = "You cannot select multiple VPN client templates related to the same VPN server."


@pytest.fixture
def pair(config: Config) -> list[Template]:
    owner = config.device.organization
    server = make.vpn(owner)
    return [make.vpn_template(server, owner, name) for name in ("one", "two")]


def test_on_the_page_of_a_device(operator: Client, config: Config, pair: list[Template]) -> None:
    form = device_form(config.device, pair, notes="typed with care")
    page = operator.post(reverse("admin:config_device_change", args=[config.device_id]), form)
    assert page.status_code == 200
    errors = page.context["inline_admin_formsets"][0].formset.forms[0].errors
    assert TEXT in errors["templates"][0]
    assert "typed with care" in page.content.decode()
    assert not Config.objects.get(pk=config.pk).templates.filter(vpn__isnull=False).exists()


def test_a_required_template_counts_though_it_is_not_chosen(
    operator: Client, config: Config, pair: list[Template]
) -> None:
    Template.objects.filter(pk=pair[0].pk).update(required=True, default=True)
    page = operator.post(
        reverse("admin:config_device_change", args=[config.device_id]), device_form(config.device, pair[1:])
    )
    assert TEXT in page.context["inline_admin_formsets"][0].formset.forms[0].errors["templates"][0]


def test_on_the_page_of_a_group(operator: Client, config: Config, pair: list[Template]) -> None:
    group = make.group(config.device.organization)
    form = {
        "name": group.name, "organization": str(group.organization_id), "description": "typed with care",
        "templates": ",".join(str(template.pk) for template in pair), "context": "{}", "meta_data": "{}",
    }  # fmt: skip
    page = operator.post(reverse("admin:config_devicegroup_change", args=[group.pk]), form)
    assert page.status_code == 200
    assert TEXT in page.context["adminform"].form.errors["templates"][0]
    assert "typed with care" in page.content.decode()


@pytest.mark.parametrize("way", ["set", "add", "reverse", "before the first save"])
def test_groups_refuse_them_by_themselves(config: Config, pair: list[Template], way: str) -> None:
    group = DeviceGroup(organization=config.device.organization, name="group")
    if way != "before the first save":
        group.save()

    def edit() -> None:
        if way == "set":
            group.templates.set(pair)
        elif way == "add":
            group.templates.add(pair[0])
            group.templates.add(pair[1])
        elif way == "reverse":
            for template in pair:
                template.device_group_relations.add(group)
        else:
            group.templates.add(*pair)
            group.save()

    with pytest.raises(ValidationError, match="multiple VPN client templates"):
        edit()


def test_groups_may_have_one_for_each_backend(config: Config, pair: list[Template]) -> None:
    owner: Any = config.device.organization
    other = make.vpn_template(pair[0].vpn, owner, "legacy", backend="netjsonconfig.OpenWisp")  # type: ignore[arg-type]
    group = make.group(owner, templates=[pair[0], other])
    assert group.templates.count() == 2


def test_a_second_required_one_is_refused_at_its_own_save(config: Config, pair: list[Template]) -> None:
    one, two = pair
    one.required = True
    one.full_clean()
    one.save()
    one.full_clean()
    two.required = True
    with pytest.raises(ValidationError) as error:
        two.full_clean()
    assert error.value.message_dict == {
        "required": ["A device can have one template of a VPN server, and these are required already: one."]
    }
