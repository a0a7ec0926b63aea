"""Notifications to people about devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from ..common.notification_text import as_written
from ..common.recently import Recently
from .delivery.notices import Kind, kinds, latest, message_about
from .models import Config, Device, Notice, Vpn

_CONFIG_TAB = "#config-group"
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
    kinds.register("device_registered", Kind(_registrations, _registrations_together))
    kinds.register("config_error", Kind(_config_errors, _config_errors_together))
    kinds.register("compile_error", Kind(_compile_errors, _compile_errors_together, alone=1))
    kinds.register("reenrolment_refused", Kind(_reenrolments_refused, _reenrolments_refused_together))


def _config_errors(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Devices that could not apply their configuration, unless that is over."""
    configs = Config.objects.filter(status=Config.Status.ERROR, compile_error="")
    for config, _notice in latest(configs.select_related("device"), notices):
        yield {"sender": config, "type": "config_error", "target": config.device, "target_url_suffix": _CONFIG_TAB}


def _config_errors_together(first: dict[str, Any], count: int) -> str:
    return _(
        "%(count)d devices, such as [{notification.target}]({notification.target_link}), could not apply their"
        " configurations, and restored the last working ones."
    ) % {"count": count}


def _compile_errors(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Configurations that do not compile. The error may hold secrets of a device, so it stays on the device's page."""
    configs = Config.objects.exclude(compile_error="").select_related("device").order_by("device__name")
    for config, _notice in latest(configs, notices):
        message = _(
            "The configuration of [{notification.target}]({notification.target_link})"
            " cannot be generated; its page says why."
        )
        yield message_about(config.device, "error", message, sender=config, target_url_suffix=_CONFIG_TAB)


def _compile_errors_together(first: dict[str, Any], count: int) -> str:
    return _(
        "The configurations of %(count)d devices, such as"
        " [{notification.target}]({notification.target_link}), cannot be generated; their pages say why."
    ) % {"count": count}


def address_refused(device_id: str, address: str) -> None:
    """Notify that a device claims the management address of another organization's, each side without the other."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return
    claim = _(
        "[{notification.target}]({notification.target_link}) says that it is reached at %(address)s, which is the"
        " management address of a device of another organization. The claim is ignored."
    )
    notify.send(**message_about(device, "warning", claim % {"address": address}))
    for holder in Device.objects.filter(management_ip=address).exclude(organization=device.organization_id):
        told = _(
            "A device of another organization says that it is reached at %(address)s, the management address of"
            " [{notification.target}]({notification.target_link}), which keeps it."
        )
        notify.send(**message_about(holder, "warning", told % {"address": address}))


def _reenrolments_refused(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Devices that were refused because they came with another key, and how to let them in."""
    text = _(
        "[{notification.target}]({notification.target_link}) tried to enrol with another key than it has, and was"
        " refused. If you reset it, or changed the shared secret, choose “Expect re-enrolment” on its page. If not,"
        " somebody else presents its MAC address and the secret of its organization."
    )
    for device, _notice in latest(Device.objects.all(), notices):
        if not device.is_reenrolment_expected():
            yield message_about(device, "warning", text)


def _reenrolments_refused_together(first: dict[str, Any], count: int) -> str:
    return _(
        "%(count)d devices, such as [{notification.target}]({notification.target_link}), tried to enrol with other keys"
        " than they have, and were refused. If the shared secret was changed, select them in the list of devices and"
        " choose “Expect re-enrolment of selected devices”."
    ) % {"count": count}


def _registrations(notices: Sequence[Notice]) -> Iterator[dict[str, Any]]:
    """Devices that enrolled, new ones first."""
    told = [(device, bool(notice.facts["is_new"])) for device, notice in latest(Device.objects.all(), notices)]
    for device, is_new in sorted(told, key=lambda each: not each[1]):
        condition = _("A new") if is_new else _("The existing")
        yield {"sender": device, "type": "device_registered", "target": device, "condition": str(condition)}


def _registrations_together(first: dict[str, Any], count: int) -> str:
    return _(
        "%(count)d devices, such as [{notification.target}]({notification.target_link}), have {notification.verb}."
    ) % {"count": count}


def whois_failed(device_id: str, address: str) -> None:
    """Notify that what is known about the address of a device could not be fetched; the log says why."""
    device = Device.objects.filter(pk=device_id).first()
    if device is None:
        return
    message = _("Failed to fetch WHOIS details for device [{notification.target}]({notification.target_link})")
    description = _("WHOIS details could not be fetched for ip: %s.") % address
    notify.send(**message_about(device, "error", message, action_object=device, description=description))


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
    notify.send(**message_about(vpn, level, message, action_object=vpn, description=str(description)))
