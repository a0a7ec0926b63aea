"""Objects that get what belongs to them before their first save."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from openwisp_controller.config.models import Config, Device, DeviceGroup, Template

from .. import factories as make
from .scenarios import interface

pytestmark = pytest.mark.django_db


def built(organization: Any, **fields: Any) -> Config:
    return Config(device=make.device(organization), backend=make.BACKEND, **fields)


def names(config: Config) -> list[str]:
    return [template.name for template in Config.objects.get(pk=config.pk).ordered_templates()]


@pytest.fixture
def templates(organization: Any) -> list[Template]:
    return [make.template(organization, name, config=interface(f"{name}0")) for name in ("b", "a", "c")]


@pytest.mark.parametrize("way", ["add", "set", "keys", "one by one"])
def test_templates_given_before_the_first_save_are_compiled(organization: Any, templates: Any, way: str) -> None:
    config = built(organization)
    if way == "add":
        config.templates.add(*templates)
    elif way == "set":
        config.templates.set(templates)
    elif way == "keys":
        config.templates.add(*(str(template.pk) for template in templates))
    else:
        for template in templates:
            config.templates.add(template)
    assert list(config.templates.all()) == templates
    config.full_clean()
    config.save()
    assert names(config) == ["b", "a", "c"]
    assert list(config.templates.all()) == templates
    stored = Config.objects.get(pk=config.pk)
    assert stored.released is not None
    text = stored.render()
    assert all(f"config interface '{name}0'" in text for name in "abc")
    assert stored.checksum == config.checksum


def test_templates_that_come_by_themselves_stand_first(organization: Any, templates: Any) -> None:
    make.template(organization, "default", default=True)
    make.template(organization, "required", required=True)
    config = built(organization)
    config.templates.set(templates)
    config.templates.remove(templates[1])
    config.save()
    assert names(config) == ["required", "default", "b", "c"]
    other = built(organization)
    other.templates.add(*templates)
    other.templates.clear()
    other.save()
    assert names(other) == ["required", "default"]


def test_rules_hold_for_them(organization: Any) -> None:
    foreign = make.template(make.organization(), "foreign")
    config = built(organization)
    config.templates.add(foreign)
    with pytest.raises(ValidationError, match="do not match the organization"):
        config.save()
    assert not Config.objects.filter(pk=config.pk).exists()


def test_they_are_validated_with_the_configuration(organization: Any, templates: Any) -> None:
    config = built(organization)
    config.templates.add(templates[0])
    Template.objects.filter(pk=templates[0].pk).update(config={"interfaces": 5})
    templates[0].config = {"interfaces": 5}
    with pytest.raises(ValidationError):
        config.full_clean()


def test_groups_keep_templates_given_before(organization: Any, templates: Any) -> None:
    group = DeviceGroup(organization=organization, name="group")
    group.templates.add(*templates)
    group.full_clean()
    group.save()
    assert [template.name for template in DeviceGroup.objects.get(pk=group.pk).templates.all()] == ["b", "a", "c"]


@pytest.mark.parametrize("way", ["constructor", "attribute", "stored device"])
def test_a_device_is_stored_with_its_configuration(organization: Any, way: str) -> None:
    config = Config(backend=make.BACKEND, config={"general": {"hostname": "chosen"}})
    fields = {"organization": organization, "name": "device", "mac_address": "02:00:00:00:00:01"}
    if way == "constructor":
        device = Device(**fields, config=config)
    else:
        device = Device(**fields)
        if way == "stored device":
            device.save()
        device.config = config
    device.save()
    stored = Device.objects.get(pk=device.pk)
    assert stored.config.pk == config.pk
    assert stored.config.released is not None
    assert "hostname 'chosen'" in stored.config.render()
    device.save()
    assert Config.objects.filter(device=device).count() == 1


def test_a_device_that_was_only_asked_for_its_configuration_gets_none(organization: Any) -> None:
    device = Device(organization=organization, name="device", mac_address="02:00:00:00:00:01")
    device.get_config()
    device.save()
    assert not Config.objects.filter(device=device).exists()


def test_a_configuration_of_its_own_wins_over_the_one_that_its_group_would_give(organization: Any) -> None:
    group = make.group(organization, templates=[make.template(organization, "of group")])
    config = Config(backend=make.BACKEND)
    device = Device(
        organization=organization, name="device", mac_address="02:00:00:00:00:01", group=group, config=config
    )
    device.save()
    assert Config.objects.get(device=device).pk == config.pk
    assert names(config) == ["of group"]


@pytest.mark.parametrize("status", ["applied", "error", "modified"])
def test_the_status_given_at_creation_is_kept(organization: Any, templates: Any, status: str) -> None:
    config = built(organization, status=status)
    config.templates.add(*templates)
    config.save()
    assert config.status == status
    stored = Config.objects.get(pk=config.pk)
    assert stored.status == status
    assert stored.released is not None
    stored.config = {"general": {"hostname": "another"}}
    stored.save()
    assert stored.status == "modified"


def test_what_does_not_compile_is_an_error_all_the_same(organization: Any) -> None:
    config = built(organization, status="applied", config={"interfaces": 5})
    config.save()
    assert Config.objects.get(pk=config.pk).status == "error"
