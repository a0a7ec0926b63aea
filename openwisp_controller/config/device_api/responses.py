"""Answers to devices: plain text with the header by which an agent knows that it talks to a controller."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

logger = logging.getLogger(__name__)
HEADER = "X-Openwisp-Controller"
_NOT_FOUND = (
    b'<!doctype html>\n<html lang="en">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n'
    b"  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n"
)


class Answer(Exception):
    """Ends a view with an answer other than success."""

    def __init__(self, body: str, status: int) -> None:
        super().__init__(body)
        self.body = body
        self.status = status


def text(body: str, status: int = 200) -> HttpResponse:
    """Return a plain text answer."""
    return HttpResponse(body, status=status, content_type="text/plain", headers={HEADER: "true"})


def archive(data: bytes, name: str) -> HttpResponse:
    """Return the answer to a download: a tar.gz named after the device."""
    return HttpResponse(
        data,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename={name}.tar.gz", HEADER: "true"},
    )


def not_found() -> HttpResponse:
    """Return the answer for an object that is not served; it does not tell why."""
    return HttpResponse(_NOT_FOUND, status=404)


def required(parameters: Any, name: str) -> str:
    """Return a parameter that must be there.

    Raises:
        Answer: 400 when it is missing or empty.
    """
    value: str = parameters.get(name) or ""
    if not value:
        raise Answer(f'error: missing required parameter "{name}"\n', 400)
    return value


def required_one_of(parameters: Any, name: str, allowed: Any) -> str:
    """Return a required parameter that must be one of ``allowed``.

    Raises:
        Answer: 400 when it is missing, 403 when it is another one.
    """
    value = required(parameters, name)
    if value not in allowed:
        raise Answer(f"error: wrong {name}\n", 403)
    return value


def check_key(parameters: Any, key: str) -> None:
    """Compare the parameter ``key`` with a device's key in constant time.

    Raises:
        Answer: 400 when it is missing, 403 when it is wrong.
    """
    if not constant_time_compare(required(parameters, "key"), key):
        raise Answer("error: wrong key\n", 403)


def device_view(*methods: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Make a function a device-facing view: methods, refusals, and a database that is busy or away."""
    allowed = [*methods, "OPTIONS"]

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "OPTIONS":
                return HttpResponse(headers={"Allow": ", ".join(allowed), "Content-Length": "0"})
            if request.method not in methods:
                return HttpResponseNotAllowed(allowed)
            try:
                return view(request, *args, **kwargs)
            except Answer as answer:
                logger.warning("%s: %s", request.path, answer.body.strip(), extra={"request": request})
                return text(answer.body, answer.status)
            except (OperationalError, InterfaceError) as error:
                logger.error("%s: the database is not available: %s", request.path, error, extra={"request": request})
                response = text("error: temporarily unavailable, please try again later\n", 503)
                response["Retry-After"] = "30"
                return response

        return wrapper

    return decorate
