"""Rows of the table of changes about the way to devices."""

from __future__ import annotations

from typing import Any

from ..config.delivery import jobs
from ..config.models import Config, Device
from ..config.policy import changes
from ..config.policy.effects import Change, Edited, Event, Runs, Sends
from ..config.unit_of_work import Happened, Phase, Saved, Stage, UnitOfWork, phases
from .auto_add import AUTO_ADD
from .models import Credentials, DeviceConnection, HostKey
from .push import PushRequests
from .signals import is_working_changed


def of_attempt(edited: Saved) -> dict[str, Any]:
    """Return the arguments of ``is_working_changed``."""
    connection: Any = edited.subject
    return {
        "is_working": connection.is_working,
        "old_is_working": edited.before["is_working"],
        "failure_reason": connection.failure_reason,
        "old_failure_reason": edited.before.get("failure_reason", connection.failure_reason) or "",
    }


def is_managed(edited: Saved) -> bool:
    """The device was not deactivated for good."""
    connection: Any = edited.subject
    return not connection.device.is_fully_deactivated()


def forget_host_key(unit: UnitOfWork, enrolled: Happened) -> None:
    """Forgets its SSH host key, which a reset device has anew: the next one that it shows is pinned."""
    HostKey.objects.filter(device=enrolled.subject.pk).delete()


def add_to_devices(unit: UnitOfWork, offered: Happened) -> None:
    """Enqueues adding the credentials to all devices that they suit."""
    jobs.enqueue_for_fleet(AUTO_ADD, offered.subject.pk)


def request_push(unit: UnitOfWork, happened: Happened) -> None:
    """Notes that the device has to be told."""
    config: Any = happened.subject
    unit.of(PushRequests).add(config.device)


def _write_pushes(unit: UnitOfWork) -> None:
    unit.of(PushRequests).run()


def register() -> None:
    """Add the rows and the phase; called once, when the app starts."""
    phases.register(
        "pushes",
        Phase("pushes", "write down which devices are to be told over SSH", Stage.CONCLUDE, _write_pushes),
    )
    changes.register(
        Change(
            "connection works, or works no more", Edited(DeviceConnection, "is_working"),
            (Sends(is_working_changed, of_attempt),), only=is_managed,
        ),
        Change(
            "device enrolled with another key, as expected", Event(Device, "enrolled with another key"),
            (Runs(forget_host_key),),
        ),
        Change("device has something to fetch", Event(Config, "modified"), (Runs(request_push),)),
        Change("device has to remove its configuration", Event(Config, "deactivating"), (Runs(request_push),)),
        Change(
            "credentials that add themselves saved", Event(Credentials, "offered to devices"),
            (Runs(add_to_devices),),
        ),
    )  # fmt: skip
