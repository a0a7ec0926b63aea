"""Whether locations are estimated in an organization: only where WHOIS lookups are."""

from __future__ import annotations

from typing import Any

from ..config.models import OrganizationConfigSettings
from ..config.settings import settings as config_settings
from .settings import settings


def default() -> bool:
    """Return what holds for organizations that do not decide themselves."""
    return settings.ESTIMATED_LOCATION_ENABLED


def is_whois_configured() -> bool:
    """Tell whether there are credentials of a service that knows where addresses are."""
    account = getattr(config_settings, "WHOIS_GEOIP_ACCOUNT", "")
    return bool(account and getattr(config_settings, "WHOIS_GEOIP_KEY", ""))


def is_whois_enabled(organization: Any) -> bool:
    """Tell whether addresses of an organization, given by key, are looked up."""
    if not is_whois_configured():
        return False
    row = OrganizationConfigSettings.objects.filter(organization_id=organization).first()
    return bool(getattr(row, "whois_enabled", False))


def is_enabled(geo_settings: Any, organization: Any) -> bool:
    """Tell whether locations of an organization are estimated.

    Args:
        geo_settings: the row of the organization, or None.
        organization: its key.
    """
    decided = default() if geo_settings is None else geo_settings.estimated_location_enabled
    return bool(decided) and is_whois_enabled(organization)
