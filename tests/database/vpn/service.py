"""A real HTTP server that plays the part of VPN servers and ZeroTier controllers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Received:
    """One request."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class Service:
    """Answers every request by ``answer`` (method, path → status, body) and remembers it. Use as a context manager."""

    answer: Callable[[str, str], tuple[int, Any]] = lambda method, path: (200, {})
    delay: float = 0
    """Seconds before each answer."""
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                service.received.append(
                    Received(self.command, self.path, json.loads(body) if body else None, dict(self.headers))
                )
                time.sleep(service.delay)
                status, answer = service.answer(self.command, self.path)
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _handle  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def calls(self) -> list[str]:
        """What was asked, as ``METHOD path``."""
        return [f"{each.method} {each.path}" for each in self.received]
