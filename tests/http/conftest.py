"""Fixtures of the tests that go through HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpResponse


class ShortPath:
    """Calls the server's WSGI application, with the interface of Django's test client."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def get(self, path: str, parameters: Any = None, **extra: Any) -> HttpResponse:
        return self.request("GET", f"{path}?{urlencode(parameters or {})}", **extra)

    def post(self, path: str, parameters: Any = None, **extra: Any) -> HttpResponse:
        return self.request("POST", path, urlencode(parameters or {}).encode(), **extra)

    def request(self, method: str, url: str, body: bytes = b"", headers: Any = None, **extra: Any) -> HttpResponse:
        parts = urlsplit(url)
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": "testserver", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
            "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), **extra,
        }  # fmt: skip
        started: list[Any] = []
        with same_connection():
            chunks = self._application(environ, lambda status, headers: started.extend((status, headers)))
            response = HttpResponse(b"".join(chunks), status=int(started[0].split()[0]), headers=dict(started[1]))
            if hasattr(chunks, "close"):
                chunks.close()
        return response


@contextmanager
def same_connection() -> Iterator[None]:
    """Keep requests from closing the database connection of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture(scope="session")
def application() -> Any:
    """The server's WSGI application."""
    from openwisp_controller.server.wsgi import Dispatcher

    return Dispatcher()


@pytest.fixture
def short_path(application: Any) -> ShortPath:
    """The server's WSGI application, called in the thread and on the connection of the test."""
    return ShortPath(application)
