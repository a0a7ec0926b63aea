"""Calls about the life of a device decide by what is stored, not by what an instance in hand remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from openwisp_controller.config.devices import history, lifecycle, reports
from openwisp_controller.config.models import Config, Device
from openwisp_controller.config.unit_of_work import unit_of_work

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import OTHER_BACKEND, fresh, interface, save
from .test_signals import check_consistency

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(organization: Any) -> Config:
    device = make.device(organization, management_ip="10.0.0.1")
    return make.config(device, config=interface("eth0"), templates=[make.template(organization, "t")], status="applied")


def loaded(config: Config) -> Device:
    """The device as another process has it, everything that it refers to included."""
    device = Device.objects.select_related("config", "group", "organization").get(pk=config.device_id)
    assert device.has_config()
    return device


def wiped(config: Config) -> None:
    loaded(config).deactivate()
    fresh(config).set_status_deactivated()
    assert loaded(config).is_fully_deactivated()


def test_deactivated_twice(config: Config, recorded: SignalRecorder) -> None:
    first, second = loaded(config), loaded(config)
    first.deactivate()
    told = recorded.names
    second.deactivate()
    assert recorded.names == told
    assert told.count("device_deactivated") == told.count("config_deactivating") == 1
    assert fresh(config).status == "deactivating", "it has not wiped itself yet"
    assert second.is_deactivated()


def test_activated_twice(config: Config, recorded: SignalRecorder) -> None:
    wiped(config)
    first, second = loaded(config), loaded(config)
    first.activate()
    fresh(config).templates.add(make.template(config.device.organization))
    told, status = recorded.names, fresh(config).status
    second.activate()
    assert recorded.names == told
    assert fresh(config).status == status
    assert not second.is_deactivated()


def test_deactivated_and_activated_by_turns(config: Config, recorded: SignalRecorder) -> None:
    """Each instance was loaded before the call of the other."""
    first, second = loaded(config), loaded(config)
    recorded.clear()
    for device, call in ((first, "deactivate"), (second, "activate"), (second, "deactivate"), (first, "activate")):
        getattr(device, call)()
    names = [name for name in recorded.names if name.startswith("device_")]
    assert names == ["device_deactivated", "device_activated"] * 2
    assert not loaded(config).is_deactivated()
    check_consistency()


def test_activated_where_it_moved_meanwhile(config: Config, organization: Any) -> None:
    target = make.organization()
    default = make.template(target, default=True)
    given = make.template(target)
    group = make.group(target, templates=[given])
    wiped(config)
    stale = loaded(config)
    save(loaded(config), organization=target, group=group)
    stale.activate()
    assert list(fresh(config).templates.all()) == [default, given]
    check_consistency()


def test_unsaved_values_of_the_instance_stay_and_are_not_stored(config: Config) -> None:
    device = loaded(config)
    device.name, device.config.context = "unsaved", {"a": "1"}
    device.deactivate()
    assert (device.name, device.config.context) == ("unsaved", {"a": "1"})
    assert (loaded(config).name, fresh(config).context) != ("unsaved", {"a": "1"})


def test_a_report_to_a_stale_instance(config: Config) -> None:
    stale = fresh(config)
    loaded(config).deactivate()
    Config.objects.update(downloaded=fresh(config).released)
    reports.report(stale, "applied")
    assert (fresh(config).status, stale.status) == ("deactivated", "deactivated")
    assert fresh(config).applied == fresh(config).released


@pytest.mark.parametrize("status", ["applied", "error", "modified"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_status_set_by_a_stale_instance(config: Config, status: str, whole: bool, recorded: SignalRecorder) -> None:
    """The device still has to wipe itself."""
    save(config, status="modified" if status == "applied" else "applied")
    stale = fresh(config)
    loaded(config).deactivate()
    recorded.clear()
    if whole:
        save(stale, status=status)
    else:
        getattr(stale, f"set_status_{status}")()
    assert (fresh(config).status, stale.status) == ("deactivating", "deactivating")
    assert recorded.names == []


def test_a_status_set_by_somebody_who_knows(config: Config) -> None:
    loaded(config).deactivate()
    save(fresh(config), status="applied")
    assert fresh(config).status == "applied"


@pytest.mark.parametrize("reactivated", [True, False])
def test_another_group(config: Config, organization: Any, reactivated: bool) -> None:
    former, joined = (make.group(organization, templates=[make.template(organization)]) for _ in range(2))
    save(loaded(config), group=former)
    if reactivated:
        wiped(config)
    stale = loaded(config)
    loaded(config).activate() if reactivated else loaded(config).deactivate()
    stale.group = joined
    stale.save(update_fields=["group"])
    expected = {*joined.templates.all()} if reactivated else set()
    assert set(fresh(config).templates.all()) == expected
    check_consistency()


def test_another_group_after_another_backend(config: Config, organization: Any) -> None:
    suits = make.template(organization, backend=OTHER_BACKEND)
    group = make.group(organization, templates=[make.template(organization), suits])
    stale = loaded(config)
    save(fresh(config), backend=OTHER_BACKEND)
    stale.group = group
    stale.save(update_fields=["group"])
    assert suits in fresh(config).templates.all()
    assert all(
        template.backend == OTHER_BACKEND for template in fresh(config).templates.filter(pk__in=group.templates.all())
    )


def test_another_organization_in_a_group_that_it_joined_meanwhile(config: Config, organization: Any) -> None:
    target = make.organization()
    stale = loaded(config)
    save(loaded(config), group=make.group(organization))
    stale.organization = target
    stale.save(update_fields=["organization"])
    assert loaded(config).group is None


def test_another_organization_of_a_device_deactivated_meanwhile(config: Config) -> None:
    target = make.organization()
    make.template(target, default=True)
    stale = loaded(config)
    loaded(config).deactivate()
    stale.organization = target
    stale.save(update_fields=["organization"])
    assert not fresh(config).templates.exists()
    assert fresh(config).status == "deactivating"


def test_another_backend_of_a_device_deactivated_meanwhile(config: Config, organization: Any) -> None:
    make.template(organization, backend=OTHER_BACKEND, required=True)
    stale = fresh(config)
    assert not stale.device.is_deactivated()
    loaded(config).deactivate()
    stale.backend = OTHER_BACKEND
    stale.save(update_fields=["backend"])
    assert not fresh(config).templates.exists()


def test_a_configuration_for_a_device_deactivated_meanwhile(organization: Any) -> None:
    make.template(organization, default=True)
    device = make.device(organization)
    Device.objects.get(pk=device.pk).deactivate()
    assert not make.config(device).templates.exists()


def test_a_configuration_for_a_device_that_moved_meanwhile(organization: Any) -> None:
    target = make.organization()
    default = make.template(target, default=True)
    device = make.device(organization)
    save(Device.objects.get(pk=device.pk), organization=target)
    config = Config(device=device, backend=make.BACKEND)
    config.save()
    assert list(config.templates.all()) == [default]


def test_holding_and_lifting_the_hold(config: Config, recorded: SignalRecorder) -> None:
    stale = fresh(config)
    save(fresh(config), release_policy="held")
    save(fresh(config), config=interface("eth8"))
    recorded.clear()
    history.lift_hold(stale)
    assert fresh(config).release_policy == stale.release_policy == "automatic"
    assert recorded.names == ["config_modified", "config_status_changed"]
    history.lift_hold(fresh(config))
    assert len(recorded.names) == 2
    check_consistency()


def test_rolling_back_a_device_deactivated_meanwhile(config: Config) -> None:
    stale, revision = fresh(config), history.revisions(config).last()
    assert revision is not None
    assert not stale.device.is_deactivated()
    loaded(config).deactivate()
    released = fresh(config).released
    with pytest.raises(ValidationError):
        history.roll_back(stale, revision)
    assert (fresh(config).released, fresh(config).release_policy) == (released, "automatic")


def test_rolling_back_a_device_activated_meanwhile(config: Config) -> None:
    revision = history.revisions(config).last()
    assert revision is not None
    wiped(config)
    stale = fresh(config)
    assert stale.device.is_deactivated()
    loaded(config).activate()
    history.roll_back(stale, revision)
    assert fresh(config).released == revision


def test_a_hold_does_not_outlive_a_deactivation(config: Config) -> None:
    stale = fresh(config)
    wiped(config)
    stale.release_policy = "held"
    stale.save()
    loaded(config).activate()
    assert fresh(config).release_policy == "automatic"


def test_deleting_a_device_activated_meanwhile(config: Config) -> None:
    wiped(config)
    stale = loaded(config)
    loaded(config).activate()
    with pytest.raises(PermissionDenied):
        stale.delete()
    assert Device.objects.filter(pk=stale.pk).exists()


def test_deleting_a_device_wiped_meanwhile(config: Config) -> None:
    stale = loaded(config)
    wiped(config)
    stale.delete()
    assert not Device.objects.exists()


def test_the_management_address(config: Config, recorded: SignalRecorder) -> None:
    stale = loaded(config)
    save(loaded(config), management_ip="10.0.0.2")
    recorded.clear()
    lifecycle.forget_management_ip(stale)
    assert recorded.only("management_ip_changed").old_management_ip == "10.0.0.2"
    assert (loaded(config).management_ip, stale.management_ip) == (None, None)
    stale = loaded(config)
    save(loaded(config), management_ip="10.0.0.3")
    recorded.clear()
    lifecycle.forget_management_ip(stale)
    assert recorded.only("management_ip_changed").old_management_ip == "10.0.0.3"


@pytest.mark.parametrize("required", [True, False])
def test_templates_of_a_device_deactivated_meanwhile(config: Config, organization: Any, required: bool) -> None:
    """A required one may be taken from it, and does not come back."""
    stale = fresh(config)
    loaded(config).deactivate()
    template = make.template(organization)
    fresh(config).templates.add(template)
    save(template, required=required)
    stale.templates.remove(template)
    assert not fresh(config).templates.exists()
    fresh(config).templates.add(template)
    stale.templates.clear()
    assert not fresh(config).templates.exists()


def call_and_fail(device: Device, call: Callable[[Device], None]) -> None:
    with unit_of_work():
        call(device)
        raise LookupError


@pytest.mark.parametrize("calls", [["deactivate"], ["deactivate", "activate"]])
def test_a_call_that_was_rolled_back_can_be_repeated(
    config: Config, calls: list[str], recorded: SignalRecorder
) -> None:
    device = loaded(config)
    for name in calls:
        with pytest.raises(LookupError):
            call_and_fail(device, getattr(Device, name))
        recorded.clear()
        getattr(device, name)()
        assert recorded.names.count(f"device_{name}d") == 1
        assert loaded(config).is_deactivated() == (name == "deactivate")
    check_consistency()
