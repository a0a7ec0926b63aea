"""Notifications to people about connections, host keys and mass commands."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from ..common.notification_text import as_written
from ..common.wakeup import wake
from ..config.models import Device
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
    wake("connection.notify_connection", str(instance.pk), is_working, failure_reason)


def connection_changed(connection_id: str, is_working: bool, reason: str) -> None:
    """Notify that a connection broke or works again, with the reason of that moment."""
    connection = DeviceConnection.objects.select_related("device", "credentials").filter(pk=connection_id).first()
    if connection is None:
        return
    notify.send(
        sender=connection,
        type="connection_is_working" if is_working else "connection_is_not_working",
        target=connection.device,
        target_url_suffix=TAB,
        credentials=as_written(connection.credentials),
        failure_reason=as_written(reason),
    )


def host_key_refused(device_id: str) -> None:
    """Notify that a device did not show the host key that it is known by."""
    device = Device.objects.select_related("host_key").filter(pk=device_id).first()
    host_key = getattr(device, "host_key", None)
    if device is None or host_key is None or not host_key.refused_key:
        return
    notify.send(
        sender=device,
        type="generic_message",
        level="error",
        target=device,
        target_url_suffix=TAB,
        message=_(
            "The SSH host key of [{notification.target}]({notification.target_link}) is not the one it is known by."
            " It is not connected to until somebody accepts the new key on its page."
        ),
    )


def batch_finished(batch_id: str) -> None:
    """Notify how a mass command ended, once for all of its devices."""
    batch = BatchCommand.objects.filter(pk=batch_id).first()
    if batch is None:
        return
    counts = batch.counts()
    text = _(
        'The mass command "%(label)s" ended: %(successful)d successful, %(failed)d failed, %(skipped)d skipped.'
    ) % {"label": as_written(batch.label), **counts}
    notify.send(
        sender=batch,
        type="generic_message",
        level="info" if batch.status == BatchCommand.Status.SUCCESS else "warning",
        target=batch,
        message=text,
    )
