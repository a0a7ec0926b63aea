"""Servers with peers: compiled again, and announced, when one comes, goes or gets another key or address."""

from __future__ import annotations

from collections.abc import Iterable

from ..models import Vpn
from ..unit_of_work import unit_of_work


def changed(servers: Iterable[Vpn]) -> None:
    """Report that the peers of servers changed; those of a kind without peers are left out."""
    with unit_of_work() as unit:
        for vpn in servers:
            if vpn.kind.wireguard:
                unit.happened(vpn, "peers changed")
