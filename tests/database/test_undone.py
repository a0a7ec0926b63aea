"""Instances that were saved in a transaction, or a savepoint, that was rolled back: what they hold is saved again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import post_save

from openwisp_controller.config.models import Config, Device, Template
from openwisp_controller.config.unit_of_work import unit_of_work
from openwisp_controller.connection.models import DeviceConnection
from openwisp_controller.connection.signals import is_working_changed

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import MODIFIED, STATUS, interface, save
from .test_signals import check_consistency

pytestmark = pytest.mark.django_db(transaction=True)


class Undo(Exception):
    """Rolls a transaction back."""


@contextmanager
def rolled_back(block: Any = transaction.atomic) -> Iterator[None]:
    with suppress(Undo), block():
        yield
        raise Undo


def saved_and_undone_outside(instance: Any) -> None:
    with rolled_back():
        instance.save()


def saved_and_undone_in_a_savepoint(instance: Any) -> None:
    with transaction.atomic(), rolled_back():
        instance.save()


def saved_in_a_released_savepoint_and_undone(instance: Any) -> None:
    with rolled_back(), transaction.atomic():
        instance.save()


def saved_twice_and_undone(instance: Any) -> None:
    with rolled_back():
        instance.save()
        with transaction.atomic():
            instance.save()


def saved_and_undone_in_a_unit_of_work(instance: Any) -> None:
    with rolled_back(unit_of_work):
        instance.save()


def saved_and_refused_by_a_receiver(instance: Any) -> None:
    def refuse(**kwargs: Any) -> None:
        raise Undo

    post_save.connect(refuse, sender=type(instance))
    try:
        with pytest.raises(Undo):
            instance.save()
    finally:
        post_save.disconnect(refuse, sender=type(instance))


UNDONE = [
    saved_and_undone_outside, saved_and_undone_in_a_savepoint, saved_in_a_released_savepoint_and_undone,
    saved_twice_and_undone, saved_and_undone_in_a_unit_of_work, saved_and_refused_by_a_receiver,
]  # fmt: skip
#: A value of every shared field of every model.
VALUES: list[tuple[type[Any], str, Any]] = [
    (Device, "management_ip", "10.0.0.7"), (Device, "last_ip", "10.0.0.8"), (Device, "management_ip_is_new", True),
    (Config, "status", "error"), (Config, "error_reason", "why"), (Config, "release_policy", "held"),
    (DeviceConnection, "is_working", True), (DeviceConnection, "failure_reason", "boom"),
]  # fmt: skip


@pytest.fixture
def things(organization: Any) -> dict[type[Any], Any]:
    connection = make.connection(make.config(organization, status="applied"))
    return {DeviceConnection: connection, Device: connection.device, Config: connection.device.config}


def loaded(instance: Any) -> Any:
    return type(instance).objects.get(pk=instance.pk)


def test_every_shared_field_is_tried() -> None:
    for model in (Device, Config, DeviceConnection):
        tried = {name for each, name, _ in VALUES if each is model}
        assert {name for name in model.shared_fields if name != "last_attempt"} == tried


@pytest.mark.parametrize("undone", UNDONE)
@pytest.mark.parametrize(("model", "name", "value"), VALUES)
def test_the_same_instance_stores_it_then(
    model: type[Any], name: str, value: Any, undone: Callable[[Any], None], things: dict[type[Any], Any]
) -> None:
    instance = loaded(things[model])
    former = getattr(instance, name)
    setattr(instance, name, value)
    undone(instance)
    assert getattr(loaded(instance), name) == former
    instance.save()
    assert getattr(loaded(instance), name) == value
    model.objects.filter(pk=instance.pk).update(**{name: former})
    instance.save()
    assert getattr(loaded(instance), name) == former, "it is stored, and somebody else changed it since"


@pytest.mark.parametrize("undone", UNDONE)
def test_signals_tell_of_what_is_stored(
    undone: Callable[[Any], None], things: dict[type[Any], Any], recorded: SignalRecorder
) -> None:
    device = save(loaded(things[Device]), management_ip="10.0.0.1")
    device.management_ip = "10.0.0.2"
    undone(device)
    Device.objects.filter(pk=device.pk).update(management_ip="10.0.0.3")
    recorded.clear()
    device.save()
    device.save()
    told = recorded.only("management_ip_changed")
    assert (told.old_management_ip, told.management_ip) == ("10.0.0.3", "10.0.0.2")


@pytest.mark.parametrize("undone", UNDONE)
def test_whether_a_connection_works(undone: Callable[[Any], None], things: dict[type[Any], Any]) -> None:
    connection = loaded(things[DeviceConnection])
    connection.is_working = True
    undone(connection)
    save(loaded(connection), is_working=False, failure_reason="gone")
    with told() as seen:
        connection.save()
        connection.save()
    assert seen == [(False, True, "gone", "")]
    assert (loaded(connection).is_working, loaded(connection).failure_reason) == (True, "")


@contextmanager
def told() -> Iterator[list[Any]]:
    seen: list[Any] = []

    def receive(
        old_is_working: Any, is_working: Any, old_failure_reason: str, failure_reason: str, **kwargs: Any
    ) -> None:
        seen.append((old_is_working, is_working, old_failure_reason, failure_reason))

    is_working_changed.connect(receive)
    try:
        yield seen
    finally:
        is_working_changed.disconnect(receive)


def test_two_instances_of_a_connection(things: dict[type[Any], Any]) -> None:
    first, second = (loaded(things[DeviceConnection]) for _ in range(2))
    with told() as seen:
        save(first, is_working=False, failure_reason="gone")
        save(second, is_working=True)
    assert seen == [(None, False, "", "gone"), (False, True, "gone", "")]
    assert loaded(first).failure_reason == ""


def test_two_instances_in_one_transaction(things: dict[type[Any], Any]) -> None:
    first, second = (loaded(things[Device]) for _ in range(2))
    first.management_ip, second.management_ip = "10.0.0.1", "10.0.0.2"
    with rolled_back():
        first.save()
        second.save()
    first.save()
    assert loaded(first).management_ip == "10.0.0.1"
    second.save()
    assert loaded(first).management_ip == "10.0.0.2"


def test_a_status_that_compiling_gave_is_not_stored_by_an_instance(organization: Any, recorded: SignalRecorder) -> None:
    """Nobody set it: it came with a configuration that was undone."""
    config = make.config(organization, status="applied", config=interface("eth0"))
    config.config = interface("eth1")
    saved_and_undone_outside(config)
    config.config = interface("eth0")
    recorded.clear()
    config.save()
    assert recorded.names == []
    assert loaded(config).status == "applied"
    saved_and_undone_outside(save(config, config=interface("eth2")))
    check_consistency()


@pytest.mark.parametrize("undone", UNDONE)
def test_what_was_created_is_created_then(
    undone: Callable[[Any], None], organization: Any, recorded: SignalRecorder
) -> None:
    template = make.template(organization, default=True)
    device = make.device(organization)
    config = Config(device=device, backend=make.BACKEND)
    for instance in (Device(organization=organization, name="new", mac_address="02:00:00:00:00:99"), config):
        undone(instance)
        assert not type(instance).objects.filter(pk=instance.pk).exists()
        instance.full_clean()
        instance.save()
        assert loaded(instance) == instance
        instance.save()
    assert list(config.templates.all()) == [template]
    assert recorded.names == []
    check_consistency()


@pytest.mark.parametrize("undone", UNDONE)
def test_a_template_that_was_created_is_assigned_then(undone: Callable[[Any], None], organization: Any) -> None:
    config = make.config(organization)
    template = Template(
        organization=organization, name="t", backend=make.BACKEND, default=True, config=interface("eth5")
    )
    undone(template)
    template.save()
    assert list(config.templates.all()) == [template]


def test_what_a_hook_after_the_commit_saves(organization: Any) -> None:
    """It runs before the hook that tells of the commit."""
    device = Device(organization=organization, name="new", mac_address="02:00:00:00:00:99")
    with transaction.atomic():
        transaction.on_commit(lambda: save(device, management_ip="10.0.0.1"))
        device.save()
    assert loaded(device).management_ip == "10.0.0.1"


def test_what_was_undone_inside_of_a_unit_of_work_is_not_announced(
    things: dict[type[Any], Any], recorded: SignalRecorder
) -> None:
    device, config = loaded(things[Device]), loaded(things[Config])
    recorded.clear()
    with unit_of_work():
        with rolled_back():
            save(device, name="other", management_ip="10.0.0.1")
        save(config, config=interface("eth7"))
    assert recorded.names == [MODIFIED, STATUS]
    check_consistency()
