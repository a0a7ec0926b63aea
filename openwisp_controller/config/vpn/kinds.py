"""The kinds of VPN, told by the dotted path of a backend, so that custom backends behave by their names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Vpn


@dataclass(frozen=True, slots=True)
class Kind:
    """Which kinds a backend belongs to; VXLAN over WireGuard belongs to two."""

    openvpn: bool
    wireguard: bool
    vxlan: bool
    zerotier: bool

    @staticmethod
    @lru_cache(maxsize=64)
    def of(backend: str) -> Kind:
        """Return the kind of a dotted path."""
        path = (backend or "").lower()
        return Kind(*(kind in path for kind in ("openvpn", "wireguard", "vxlan", "zerotier")))

    @property
    def needs_subnet(self) -> bool:
        return self.wireguard or self.zerotier

    @property
    def section(self) -> str:
        """The key of the tunnel in the configuration of the server."""
        return "wireguard" if self.wireguard else "zerotier" if self.zerotier else "openvpn"

    def tunnel(self, config: Any) -> dict[str, Any]:
        """Return the tunnel of a server's configuration; empty when there is none."""
        return first(config, self.section)

    def vni_of(self, vpn: Vpn) -> int | None:
        """Return the network identifier that all clients of a VXLAN server share; None = each has its own."""
        vni = first(vpn.config, "vxlan").get("vni") if self.vxlan else None
        return vni if type(vni) is int else None


def first(config: Any, section: str) -> dict[str, Any]:
    """Return the first object of a section of a configuration; empty when there is none."""
    items = config.get(section) if isinstance(config, dict) else None
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
