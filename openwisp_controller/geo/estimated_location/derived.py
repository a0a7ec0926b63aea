"""What a record about an address says of the location of the devices there."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.contrib.gis.geos import Point

from ...config.models import WHOISInfo
from ...config.models.whois import ADDRESS_PARTS
from ..models import Location

_NAME: Any = Location._meta.get_field("name")
_ADDRESS: Any = Location._meta.get_field("address")


def attributes(record: WHOISInfo) -> dict[str, Any]:
    """Return the attributes of the location that a record with coordinates tells of, without its organization."""
    return {
        "name": _name(record),
        "type": "outdoor",
        "is_mobile": False,
        "geometry": Point(record.longitude, record.latitude, srid=4326),
        "address": record.formatted_address[: _ADDRESS.max_length],
    }


def _name(record: WHOISInfo) -> str:
    """Return the first two parts of the address, and the IP address, which is never cut."""
    parts = [str(record.address[part]) for part in ADDRESS_PARTS if record.address.get(part)]
    where = ", ".join(parts[:2]) or "Estimated Location"
    end = f": {record.ip_address}"
    return where[: _NAME.max_length - len(end)] + end


def provider_and_area(record: WHOISInfo | None, ip_address: str) -> tuple[str, str]:
    """Return who provides an address, and the area that it is in, as texts that are equal where these are the same.

    Args:
        record: what is known about it, if anything.
        ip_address: the address.
    """
    if record is None:
        return ip_address, ip_address
    city, country, postal = (_same(record.address.get(part)) for part in ("city", "country", "postal"))
    provider = _same(record.isp) or _same(record.asn) or ip_address
    if city and country:
        return provider, f"{city}, {country}"
    if postal and country:
        return provider, f"{postal}, {country}"
    if record.latitude is not None and record.longitude is not None:
        return provider, f"{record.latitude:.5f}, {record.longitude:.5f}"
    return provider, ip_address


def _same(text: Any) -> str:
    return " ".join(unicodedata.normalize("NFKC", str(text or "")).split()).casefold()
