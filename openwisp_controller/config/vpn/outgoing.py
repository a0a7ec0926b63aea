"""Calls to machines that operators name: with time limits, without redirects, and only to where they may go."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from ..settings import settings

# the addresses that are called carry tokens
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def request(method: str, url: str, *, timeout: float, **options: Any) -> httpx.Response:
    """Send a request and return the answer, whatever its status.

    Args:
        timeout: seconds for each of connecting, sending and waiting for the answer.
        options: as for ``httpx.request``.

    Raises:
        httpx.HTTPError: no answer was had.
    """
    with httpx.Client(transport=_Transport(), timeout=timeout, follow_redirects=False, trust_env=False) as client:
        try:
            return client.request(method, url, **options)
        except httpx.InvalidURL as error:
            raise httpx.UnsupportedProtocol(str(error)) from None


def is_allowed(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether calls may go to an address: public ones, and those of networks that the settings name."""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_global and not address.is_multicast:
        return True
    return any(address in ip_network(network) for network in settings.OUTGOING_ALLOWED_NETWORKS)


class _Network(httpcore.SyncBackend):
    """Looks names up itself, so that the address that was checked is the one that is called."""

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known: {error}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [text for text in addresses if is_allowed(ip_address(text.partition("%")[0]))]
        if not allowed:
            raise _not_allowed(host, addresses)
        return super().connect_tcp(allowed[0], port, *args, **kwargs)


def _not_allowed(host: str, addresses: Iterable[str]) -> httpcore.ConnectError:
    return httpcore.ConnectError(
        f"{host} ({', '.join(addresses)}) is not a public address; networks that may be called are named in the"
        " setting OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS"
    )


class _Transport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_Network(), keepalive_expiry=0
        )
