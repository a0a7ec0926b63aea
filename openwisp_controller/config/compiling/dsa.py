"""Which configuration syntax a device's operating system wants: DSA (OpenWrt 21 and later) or the older one."""

from __future__ import annotations

import re
from functools import lru_cache

from ..settings import settings

_STOCK = re.compile(r"openwrt\s+(\d+)", re.IGNORECASE)
_MAPPING_KEY = "netjsonconfig.OpenWrt"


def uses_dsa(os: str) -> bool:
    """Return whether a device with this operating system identifier gets the DSA syntax.

    Args:
        os: as the device reports it, e.g. "OpenWrt 23.05.3 r23809"; may be empty.
    """
    if not os:
        return settings.DSA_DEFAULT_FALLBACK
    stock = _STOCK.match(os)
    if stock:
        return int(stock[1]) >= 21
    mapping = settings.DSA_OS_MAPPING.get(_MAPPING_KEY, {})
    for constraint, answer in ((">=21.02", True), ("<21.02", False)):
        if any(_pattern(text).search(os) for text in mapping.get(constraint, ())):
            return answer
    return settings.DSA_DEFAULT_FALLBACK


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
