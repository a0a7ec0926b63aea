"""Runs the WSGI application in threads behind a server with an event loop, which reads the bodies of requests first.

So a thread is never kept by a client that sends slowly, or half a request. ``AsgiBridge`` is for the embedded server,
where WebSockets live on the same port; ``RsgiBridge`` speaks granian's own interface, which costs half as much.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from io import BytesIO
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from . import inherited_socket
from .bodies import BodyLimits, BodyRefused, ClientGone
from .threads import AnswerThreads

WsgiApplication = Callable[..., Iterable[bytes]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _Bridge:
    """What both have in common.

    Args:
        application: what answers.
        threads: how many requests it answers at once.
        limits: of the bodies of requests.
    """

    def __init__(self, application: WsgiApplication, threads: int, limits: BodyLimits | None = None) -> None:
        self._application = application
        self._threads = AnswerThreads(threads)
        self._limits = limits or BodyLimits.from_environment()
        self._last_headers: list[tuple[str, str]] = []

    def _announced(self, headers: Any, method: str, version: str) -> int:
        """Return how many bytes are to come; raise ``BodyRefused`` where that is not known."""
        is_chunked = "transfer-encoding" in headers
        return self._limits.announced(
            headers.get("content-length"), method=method, version=version, is_chunked=is_chunked
        )


class RsgiBridge(_Bridge):
    """An RSGI application, see ``RSGI specification`` of granian: one call for each request."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare for the end: connections are closed with the answers that are given then."""
        inherited_socket.stop_accepting_when_told(loop, self._end)

    def _end(self) -> None:
        self._last_headers = [("connection", "close")]

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        headers = scope.headers
        try:
            size = self._announced(headers, scope.method, scope.http_version)
            body = await self._limits.read(protocol, size) if size else BytesIO()
        except BodyRefused as refusal:
            protocol.response_str(refusal.status, _refusal_headers(scope.path), refusal.text)
            return
        except (ClientGone, OSError):
            return
        environ = _environ(scope.method, scope.path, scope.query_string, scope.http_version, body, size)
        environ["wsgi.url_scheme"] = scope.scheme
        environ["SERVER_NAME"], environ["SERVER_PORT"] = _host_and_port(scope.server)
        environ["REMOTE_ADDR"] = _host_and_port(scope.client)[0]
        _add_headers(environ, headers.items())
        with body:
            await self._threads.run(lambda: self._answer(environ, protocol))

    def _answer(self, environ: dict[str, Any], protocol: Any) -> None:
        """Call the application in this thread; its answer is sent as a whole."""
        start: list[Any] = []
        chunks = self._application(environ, lambda status, headers, error=None: start.extend((status, headers)))
        try:
            data = b"".join(chunks)
        finally:
            _close(chunks)
        status, headers = start
        sent = [(name.lower(), value) for name, value in headers] + self._last_headers
        protocol.response_bytes(int(status[:3]), sent, data)


class AsgiBridge(_Bridge):
    """An ASGI application that answers HTTP requests with a WSGI application."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        named = dict(headers)
        try:
            size = self._announced(named, scope["method"], scope["http_version"])
            body = await self._limits.read(_chunks(receive), size) if size else BytesIO()
        except BodyRefused as refusal:
            start = [(name.encode(), value.encode()) for name, value in _refusal_headers(scope["path"])]
            await send({"type": "http.response.start", "status": refusal.status, "headers": start})
            await send({"type": "http.response.body", "body": refusal.text.encode()})
            return
        except ClientGone:
            return
        path = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        environ = _environ(scope["method"], path, query, scope["http_version"], body, size)
        environ["SCRIPT_NAME"] = scope.get("root_path", "")
        environ["wsgi.url_scheme"] = scope.get("scheme", "http")
        host, port = (scope.get("server") or ("localhost", 80))[:2]
        environ["SERVER_NAME"], environ["SERVER_PORT"] = host, str(port)
        environ["REMOTE_ADDR"] = (scope.get("client") or ("",))[0]
        _add_headers(environ, headers)
        loop = asyncio.get_running_loop()

        def deliver(message: dict[str, Any]) -> None:
            asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result()

        with body:
            await self._threads.run(lambda: self._answer(environ, deliver))

    def _answer(self, environ: dict[str, Any], deliver: Callable[[dict[str, Any]], None]) -> None:
        """Call the application in this thread; each part of its answer is sent as it comes."""
        start: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
            encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            start.update(type="http.response.start", status=int(status.split(" ", 1)[0]), headers=encoded)

        chunks = self._application(environ, start_response)
        try:
            deliver(start)
            for chunk in chunks:
                deliver({"type": "http.response.body", "body": chunk, "more_body": True})
            deliver({"type": "http.response.body", "body": b""})
        finally:
            _close(chunks)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _sent(send: Send, message: dict[str, Any]) -> None:
    await send(message)


def _close(chunks: Any) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _refusal_headers(path: str) -> list[tuple[str, str]]:
    """Return the headers of an answer that the application does not give; devices look for that of the controller."""
    own = [("x-openwisp-controller", "true")] if path.startswith("/controller/") else []
    return [("content-type", "text/plain; charset=utf-8"), ("connection", "close"), *own]


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port


def _environ(method: str, path: str, query: str, version: str, body: IO[bytes], size: int) -> dict[str, Any]:
    """Return what WSGI calls the environment, without headers and addresses.

    Args:
        method: in capitals.
        path: percent-encoded.
        query: what follows the question mark.
        version: of HTTP.
        body: at its beginning.
        size: of the body, in bytes.
    """
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{version}",
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        name = name.upper().replace("-", "_")
        if name == "CONTENT_LENGTH":
            continue  # it is there already
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        separator = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
