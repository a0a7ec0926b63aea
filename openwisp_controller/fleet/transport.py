"""HTTP, as the agent's curl speaks it: no redirects, no compression, a connection for each request."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from yarl import URL

from .events import Endpoint
from .metrics import Metrics

CONTROLLER_HEADER = "X-Openwisp-Controller"
MAX_BODY = 16 * 1024 * 1024


class ConnectionFailed(Exception):
    """No complete answer came: connection refused or dropped, time-out, unreadable response."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a device. ``target`` is path and query, ``body`` an encoded form, None for GET."""

    endpoint: Endpoint
    target: str
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the controller. Header names are compared without regard to case.

    ``interim`` are the statuses (100 to 199) of the answers that came before this, the final one.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    interim: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The body as text; octets that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def content_type(self) -> str:
        """The media type, without parameters, in lower case."""
        return next(iter(self.header("Content-Type")), "").partition(";")[0].strip().lower()

    @property
    def from_controller(self) -> bool:
        """Whether the answer carries the header by which devices know a controller."""
        return any(value.lower() == "true" for value in self.header(CONTROLLER_HEADER))

    def header(self, name: str) -> list[str]:
        """Return the values of a header, in the order in which they came."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]


class Transport(Protocol):
    """Carries requests to the controller. Faults are injected by wrapping one transport in another."""

    async def send(self, request: Request) -> Reply:
        """Return the answer, whatever its status; raise ConnectionFailed when there is none."""
        ...


@dataclass(frozen=True)
class Timeouts:
    """How long a device waits, in seconds: for the connection, and for the whole request."""

    connect: float = 15.0
    total: float = 30.0


class HttpTransport:
    """Transport over HTTP, shared by all devices of a fleet; an asynchronous context manager.

    ``url`` is the base URL of the controller, ``concurrency`` the number of requests under way at the same
    time; further ones wait, and that wait counts neither as latency nor towards the time-out.
    """

    def __init__(
        self,
        url: str,
        metrics: Metrics,
        concurrency: int = 200,
        timeouts: Timeouts | None = None,
        verify_tls: bool = True,
    ) -> None:
        self._url = url.rstrip("/")
        self._metrics = metrics
        self._slots = asyncio.Semaphore(concurrency)
        self._timeouts = timeouts or Timeouts()
        self._verify_tls = verify_tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=self._verify_tls),
            timeout=aiohttp.ClientTimeout(total=self._timeouts.total, sock_connect=self._timeouts.connect),
            headers={"Accept": "*/*", "User-Agent": "openwisp-controller-fleet"},
            skip_auto_headers=("Accept-Encoding",),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            middlewares=(_fail_at_once,),
            response_class=_Response,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> Reply:
        """Return the answer, whatever its status; raise ConnectionFailed when there is none."""
        if self._session is None:
            raise ConnectionFailed("the transport is closed")
        method = "GET" if request.body is None else "POST"
        headers = {} if request.body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        async with self._slots:
            started = time.perf_counter()
            try:
                async with self._session.request(
                    method,
                    URL(self._url + request.target, encoded=True),  # as it is: curl does not mend URLs
                    data=request.body,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    body = await _read(response)
            except (ConnectionFailed, aiohttp.ClientError, OSError, TimeoutError) as error:
                self._metrics.failed()
                raise ConnectionFailed(str(error) or type(error).__name__) from error
            except BaseException:  # switched off
                self._metrics.cut_off()
                raise
        self._metrics.answered(request.endpoint, (time.perf_counter() - started) * 1000, len(body))
        interim = response.interim if isinstance(response, _Response) else ()
        return Reply(response.status, _headers(response), body, interim)


class _Response(aiohttp.ClientResponse):
    """Remembers the interim answers, which the library passes over."""

    interim: tuple[int, ...] = ()

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        assert protocol is not None
        read = protocol.read

        async def watch() -> tuple[RawResponseMessage, aiohttp.StreamReader]:
            message, payload = await read()
            if 100 <= message.code < 200:
                self.interim += (message.code,)
            return message, payload

        protocol.read = watch  # type: ignore[method-assign]
        return await super().start(connection)


def _headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)


async def _fail_at_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the library from repeating a GET by itself: whether to try again is the agent's decision."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionFailed(str(error) or type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, but never more than a device could hold."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BODY:
            raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)
