"""Notifications to people about connections, host keys and mass commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from ..common.notification_text import as_written
from ..config.delivery.notices import Kind, kinds, latest, message_about
from ..config.models import Device, Notice
from .models import BatchCommand, DeviceConnection

TAB = "#deviceconnection_set-group"
_MESSAGE = _(
    "{credentials} connection to device [{notification.target}]({notification.target_link}) is {notification.verb}."
    " {failure_reason}"
)


def register() -> None:
    """Register the notification types of this app; called once at start-up."""
    for name, level, verb, verbose, subject in (
        ("connection_is_not_working", "error", _("not working"), _("Device Connection PROBLEM"),
         _("[{site.name}] PROBLEM: Connection to device {notification.target}")),
        ("connection_is_working", "info", _("working"), _("Device Connection RECOVERY"),
         _("[{site.name}] RECOVERY: Connection to device {notification.target}")),
    ):  # fmt: skip
        register_notification_type(
            name,
            {"verbose_name": verbose, "verb": verb, "level": level, "email_subject": subject, "message": _MESSAGE},
            models=[DeviceConnection, Device],
        )
    kinds.register("connection", Kind(_connections, _connections_together))
    kinds.register("host_key_refused", Kind(_host_keys, _host_keys_together))


def on_is_working_changed(
    sender: Any,
    instance: DeviceConnection,
    is_working: bool | None,
    old_is_working: bool | None,
    failure_reason: str,
    old_failure_reason: str,
    **kwargs: Any,
) -> None:
    """Receive that a connection broke or works again."""
    if is_working is None or (is_working and old_is_working is None):
        return
    ignored: list[str] = getattr(apps.get_app_config("connection"), "_ignore_connection_notification_reasons", [])
    if any(text in reason for text in ignored for reason in (failure_reason, old_failure_reason)):
        return
    Notice.write("connection", instance.pk, is_working=is_working, reason=failure_reason)


def _connections(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Connections that broke or work again, each with the reason of that moment."""
    for connection, notice in latest(DeviceConnection.objects.select_related("device", "credentials"), notices):
        yield {
            "sender": connection,
            "type": "connection_is_working" if notice.facts["is_working"] else "connection_is_not_working",
            "target": connection.device, "target_url_suffix": TAB,
            "credentials": as_written(connection.credentials), "failure_reason": as_written(notice.facts["reason"]),
        }  # fmt: skip


def _connections_together(first: dict[str, Any], count: int) -> str:
    if first["type"] == "connection_is_working":
        text = _(
            "%(count)d connections, such as that to [{notification.target}]({notification.target_link}), are"
            " {notification.verb} again."
        )
    else:
        text = _(
            "%(count)d connections are {notification.verb}, such as {credentials} to"
            " [{notification.target}]({notification.target_link}). {failure_reason}"
        )
    return text % {"count": count}


def _host_keys(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Devices that did not show the host keys that they are known by."""
    text = _(
        "The SSH host key of [{notification.target}]({notification.target_link}) is not the one it is known by."
        " It is not connected to until somebody accepts the new key on its page."
    )
    for device, _notice in latest(Device.objects.filter(host_key__refused_key__gt=""), notices):
        yield message_about(device, "error", text, target_url_suffix=TAB)


def _host_keys_together(first: dict[str, Any], count: int) -> str:
    return _(
        "The SSH host keys of %(count)d devices, such as [{notification.target}]({notification.target_link}), are not"
        " those they are known by. They are not connected to until somebody accepts the new keys on their pages."
    ) % {"count": count}


def batch_finished(batch_id: str) -> None:
    """Notify how a mass command ended, once for all of its devices."""
    batch = BatchCommand.objects.filter(pk=batch_id).first()
    if batch is None:
        return
    counts = batch.counts()
    text = _(
        'The mass command "%(label)s" ended: %(successful)d successful, %(failed)d failed, %(skipped)d skipped.'
    ) % {"label": as_written(batch.label), **counts}
    notify.send(**message_about(batch, "info" if batch.status == BatchCommand.Status.SUCCESS else "warning", text))
