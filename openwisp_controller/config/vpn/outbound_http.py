"""Calls to machines that operators name: limited in time and size, without redirects, only to where they may go."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from ...common.addresses import is_public
from ..settings import settings

TOTAL = 60
"""Seconds after which a call ends, however often something arrives."""
LARGEST = 1 << 20
"""Bytes of an answer."""
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
    address = getattr(address, "ipv4_mapped", None) or address
    if is_public(address):
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
        return _Limited(super().connect_tcp(allowed[0], port, *args, **kwargs))


class _Limited(httpcore.NetworkStream):
    """Ends with an error when an answer takes too long as a whole, or is too large."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float | None = None) -> None:
        self._stream = stream
        self._deadline = time.monotonic() + TOTAL if deadline is None else deadline
        self._size = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._left(timeout))
        self._size += len(data)
        if self._size > LARGEST:
            raise httpcore.ReadError("The answer is too large.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Limited(self._stream.start_tls(*args, **kwargs), self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("The answer took too long.")
        return left if timeout is None else min(timeout, left)


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
