"""One named configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A configuration with templates, variables and the backend it is for."""

    name: str
    config: dict[str, Any]
    templates: list[dict[str, Any]] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    backend: str = "netjsonconfig.OpenWrt"
    dsa: bool | None = None

    def __str__(self) -> str:
        return self.name


def both(name: str, config: dict[str, Any], **more: Any) -> list[Case]:
    """Return the case for the syntax of OpenWrt 21 and later, and for the one before."""
    return [
        Case(name, config, dsa=True, **more),
        Case(f"{name} (before OpenWrt 21)", config, dsa=False, **more),
    ]


def file(path: str, contents: str = "text\n", mode: str = "0644") -> dict[str, Any]:
    """Return an extra file."""
    return {"path": path, "mode": mode, "contents": contents}


def static(address: str, mask: int = 24, **more: Any) -> dict[str, Any]:
    """Return a static address."""
    family = "ipv6" if ":" in address else "ipv4"
    return {"proto": "static", "family": family, "address": address, "mask": mask, **more}


def dhcp(family: str = "ipv4") -> dict[str, Any]:
    """Return an address given by DHCP."""
    return {"proto": "dhcp", "family": family}
