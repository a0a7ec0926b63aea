"""What the tests of WHOIS share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from openwisp_controller.config.models import OrganizationConfigSettings, WHOISInfo


def enable(organization: Any, on: bool | None = True) -> None:
    """Switch WHOIS of an organization on or off; None = as the setting says."""
    settings = OrganizationConfigSettings.objects.get(organization=organization)
    settings.whois_enabled = on  # type: ignore[assignment]
    settings.full_clean()
    settings.save()


def known(ip_address: str, *, days: int = 0, **fields: Any) -> WHOISInfo:
    """Store what is known about an address since so many days."""
    record = WHOISInfo(ip_address=ip_address, isp="Stored ISP", **fields)
    record.full_clean()
    record.save()
    age(ip_address, days)
    return record


def age(address: str, days: int, **fields: Any) -> None:
    """Make a record look as if it was stored so many days ago."""
    WHOISInfo.objects.filter(pk=address).update(modified=timezone.now() - timedelta(days=days), **fields)


def record_of(address: str) -> WHOISInfo:
    return WHOISInfo.objects.get(pk=address)
