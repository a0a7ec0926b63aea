"""Runs the WSGI application, in threads, where an ASGI server is needed for WebSockets on the same port."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any
from urllib.parse import unquote_to_bytes

_SPOOL = 1024 * 1024
_CHUNK = 65536
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class WsgiBridge:
    """An ASGI application that answers HTTP requests with a WSGI application.

    Args:
        application: what answers.
        threads: how many requests it answers at once.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="http")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        with tempfile.SpooledTemporaryFile(_SPOOL) as body:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body.write(message.get("body", b""))
                if not message.get("more_body"):
                    break
            size = body.tell()
            body.seek(0)
            loop = asyncio.get_running_loop()

            def deliver(message: dict[str, Any]) -> None:
                asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result()

            await loop.run_in_executor(self._threads, self._answer, _environ(scope, body, size), deliver)

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
            close = getattr(chunks, "close", None)
            if close is not None:
                close()


async def _sent(send: Send, message: dict[str, Any]) -> None:
    await send(message)


def _environ(scope: dict[str, Any], body: IO[bytes], size: int) -> dict[str, Any]:
    host, port = (scope.get("server") or ("localhost", 80))[:2]
    path = unquote_to_bytes(scope["raw_path"].split(b"?")[0]) if scope.get("raw_path") else scope["path"].encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "CONTENT_LENGTH": str(size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        if name == "CONTENT_LENGTH":
            continue  # the length of what really came
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
