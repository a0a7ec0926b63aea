"""What restoring earlier versions in the administration announces: what differs, as any other edit does."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import reversion
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, Device, Template, Vpn

from .. import factories as make
from ..database.scenarios import MODIFIED, OTHER_BACKEND, STATUS, fresh, interface, save
from ..database.test_signals import check_consistency
from ..recorder import SignalRecorder
from .test_admin import device_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(organization: Organization, committing: Any) -> Config:
    """A device of a group, with a template, in a version."""
    with committing():
        group = make.group(organization, "roofs", templates=[make.template(organization, "of the group")])
        config = Config.objects.get(device=make.device(organization, "router", group=group))
        config.templates.add(make.template(organization, "wifi"))
        save(config, config=interface("eth0"))
    config = Config.objects.select_related("device__group").get(pk=config.pk)
    keep(config.device, config)
    return config


def keep(*instances: Any) -> None:
    """Keep versions of things as the administration does when they are saved together."""
    with reversion.create_revision():
        for instance in instances:
            reversion.add_to_revision(instance)


def edit(of: Config, committing: Any, **values: Any) -> Config:
    """Edit device and configuration; then the device applies it."""
    device = Device.objects.get(pk=of.device_id)
    with committing():
        for name, value in values.items():
            save(device if name in ("name", "group", "notes", "management_ip") else fresh(of), **{name: value})
    after = fresh(of)
    Config.objects.update(status="applied", applied=after.released, downloaded=after.released)
    return after


def restore(root: Client, config: Config, templates: Any, committing: Any, **values: Any) -> Any:
    """Press the button on the page of the oldest version: the form holds what stands there, as ``config`` does."""
    version = Version.objects.get_for_object(config.device).last()
    assert version is not None
    form = device_form(config.device, templates, **values)
    with committing():
        return root.post(reverse("admin:config_device_revision", args=[config.device_id, version.pk]), form)


EDITS: dict[str, tuple[Any, list[str]]] = {
    "configuration": (lambda c: {"config": interface("eth1")}, [MODIFIED, STATUS]),
    "variables": (lambda c: {"config": interface("eth0"), "context": {"a": "1"}}, []),
    "name": (lambda c: {"name": "another"}, ["device_name_changed", MODIFIED, STATUS]),
    "notes": (lambda c: {"notes": "x"}, []),
    "group": (
        lambda c: {"group": make.group(c.device.organization, templates=[make.template(c.device.organization)])},
        [MODIFIED, STATUS, "device_group_changed"],
    ),
    "no group": (lambda c: {"group": None}, [MODIFIED, STATUS, "device_group_changed"]),
    "backend": (lambda c: {"backend": OTHER_BACKEND}, ["config_backend_changed", MODIFIED, STATUS]),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_differs_is_announced(
    root: Client, config: Config, committing: Any, name: str, recorded: SignalRecorder
) -> None:
    values, expected = EDITS[name]
    templates, checksum = list(config.templates.all()), config.checksum
    edit(config, committing, **values(config))
    recorded.clear()
    assert restore(root, config, templates, committing).status_code == 302
    assert recorded.names == expected
    for told in recorded.of(MODIFIED):
        assert told.previous_status == "applied"
        assert told.action == "m2m_templates_changed" if "group" in name else "config_changed"
    after = fresh(config)
    assert list(after.templates.all()) == templates
    assert (after.device.name, after.device.group, after.backend) == ("router", config.device.group, make.BACKEND)
    assert after.checksum == checksum
    check_consistency()


def test_templates_that_differ(root: Client, config: Config, committing: Any, recorded: SignalRecorder) -> None:
    templates = list(config.templates.all())
    with committing():
        fresh(config).templates.set(templates[:1])
    edit(config, committing)
    recorded.clear()
    assert restore(root, config, templates, committing).status_code == 302
    assert recorded.only(MODIFIED).action == "m2m_templates_changed"
    assert list(fresh(config).templates.all()) == templates


def test_what_devices_and_workers_own_stays(
    root: Client, config: Config, committing: Any, recorded: SignalRecorder
) -> None:
    templates = list(config.templates.all())
    edit(config, committing, management_ip="10.0.0.1", notes="x")
    recorded.clear()
    config.device.management_ip = "10.0.0.1"
    assert restore(root, config, templates, committing).status_code == 302
    assert recorded.names == []
    assert (fresh(config).status, fresh(config).device.management_ip) == ("applied", "10.0.0.1")


def test_a_refused_form_announces_nothing(
    root: Client, config: Config, committing: Any, recorded: SignalRecorder
) -> None:
    edit(config, committing, name="another", config=interface("eth1"), group=None)
    fresh(config).templates.set([])
    templates = list(fresh(config).templates.all())
    edit(config, committing)
    recorded.clear()
    assert restore(root, config, templates, committing, name="").status_code == 200
    assert recorded.names == []
    after = fresh(config)
    assert (after.device.name, after.config, after.status) == ("another", interface("eth1"), "applied")
    assert list(after.templates.all()) == templates
    check_consistency()


def test_a_version_restored_by_code(config: Config, committing: Any, recorded: SignalRecorder) -> None:
    edit(config, committing, name="another", config=interface("eth1"))
    version = Version.objects.get_for_object(config.device).last()
    assert version is not None
    recorded.clear()
    with committing():
        version.revision.revert()
    assert recorded.names.count("device_name_changed") == 1
    assert {told.action for told in recorded.of(MODIFIED)} == {"config_changed"}
    assert recorded.names.count(STATUS) == 1
    check_consistency()


@pytest.mark.parametrize("way", ["administration", "code"])
@pytest.mark.parametrize("vpn", [True, False])
def test_a_recovered_device_is_not_announced(
    root: Client, config: Config, committing: Any, recorded: SignalRecorder, caplog: Any, way: str, vpn: bool
) -> None:
    organization = config.device.organization
    if vpn:
        with committing():
            config.templates.add(make.vpn_template(make.vpn(organization, "OpenVpn")))
            make.credentials(organization, auto_add=True)
            if way == "administration":  # else the subnets come after the device, which is a change of its own
                make.division_rule(make.subnet(organization))
    templates = list(config.templates.all())
    keep(config.device, fresh(config))
    config.device.deactivate()
    form_of = device_form(fresh(config).device, templates)
    version = Version.objects.get_for_object(config.device).first()
    assert version is not None
    with committing():
        Device.objects.get(pk=config.device_id).delete(check_deactivated=False)
    recorded.clear()
    with caplog.at_level(logging.WARNING), committing():
        if way == "code":
            version.revision.revert()
        else:
            form = {**form_of, "config-0-config": json.dumps(interface("eth0"))}
            answer = root.post(reverse("admin:config_device_recover", args=[version.pk]), form)
            assert answer.status_code == 302
    maintenance.reconcile()
    assert recorded.names == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    after = Config.objects.get(device__name="router")
    assert list(after.templates.all()) == templates
    assert (after.config, after.status) == (interface("eth0"), "modified")
    assert after.vpnclient_set.count() == after.device.deviceconnection_set.count() == vpn
    assert ("OW_subnet1" in after.get_context()) == (vpn and way == "administration")
    check_consistency()


def test_a_server(organization: Organization, committing: Any, recorded: SignalRecorder) -> None:
    with committing():
        vpn = make.vpn(organization)
        config = make.config(organization, templates=[make.vpn_template(vpn)])
    keep(vpn)
    with committing():
        save(Vpn.objects.get(pk=vpn.pk), host="vpn2.test.com")
    Config.objects.update(status="applied")
    recorded.clear()
    with committing():
        Version.objects.get_for_object(vpn).get().revision.revert()
    assert recorded.names == ["vpn_server_modified", MODIFIED, STATUS]
    assert recorded.only(MODIFIED).action == "related_template_changed"
    assert Vpn.objects.get().host == "vpn1.test.com"
    assert fresh(config).vpnclient_set.count() == 1
    recorded.clear()
    with committing():
        Version.objects.get_for_object(vpn).get().revision.revert()
    assert recorded.names == []
    check_consistency()


def test_a_template(organization: Organization, committing: Any, recorded: SignalRecorder) -> None:
    template = make.template(organization, config=interface("eth1"))
    make.config(organization, templates=[template])
    keep(template)
    with committing():
        save(Template.objects.get(), config=interface("eth2"))
    Config.objects.update(status="applied")
    recorded.clear()
    for _ in range(2):
        with committing():
            Version.objects.get_for_object(template).get().revision.revert()
    assert recorded.names == [STATUS, MODIFIED]
    assert recorded.only(MODIFIED).action == "related_template_changed"
    check_consistency()
