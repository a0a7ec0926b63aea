"""What the first page of the administration shows of the devices, each slice leading to the list of its devices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, Sum, When
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from openwisp_utils.admin_theme import register_dashboard_chart, register_dashboard_template

from ..common.attention import Concern, concerns
from .devices import shared_address
from .models import Config, Device
from .settings import settings


def register() -> None:
    """Register the charts; those of organizations that a person does not manage are not counted. Above, a warning."""
    # Packages begin at 0. Templates call what they are given.
    register_dashboard_template(
        -20, {"template": "admin/config/shared_address.html"}, {"shared_address": shared_address.noted}
    )
    register_dashboard_chart(
        1,
        {
            **_devices_by(_("Configuration Status"), "config__status"),
            "colors": {
                "applied": "#267126",
                "modified": "#ffb442",
                "error": "#a72d1d",
                "deactivating": "#353c44",
                "deactivated": "#000",
            },
            "labels": {
                "applied": _("applied"),
                "modified": _("modified"),
                "error": _("error"),
                "deactivating": _("deactivating"),
                "deactivated": _("deactivated"),
            },
        },
    )
    for position, name, field in (
        (10, _("Device Models"), "model"),
        (11, _("Firmware version"), "os"),
        (12, _("System type"), "system"),
    ):
        register_dashboard_chart(position, {**_devices_by(name, field), "labels": {"": _("undefined")}})
    register_dashboard_template(-19, {"template": "admin/config/attention.html"})
    _register_concerns()
    if settings.GROUP_PIE_CHART:
        register_dashboard_chart(20, groups())


def _register_concerns() -> None:
    """Register what is counted of devices and their configurations."""
    devices = Device.objects.order_by()
    concerns.register(
        "errors",
        Concern(
            _("configurations with errors"),
            "bad",
            lambda: devices.filter(config__status=Config.Status.ERROR),
            lambda: {"config__status__exact": Config.Status.ERROR.value},
        ),
    )
    concerns.register(
        "held",
        Concern(
            _("held devices: changes are not released to them"),
            "waiting",
            lambda: devices.filter(config__release_policy=Config.Release.HELD),
            lambda: {"config__release_policy__exact": Config.Release.HELD.value},
        ),
    )
    concerns.register(
        "enrolled today",
        Concern(
            _("devices that came today"),
            "idle",
            lambda: devices.filter(created__gte=_midnight()),
            lambda: {"created__gte": _midnight().isoformat()},
        ),
    )


def _midnight() -> datetime:
    return localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def groups() -> dict[str, Any]:
    """Return the chart of groups with and without devices; both lead to the list of those."""
    has_devices = Exists(Device.objects.filter(group=OuterRef("pk")))
    each: dict[str, Any] = {
        name: Case(When(condition, then=1), default=0, output_field=IntegerField())
        for name, condition in (("active", has_devices), ("empty", ~has_devices))
    }
    return {
        "name": _("Groups"),
        "query_params": {
            "app_label": "config",
            "model": "devicegroup",
            "annotate": each,
            "aggregate": {f"{name}__sum": Sum(name) for name in each},
        },
        "colors": {"active__sum": "#267126", "empty__sum": "#353c44"},
        "labels": {"active__sum": _("Active groups"), "empty__sum": _("Empty groups")},
        "filters": {"key": "empty", "active__sum": "false", "empty__sum": "true"},
    }


def _devices_by(name: Any, field: str) -> dict[str, Any]:
    return {"name": name, "query_params": {"app_label": "config", "model": "device", "group_by": field}}
