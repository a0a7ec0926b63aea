"""What needs attention, for the first page of the administration."""

from __future__ import annotations

from typing import Any

from django import template

from ...common import attention
from ..models import Device

register = template.Library()


@register.simple_tag
def needs_attention(user: Any) -> list[attention.Found]:
    """Return what a person has to look at."""
    return attention.found(user)


@register.simple_tag
def has_devices(user: Any) -> bool:
    """Tell whether there is a device that a person manages."""
    devices = Device.objects.all()
    if not user.is_superuser:
        devices = devices.filter(organization__in=user.organizations_managed)
    return devices.exists()
