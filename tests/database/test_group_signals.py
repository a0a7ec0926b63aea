"""What is announced of groups that are created, lose templates, or are deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from openwisp_controller.config.models import Config, Device, DeviceGroup, Template
from openwisp_controller.config.signals import device_group_changed
from openwisp_controller.config.unit_of_work import unit_of_work

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import fresh, using
from .test_signals import check_consistency

pytestmark = pytest.mark.django_db
TEMPLATES, GROUP = "group_templates_changed", "device_group_changed"


def form(organization: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "roofs", "organization": organization.pk, "meta_data": "{}", "context": "{}", **fields}


def test_created_in_the_administration(root: Any, organization: Any, committing: Any, recorded: SignalRecorder) -> None:
    templates = [make.template(organization) for _ in range(2)]
    with committing():
        root.post(
            reverse("admin:config_devicegroup_add"),
            form(organization, templates=",".join(str(t.pk) for t in templates)),
        )
    group = DeviceGroup.objects.get()
    assert list(group.templates.all()) == templates
    assert recorded.names == []
    with committing():
        config = Config.objects.get(device=make.device(organization, group=group))
    assert list(config.templates.all()) == templates
    page = reverse("admin:config_devicegroup_change", args=[group.pk])
    recorded.clear()
    with committing():
        root.post(page, form(organization, templates=str(templates[1].pk)))
    told = recorded.only(TEMPLATES)
    assert (told.old_templates, told.templates) == (templates, [templates[1]])
    assert list(fresh(config).templates.all()) == [templates[1]]


def test_created_with_a_device_in_one_unit_of_work(organization: Any, recorded: SignalRecorder) -> None:
    template = make.template(organization)
    with unit_of_work():
        group = DeviceGroup(organization=organization, name="roofs")
        group.save()
        device = make.device(organization, group=group)
        template.device_group_relations.add(group)
    assert list(Config.objects.get(device=device).templates.all()) == [template]
    assert recorded.names == []


@pytest.mark.parametrize("way", ["instance", "queryset", "server"])
def test_a_template_that_groups_list_is_deleted(
    organization: Any, way: str, committing: Any, recorded: SignalRecorder
) -> None:
    kept = make.template(organization)
    with committing():
        servers = [make.vpn(organization, subnet=make.subnet(organization, f"10.{n}.0.0/16")) for n in (1, 2)]
        gone = [make.vpn_template(server) for server in servers]
        groups = [
            make.group(organization, templates=[gone[0], kept, gone[1]]),
            make.group(organization, templates=gone[:1]),
        ]
        make.group(organization, templates=[kept])
        config = Config.objects.get(device=make.device(organization, group=groups[1]))
    recorded.clear()
    seen: list[Any] = []
    with committing():
        if way == "instance":
            with unit_of_work():
                for template in gone:
                    template.delete()
        elif way == "queryset":
            Template.objects.filter(vpn__in=servers).delete()
        else:
            with unit_of_work():
                for server in servers:
                    server.delete()
        seen += [
            (told.instance, [t.name for t in told.old_templates], told.templates) for told in recorded.of(TEMPLATES)
        ]
    names = [template.name for template in (gone[0], kept, gone[1])]
    assert sorted(seen, key=lambda each: groups.index(each[0])) == [
        (groups[0], names, [kept]), (groups[1], names[:1], [])
    ]  # fmt: skip
    assert not fresh(config).templates.exists()
    check_consistency()


@pytest.mark.parametrize("way", ["instance", "queryset", "administration"])
def test_a_group_is_deleted(root: Any, organization: Any, way: str, committing: Any, recorded: SignalRecorder) -> None:
    group = make.group(organization, context={"p": "1"})
    configs = [make.config(make.device(organization, group=group), config=using("p"), status="applied") for _ in "ab"]
    lonely = make.device(organization, group=group)
    configs[1].device.deactivate()
    make.device(organization, group=make.group(organization))
    recorded.clear()
    seen: list[Any] = []
    key = group.pk
    with committing():
        if way == "instance":
            group.delete()
        elif way == "queryset":
            DeviceGroup.objects.filter(pk=key).delete()
        else:
            root.post(reverse("admin:config_devicegroup_delete", args=[key]), {"post": "yes"})
        seen += [(told.instance.pk, told.group_id, told.old_group_id) for told in recorded.of(GROUP)]
        assert all(told.instance.group is None for told in recorded.of(GROUP))
    devices = {configs[0].device_id, configs[1].device_id, lonely.pk}
    assert sorted(seen) == sorted((pk, None, key) for pk in devices)
    assert recorded.only("config_modified").instance == configs[0]
    assert not Device.objects.filter(group=key).exists()
    check_consistency()


def test_receivers_see_devices_without_the_group(organization: Any, recorded: SignalRecorder) -> None:
    group = make.group(organization)
    device = make.device(organization, group=group)
    seen = []

    def receive(instance: Device, **arguments: Any) -> None:
        seen.append((Device.objects.get(pk=instance.pk).group_id, DeviceGroup.objects.exists()))
        instance.save()

    device_group_changed.connect(receive)
    try:
        group.delete()
    finally:
        device_group_changed.disconnect(receive)
    assert seen == [(None, False)]
    assert recorded.names == [GROUP]
    assert Device.objects.get(pk=device.pk).group is None


def test_an_organization_is_deleted(organization: Any, recorded: SignalRecorder) -> None:
    template = make.template(organization)
    make.device(organization, group=make.group(organization, templates=[template]))
    recorded.clear()
    organization.delete()
    assert recorded.names == []
