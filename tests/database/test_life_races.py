"""Two calls about the life of a device at the same moment: the later one waits, then sees what the other did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from openwisp_controller.config.devices import history, reports
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import fresh, interface
from .test_races import Other, many_writers, nobody_wakes

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["many_writers", "nobody_wakes"]  # fixtures


@pytest.fixture
def config(organization: Any) -> Config:
    template = make.template(organization)
    return make.config(organization, config=interface("eth0"), templates=[template], status="applied")


def loaded(config: Config) -> Device:
    device = Device.objects.select_related("config").get(pk=config.device_id)
    assert device.has_config()
    return device


def wipe(config: Config) -> None:
    loaded(config).deactivate()
    fresh(config).set_status_deactivated()


def meanwhile(first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Do ``first``, let somebody else do ``second`` before it is committed."""
    other = Other(second)
    with transaction.atomic():
        first()
        other.come()
    other.finish()


def test_deactivating_twice(config: Config, recorded: SignalRecorder) -> None:
    first, second = loaded(config), loaded(config)
    recorded.clear()
    meanwhile(first.deactivate, second.deactivate)
    assert fresh(config).status == "deactivating"
    assert recorded.names.count("device_deactivated") == recorded.names.count("config_deactivating") == 1
    assert "config_deactivated" not in recorded.names


def test_activating_twice(config: Config, recorded: SignalRecorder) -> None:
    wipe(config)
    first, second = loaded(config), loaded(config)
    recorded.clear()
    meanwhile(first.activate, second.activate)
    assert recorded.names.count("device_activated") == 1
    assert not loaded(config).is_deactivated()


def refused(config: Config, revision: Any) -> None:
    with pytest.raises(ValidationError):
        history.roll_back(config, revision)


CALLS: dict[str, Callable[[Config], Callable[[], Any]]] = {
    "report": lambda config: lambda: reports.report(config, "applied"),
    "set status": lambda config: lambda: config.set_status_error(reason="why"),
    "lift the hold": lambda config: lambda: history.lift_hold(config),
    "roll back": lambda config: lambda: refused(config, history.revisions(config).last()),
    "take templates away": lambda config: lambda: config.templates.clear(),
}


@pytest.mark.parametrize("name", CALLS)
def test_of_a_device_that_is_being_deactivated(config: Config, name: str) -> None:
    Config.objects.update(downloaded=config.released)
    stale = fresh(config)
    assert not stale.device.is_deactivated()
    meanwhile(loaded(config).deactivate, CALLS[name](stale))
    after = fresh(config)
    assert (after.status, after.release_policy, after.config) == ("deactivating", "automatic", {})
    assert b"eth0" not in bytes(after.released.archive)  # type: ignore[union-attr]
    assert "eth0" not in after.render()


def test_a_configuration_is_given_to_a_device_that_is_being_deactivated(organization: Any) -> None:
    make.template(organization, default=True)
    device = make.device(organization)
    config = Config(device=Device.objects.get(pk=device.pk), backend=make.BACKEND)
    meanwhile(device.deactivate, config.save)
    assert not config.templates.exists()


def test_a_device_that_is_being_activated_is_not_deleted(config: Config) -> None:
    wipe(config)
    stale = loaded(config)

    def delete() -> None:
        with pytest.raises(PermissionDenied):
            stale.delete()

    meanwhile(loaded(config).activate, delete)
    assert Device.objects.filter(pk=stale.pk).exists()
