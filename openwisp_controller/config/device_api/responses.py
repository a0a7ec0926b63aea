"""Answers to devices: plain text with the header by which an agent knows that it talks to a controller."""

from __future__ import annotations

import codecs
import functools
import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.multipartparser import MultiPartParserError
from django.utils import translation
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

logger = logging.getLogger(__name__)
HEADER = "X-Openwisp-Controller"
#: Encodings of what devices send. Python has stranger ones, which fail or leave half characters behind.
_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1"})
#: The framework's page for an address that does not exist, so that an identifier tells nothing by its form.
_NOT_FOUND = (
    b'\n<!doctype html>\n<html lang="en">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n'
    b"  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n"
)


class Answer(Exception):
    """Ends a view with an answer other than success."""

    def __init__(self, body: str, status: int, *, retry_after: int | None = None) -> None:
        super().__init__(body)
        self.body = body
        self.status = status
        self.retry_after = retry_after
        """Seconds that the device shall wait before it tries again."""


class NotServed(Exception):
    """Ends a view: there is no such object, or devices may not have it."""


def text(body: str, status: int = 200) -> HttpResponse:
    """Return a plain text answer."""
    return HttpResponse(body.encode(), status=status, content_type="text/plain", headers={HEADER: "true"})


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
    """Make a function a device-facing view: methods, refusals, and a database that is busy or away.

    Texts are in the language of the server, whatever the thread served before.
    """
    allowed = [*methods, "OPTIONS"]

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "OPTIONS":
                response = HttpResponse(headers={"Allow": ", ".join(allowed)})
            elif request.method not in methods:
                response = HttpResponseNotAllowed(allowed)
            else:
                response = _answer(view, request, *args, **kwargs)
            # without it servers fall back to chunks, and a cut download looks complete
            response["Content-Length"] = str(len(response.content))
            return response

        return wrapper

    return decorate


def _answer(view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    # only what devices post is answered with texts that could be translated
    language = translation.override(settings.LANGUAGE_CODE) if request.method == "POST" else nullcontext()
    try:
        if request.encoding is not None and codecs.lookup(request.encoding).name not in _ENCODINGS:
            raise BadRequest("texts are expected in UTF-8")
        with language:
            return _with_fresh_connection(view, request, *args, **kwargs)
    except Answer as answer:
        logger.warning("%s: %s", request.path, answer.body.strip(), extra={"request": request})
        return _refusal(answer)
    except NotServed:
        return not_found()
    except (BadRequest, MultiPartParserError, SuspiciousOperation) as error:
        logger.warning("%s: malformed request: %s", request.path, error, extra={"request": request})
        return text("error: malformed request\n", 400)
    except (OperationalError, InterfaceError) as error:
        logger.error("%s: the database is not available: %s", request.path, error, extra={"request": request})
        return _refusal(Answer("error: temporarily unavailable, please try again later\n", 503, retry_after=30))


def _with_fresh_connection(
    view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any
) -> HttpResponse:
    """Call a view, a second time when the database connection turns out to be broken since the last request.

    Nothing is done twice: what a broken connection had begun is rolled back, and what devices ask can be repeated.
    """
    try:
        return view(request, *args, **kwargs)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or (connection.connection is not None and connection.is_usable()):
            raise
        connection.close()
    return view(request, *args, **kwargs)


def _refusal(answer: Answer) -> HttpResponse:
    response = text(answer.body, answer.status)
    if answer.retry_after is not None:
        response["Retry-After"] = str(answer.retry_after)
    return response
