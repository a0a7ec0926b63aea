"""What people are told about estimated locations."""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils.translation import gettext_lazy as _
from openwisp_notifications.signals import notify
from openwisp_notifications.types import register_notification_type

from ...common.recently import Recently
from ...common.wakeup import wake
from ...config.models import Device, WHOISInfo
from ...config.whois.records import lifetime
from ..models import Location
from . import derived

TYPE = "estimated_location_info"
_SUFFIX = "#devicelocation-group"
_MESSAGES = {
    "created": _(
        "Estimated location [{notification.actor}]({notification.actor_link}) for device"
        " [{notification.target}]({notification.target_link}) created successfully."
    ),
    "updated": _(
        "Estimated location [{notification.actor}]({notification.actor_link}) for device"
        " [{notification.target}]({notification.target_link}) updated successfully."
    ),
    "error": _(
        "Unable to create estimated location for device [{notification.target}]({notification.target_link})."
        " Please assign/create a location manually."
    ),
}
_EDIT = _("Edit the coordinates or address to increase accuracy and clear the estimated flag.")
_DESCRIPTIONS = {
    "created": _("Geographic coordinates inferred from IP: %(ip)s. %(edit)s"),
    "updated": _("Geographic coordinates updated for IP: %(ip)s. %(edit)s"),
    "error": _("Multiple devices found for IP: %(ip)s"),
}


def register() -> None:
    """Register the type of notification; called once at start-up, where WHOIS is configured."""
    register_notification_type(
        TYPE,
        {
            "verbose_name": _("Estimated Location INFO"),
            "verb": _("created"),
            "level": "info",
            "email_subject": _("Estimated location created for {notification.target}"),
            "message": _MESSAGES["created"],
            "email_notification": False,
        },
        models=[Device, Location],
    )


def tell(
    kind: str, device: Device, record: WHOISInfo | None, ip_address: str, location: Location | None = None
) -> None:
    """Tell people after the commit, once in a while for each device, provider and area.

    Args:
        kind: ``created``, ``updated`` or ``error``.
        device: whose location it is about.
        record: what is known about its address, if anything.
        ip_address: the address.
        location: which the device has now; None = it got none.
    """
    about = "error" if kind == "error" else "location"
    key = "|".join((str(device.pk), about, *derived.provider_and_area(record, ip_address)))
    recently = Recently("estimated-location-told", seconds=int(lifetime().total_seconds()))
    if recently.is_new(hashlib.sha256(key.encode()).hexdigest()):
        location_id = str(location.pk) if location is not None else None
        wake("geo.notify_estimated_location", kind, str(device.pk), ip_address, location_id)


def send(kind: str, device_id: str, ip_address: str, location_id: str | None) -> None:
    """Send the notification, if what it is about is still there; the arguments are those of ``tell``, as keys."""
    device = Device.objects.filter(pk=device_id).first()
    location = Location.objects.filter(pk=location_id).first() if location_id is not None else None
    if device is None or (location is None and kind != "error"):
        return
    values: dict[str, Any] = {"ip": ip_address, "edit": _EDIT}
    notify.send(
        sender=location or device,
        type=TYPE,
        level="error" if kind == "error" else "info",
        target=device,
        action_object=device,
        target_url_suffix=_SUFFIX,
        message=str(_MESSAGES[kind]),
        description=str(_DESCRIPTIONS[kind] % values),
        ip_address=ip_address,
        location_name=location.name if location is not None else "",
    )
