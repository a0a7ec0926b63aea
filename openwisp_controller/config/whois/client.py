"""Asking the service about an address. Nothing but the address is sent, besides account and licence key."""

from __future__ import annotations

import logging
import math
from importlib import import_module
from typing import Any

from geoip2 import errors

from ..models import WHOISInfo
from ..settings import settings

logger = logging.getLogger(__name__)
_SHOWN = 300
"""Characters of what went wrong that are shown: proxies answer with whole pages."""


class NotKnown(Exception):
    """The service knows nothing about an address; nothing failed."""

    def __init__(self, address: str) -> None:
        super().__init__(f"No WHOIS information found for IP address {address}")


class Failed(Exception):
    """The service gave no usable answer.

    Args:
        text: for people.
        kind: failures of one kind have one cause, of which people are told once.
        is_temporary: it makes sense to try again.
    """

    def __init__(self, text: str, kind: str, *, is_temporary: bool = False) -> None:
        super().__init__(text)
        self.kind = kind
        self.is_temporary = is_temporary


def ask(address: str) -> dict[str, Any]:
    """Return what the service says about a public address, as attributes of ``WHOISInfo``.

    Args:
        address: in its canonical form.

    Raises:
        NotKnown: the service knows nothing about it.
        Failed: no answer was had, or none that makes sense.
    """
    # loaded by those alone who ask: it takes a tenth of a second and ten megabytes
    webservice: Any = import_module("geoip2.webservice")
    account: Any = settings.WHOIS_GEOIP_ACCOUNT
    try:
        with webservice.Client(
            account, settings.WHOIS_GEOIP_KEY, host=settings.WHOIS_GEOIP_HOST, timeout=settings.WHOIS_TIMEOUT
        ) as client:
            return _attributes(address, client.city(address))
    except errors.AddressNotFoundError:
        raise NotKnown(address) from None
    except errors.AuthenticationError:
        text = (
            "Authentication failed for GeoIP2 service. Check your OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT and"
            " OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY settings."
        )
        raise Failed(text, "authentication") from None
    except errors.OutOfQueriesError:
        raise Failed("Your account has run out of queries for the GeoIP2 service.", "queries") from None
    except errors.PermissionRequiredError:
        raise Failed("Your account does not have permission to access this service.", "permission") from None
    except errors.InvalidRequestError as error:
        raise Failed(_short(error), "request") from None
    except (errors.GeoIP2Error, OSError) as error:  # those of the library for HTTP are kinds of OSError
        raise Failed(_short(error), "connection", is_temporary=True) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise Failed(f"The answer makes no sense: {_short(error)}", "connection", is_temporary=True) from None


def _short(error: Exception) -> str:
    return str(error.args[0] if error.args else error)[:_SHOWN] or type(error).__name__


def _attributes(address: str, city: Any) -> dict[str, Any]:
    traits, location = city.traits, city.location
    latitude, longitude = _degrees(location.latitude, 90), _degrees(location.longitude, 180)
    is_located = latitude is not None and longitude is not None
    return {
        "isp": _text(address, "isp", traits.autonomous_system_organization),
        "asn": _text(address, "asn", traits.autonomous_system_number),
        "timezone": _text(address, "timezone", location.time_zone),
        "address": {
            "city": _cut(city.city.name),
            "country": _cut(city.country.name),
            "continent": _cut(city.continent.name),
            "postal": _cut(city.postal.code),
        },
        "cidr": str(traits.network or ""),
        "latitude": latitude if is_located else None,
        "longitude": longitude if is_located else None,
    }


def _text(address: str, name: str, value: Any) -> str:
    """Return a value as text that fits into its field; what is too long is cut."""
    field: Any = WHOISInfo._meta.get_field(name)
    text = _cut(value, field.max_length)
    if value is not None and len(str(value)) > len(text):
        logger.warning("The %s that the WHOIS service knows of %s is too long, it was cut", name, address)
    return text


def _cut(value: Any, size: int = 200) -> str:
    return str(value).replace("\x00", "")[:size] if value is not None else ""


def _degrees(value: Any, limit: int) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and -limit <= value <= limit else None
