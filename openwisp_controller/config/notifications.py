"""Notifications to people about devices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from .models import Config, Device


def register() -> None:
    """Register the notification types of this app; called once at start-up."""
    register_notification_type(
        "config_error",
        {
            "verbose_name": _("Configuration ERROR"),
            "verb": _("encountered an error"),
            "level": "error",
            "email_subject": _('[{site.name}] ERROR: "{notification.target}" configuration encountered an error'),
            "message": _(
                "The configuration of [{notification.target}]({notification.target_link}) has encountered an error."
                " The last working configuration has been restored from a backup present on the filesystem"
                " of the device."
            ),
        },
        models=[Device, Config],
    )
    register_notification_type(
        "device_registered",
        {
            "verbose_name": _("Device Registration"),
            "verb": _("registered successfully"),
            "level": "success",
            "email_subject": _('[{site.name}] SUCCESS: "{notification.target}" registered successfully'),
            "message": _(
                "{condition} device [{notification.target}]({notification.target_link}) has {notification.verb}."
            ),
        },
        models=[Device],
    )


def config_error(config_id: str) -> None:
    """Notify that a device could not apply its configuration, unless that is over."""
    config = Config.objects.select_related("device").filter(pk=config_id, status=Config.Status.ERROR).first()
    if config is not None:
        notify.send(sender=config, type="config_error", target=config.device, target_url_suffix="#config-group")


def device_registered(device_id: str, is_new: bool) -> None:
    """Notify that a device enrolled."""
    device = Device.objects.filter(pk=device_id).first()
    if device is not None:
        condition = _("A new") if is_new else _("The existing")
        notify.send(sender=device, type="device_registered", target=device, condition=str(condition))
