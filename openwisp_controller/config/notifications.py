"""Notifications to people about devices."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from ..common.notification_text import as_written
from ..common.recently import Recently
from .models import Config, Device, Vpn

_exhausted = Recently("addresses-exhausted", seconds=3600)


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
    failed = Config.objects.filter(pk=config_id, status=Config.Status.ERROR, compile_error="")
    config = failed.select_related("device").first()
    if config is not None:
        notify.send(sender=config, type="config_error", target=config.device, target_url_suffix="#config-group")


def compile_errors(config_ids: list[str]) -> None:
    """Notify that configurations do not compile, once for each organization.

    The error itself may hold secrets of a device, so it stays on the device's page.
    """
    configs = Config.objects.select_related("device").filter(pk__in=config_ids).exclude(compile_error="")
    by_organization: dict[Any, list[Config]] = {}
    for config in configs.order_by("device__name"):
        by_organization.setdefault(config.device.organization_id, []).append(config)
    for failed in by_organization.values():
        first = failed[0]
        message = ngettext(
            "The configuration of [{notification.target}]({notification.target_link})"
            " cannot be generated; its page says why.",
            "The configurations of %(count)d devices, such as"
            " [{notification.target}]({notification.target_link}), cannot be generated; their pages say why.",
            len(failed),
        ) % {"count": len(failed)}
        notify.send(
            sender=first,
            type="generic_message",
            level="error",
            target=first.device,
            target_url_suffix="#config-group",
            message=message,
        )


def address_refused(device_id: str, address: str) -> None:
    """Notify that a device claims the management address of another organization's, each side without the other."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return
    claim = _(
        "[{notification.target}]({notification.target_link}) says that it is reached at %(address)s, which is the"
        " management address of a device of another organization. The claim is ignored."
    )
    _about_device(device, "warning", claim % {"address": address})
    for holder in Device.objects.filter(management_ip=address).exclude(organization=device.organization_id):
        told = _(
            "A device of another organization says that it is reached at %(address)s, the management address of"
            " [{notification.target}]({notification.target_link}), which keeps it."
        )
        _about_device(holder, "warning", told % {"address": address})


def reenrolment_refused(device_id: str) -> None:
    """Notify that a device was refused because it came with another key, and how to let it in."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None or device.is_reenrolment_expected():
        return
    text = _(
        "[{notification.target}]({notification.target_link}) tried to enrol with another key than it has, and was"
        " refused. If you reset it, or changed the shared secret, choose “Expect re-enrolment” on its page. If not,"
        " somebody else presents its MAC address and the secret of its organization."
    )
    _about_device(device, "warning", text)


def _about_device(device: Device, level: str, message: Any) -> None:
    notify.send(sender=device, type="generic_message", level=level, target=device, message=str(message))


def device_registered(device_id: str, is_new: bool) -> None:
    """Notify that a device enrolled."""
    device = Device.objects.filter(pk=device_id).first()
    if device is not None:
        condition = _("A new") if is_new else _("The existing")
        notify.send(sender=device, type="device_registered", target=device, condition=str(condition))


def addresses_exhausted(vpn_id: str) -> None:
    """Notify that the subnet of a VPN server has no address left, at most once an hour for each server."""
    vpn = Vpn.objects.select_related("subnet").filter(pk=vpn_id).first()
    if vpn is None or vpn.subnet is None or not _exhausted.is_new(vpn_id):
        return
    _about_server(
        vpn,
        "error",
        _("No address is left for devices of %(vpn)s") % {"vpn": _link(vpn)},
        _("The %(subnet)s subnet has run out of space.") % {"subnet": vpn.subnet.subnet},
    )


def server_call_failed(vpn_id: str, action: str, kind: str, reason: str) -> None:
    """Notify that a VPN server cannot be told of changes. ``reason`` holds no token."""
    text = _(
        "Unable to perform %(action)s operation on the %(vpn)s VPN server due to an unrecoverable error (%(kind)s)"
    )
    _about_call(vpn_id, "error", text, {"action": action, "kind": kind}, reason)


def server_call_recovered(vpn_id: str, action: str) -> None:
    """Notify that a VPN server can be told of changes again."""
    text = _("The %(action)s operation on %(vpn)s has been completed successfully.")
    _about_call(vpn_id, "info", text, {"action": action}, "")


def _about_call(vpn_id: str, level: str, text: Any, values: dict[str, str], description: str) -> None:
    vpn = Vpn.objects.filter(pk=vpn_id).first()
    if vpn is not None:
        _about_server(vpn, level, text % {**values, "vpn": _link(vpn)}, as_written(description))


def _link(vpn: Vpn) -> str:
    return f"[{as_written(vpn)}]({{notification.target_link}})"


def _about_server(vpn: Vpn, level: str, message: Any, description: Any) -> None:
    notify.send(
        sender=vpn,
        type="generic_message",
        level=level,
        target=vpn,
        action_object=vpn,
        message=str(message),
        description=str(description),
    )
