"""What people look for that needs no search: whole MAC addresses, IP addresses, identifiers and keys of devices."""

from __future__ import annotations

import re
import uuid

from django.db.models import Q

from ...common.addresses import normalised
from ..models.device import mac_spellings

_MAC = re.compile(r"([0-9a-f]{2}[:-]?){5}[0-9a-f]{2}", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def exactly(term: str) -> Q | None:
    """Return the condition of the devices that somebody means by a whole value, which indexes answer.

    Args:
        term: what was typed.

    Returns:
        None where it is no such value, or only a part of one.
    """
    term = term.strip()
    if _ID.fullmatch(term):
        return Q(pk=uuid.UUID(term)) | Q(key=term.lower())
    if _MAC.fullmatch(term):
        return Q(mac_address__in=mac_spellings(term))
    address = normalised(term)
    return Q(management_ip=address) | Q(last_ip=address) if address is not None else None
