"""Named configurations: valid ones for every corner of the schemas, and invalid ones."""

from .case import Case
from .interfaces import CASES as INTERFACES
from .invalid import CASES as INVALID
from .layers import CASES as LAYERS
from .legacy import CASES as LEGACY
from .services import CASES as SERVICES
from .vpn import CASES as VPN
from .wifi import CASES as WIFI

VALID = [*INTERFACES, *WIFI, *SERVICES, *LAYERS, *LEGACY, *VPN]

__all__ = ["INVALID", "VALID", "Case"]
