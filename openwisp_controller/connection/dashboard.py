"""What the first page of the administration counts of the ways to devices."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from ..common.attention import Concern, concerns
from ..config.models import Device
from .models import DeviceConnection


def reachable() -> Q:
    """Return the condition that one of the ways to a device worked when it was last tried."""
    return Q(Exists(DeviceConnection.objects.filter(device=OuterRef("pk"), enabled=True, is_working=True)))


def unreachable() -> Q:
    """Return the condition that a device was tried to be reached, and could not be."""
    tried = DeviceConnection.objects.filter(device=OuterRef("pk"), enabled=True, is_working=False)
    return Q(Exists(tried)) & ~reachable() & Q(_is_deactivated=False)


def register() -> None:
    """Register what is counted."""
    concerns.register(
        "unreachable",
        Concern(
            _("devices that could not be logged in to"),
            "bad",
            lambda: Device.objects.order_by().filter(unreachable()),
            lambda: {"reachable": "no"},
        ),
    )
