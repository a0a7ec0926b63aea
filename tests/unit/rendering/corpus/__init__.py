"""Named configurations: valid ones for every corner of the schemas, and invalid ones."""

from .case import Case
from .interfaces import CASES as INTERFACES
from .invalid import CASES as INVALID
from .layers import CASES as LAYERS
from .legacy import CASES as LEGACY
from .services import CASES as SERVICES
from .vpn import CASES as VPN
from .wifi import CASES as WIFI

#: What netjsonconfig writes wrong, so that its bytes are no measure: apostrophes, line breaks, blanks, keywords.
_WRONG = (
    "unicode ssid", "package values", "package quotes", "package new lines", "package injection",
    "legacy new lines", "legacy word package in a value",
)  # fmt: skip
_ALL = [*INTERFACES, *WIFI, *SERVICES, *LAYERS, *LEGACY, *VPN]


def _is_wrong(case: Case) -> bool:
    name = case.name.removeprefix("wifi ").removesuffix(" (before OpenWrt 21)")
    if "vlan filtering" in name:  # a list of objects, before OpenWrt 21
        return case.dsa is False and not name.endswith("disabled by an empty list")
    return name in _WRONG


VALID = [case for case in _ALL if not _is_wrong(case)]
MENDED = [case for case in _ALL if _is_wrong(case)]

__all__ = ["INVALID", "MENDED", "VALID", "Case"]
