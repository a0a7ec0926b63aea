"""Whether locations are estimated in an organization: only where WHOIS lookups are."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from ..config.whois.service import WHOISService
from .settings import settings

#: What people are told who look at an estimated location.
WARNING = _(
    "This location is estimated based on the device's last IP address. Edit the coordinates or address to increase"
    " accuracy and clear the estimated flag."
)


def default() -> bool:
    """Return what holds for organizations that do not decide themselves."""
    return settings.ESTIMATED_LOCATION_ENABLED


def is_whois_configured() -> bool:
    """Tell whether there are credentials of a service that knows where addresses are."""
    return WHOISService.is_configured()


def is_whois_enabled(organization: Any) -> bool:
    """Tell whether addresses of an organization, given by key, are looked up."""
    return WHOISService.is_enabled_in(organization)


def is_enabled(geo_settings: Any, organization: Any) -> bool:
    """Tell whether locations of an organization are estimated.

    Args:
        geo_settings: the row of the organization, or None.
        organization: its key.
    """
    decided = default() if geo_settings is None else geo_settings.estimated_location_enabled
    return bool(decided) and is_whois_enabled(organization)


def with_switches(locations: QuerySet[Any]) -> QuerySet[Any]:
    """Return locations that know whether their organizations estimate any, read by the same statement."""
    if not is_whois_configured():
        return locations
    return locations.annotate(
        whois_is_on=F("organization__config_settings__whois_enabled"),
        estimating_is_on=F("organization__geo_settings__estimated_location_enabled"),
    )


def is_shown(location: Any) -> bool:
    """Tell whether people are told that a location is estimated, or not: where its organization estimates any.

    Args:
        location: of ``with_switches``, or any other one, for which its organization is looked at.
    """
    if not is_whois_configured():
        return False
    if "whois_is_on" in location.__dict__:
        return bool(location.whois_is_on and location.estimating_is_on)
    return is_enabled(getattr(location.organization, "geo_settings", None), location.organization_id)


class Estimates:
    """The locations that the estimation itself stores in a unit of work: they stay estimated."""

    def __init__(self) -> None:
        self.keys: set[uuid.UUID] = set()
