"""IP addresses: one spelling for each, and which of them the whole world shares."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address


def normalised(address: str) -> str | None:
    """Return an IPv4 or IPv6 address in its canonical form, None when it is none."""
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return None
        return str(parsed.ipv4_mapped or parsed)
    return str(parsed)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one host in the whole world: routed everywhere, and no group of hosts."""
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_global and not address.is_multicast


def public(address: str | None) -> str | None:
    """Return a public address in its canonical form; None for every other one, and for what is none."""
    canonical = normalised(address) if address else None
    return canonical if canonical is not None and is_public(ipaddress.ip_address(canonical)) else None
