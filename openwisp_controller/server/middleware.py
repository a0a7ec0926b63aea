"""Middleware of the ready-made server."""

from __future__ import annotations

import json
import logging
import select
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.translation import gettext as _
from django.views import defaults

from ..common.failed_attempts import FailedAttempts
from ..config.device_api.addresses import peer

logger = logging.getLogger(__name__)
RETRY_AFTER = 30
"""Seconds."""


class DatabaseMiddleware:
    """Replaces a broken database connection, and says clearly when the database is busy, full or away.

    Django's own check of connections costs a round trip for each request, so it is off: a connection on which nothing
    arrived while nobody used it was not closed by the other side. The device protocol tries again besides.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not connection.in_atomic_block and _was_told_something() and not connection.is_usable():
            connection.close()
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503; the transaction was rolled back, so nothing is half-saved."""
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        text = _("The database is not available right now and nothing was saved. Please try again in a moment.")
        return _unavailable(request, exception, text)


def _was_told_something() -> bool:
    """Tell whether something arrived on the idle connection, such as that the other side closed it."""
    raw: Any = connection.connection
    if raw is None:
        return False
    if connection.vendor != "postgresql" or raw.closed:
        return True  # asking costs nothing
    idle = select.poll()
    idle.register(raw.fileno(), select.POLLIN)
    return bool(idle.poll(0))


class PeerAddress:
    """Shows everybody behind it, libraries included, the address that a request really comes from as ``REMOTE_ADDR``.

    What clients forge in forwarding headers would else give them as many addresses as they like.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = peer(request)
        request.META.pop("HTTP_X_FORWARDED_FOR", None)
        if address is not None:
            request.META["REMOTE_ADDR"] = address
        return self.get_response(request)


class AddressMiddleware(CommonMiddleware):
    """Django's own, but programs are told in JSON where there is no address, also with ``DEBUG``.

    The same goes for writes to an address without its final slash: a redirect would lose what they send, and with
    ``DEBUG`` Django fails instead.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if request.path_info.startswith("/api/") and request.method not in ("GET", "HEAD", "OPTIONS"):
            return False
        return bool(super().should_redirect_with_slash(request))

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Lead on, or say that there is nothing."""
        answer = super().process_response(request, response)
        if answer.status_code == 404 and request.path_info.startswith("/api/") and request.resolver_match is None:
            return JsonResponse({"detail": "Not found."}, status=404)
        return answer


class BadInputMiddleware:
    """Answers what no form of ours sends: 400 to a key that is none, 404 to what is not there.

    Views of libraries leave such exceptions to whoever is above them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The transaction was rolled back, so nothing is half-saved."""
        if isinstance(exception, ObjectDoesNotExist):
            logger.warning("%s: asks for what is not there: %s", request.path, exception, exc_info=exception)
            return defaults.page_not_found(request, exception)
        if isinstance(exception, ValidationError):
            reason = " ".join(exception.messages)
        elif isinstance(exception, RecursionError) and "JSON" in str(exception):
            reason = _("The JSON is nested too deeply.")
        else:
            return None
        logger.warning("%s: bad input: %s", request.path, reason, exc_info=exception)
        text = _("Nothing was saved, for a part of what was sent makes no sense: %s") % reason
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error outside of views, such as storing the session: 503 when the database is to blame."""
    exception = sys.exc_info()[1]
    if not isinstance(exception, OperationalError | InterfaceError):
        return defaults.server_error(request)
    text = _(
        "The database is not available right now. Please try again in a moment, and check whether your last change"
        " was saved."
    )
    return _unavailable(request, exception, text)


def _unavailable(request: HttpRequest, exception: Exception, text: str) -> HttpResponse:
    logger.error("%s: the database is not available: %s", request.path, exception, extra={"request": request})
    response: HttpResponse
    if request.path.startswith("/api/"):
        response = JsonResponse({"detail": text}, status=503)
    else:
        response = HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")
    response["Retry-After"] = str(RETRY_AFTER)
    return response


class ContentPolicy:
    """Tells browsers what no page of ours needs: being framed by others, plug-ins, another base of addresses.

    Scripts cannot be limited to our own files, for the theme of the administration has some inside its pages.
    """

    policy = "frame-ancestors 'self'; object-src 'none'; base-uri 'self'"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response


class LoginThrottle:
    """Slows down guessing passwords: a few failures a minute for each address and for each account."""

    failures = FailedAttempts("logins", window=60)

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.path in settings.LOGIN_PATHS and self._too_many(request):
            text = _("Too many failed attempts. Please wait a minute before you try again.")
            response = HttpResponse(text, status=429, content_type="text/plain; charset=utf-8")
        else:
            response = self.get_response(request)
        if response.status_code == 429:
            response.headers.setdefault("Retry-After", str(self.failures.window))
        return response

    @classmethod
    def count(cls, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
        """Receive that somebody could not log in."""
        if request is not None:
            for who in _who(request, str(credentials.get("username", ""))):
                cls.failures.count(who)

    def _too_many(self, request: HttpRequest) -> bool:
        who = _who(request, _account(request))
        return any(self.failures.number(each) >= settings.LOGIN_FAILURES_PER_MINUTE for each in who)


def _account(request: HttpRequest) -> str:
    """Return the name that somebody tries to log in with, from a form or from JSON."""
    sent: Any = request.POST
    if request.content_type == "application/json":
        try:
            sent = json.loads(request.body)
        except (ValueError, RecursionError):
            return ""
    names = [sent.get(field) for field in ("username", "login")] if hasattr(sent, "get") else []
    return next((name for name in names if isinstance(name, str) and name), "")


def _who(request: HttpRequest, account: str) -> list[str]:
    return [f"from {peer(request)}", f"as {account.lower()}"]


# of the class, not of an instance: a handler that goes must not take the receiver with it
user_login_failed.connect(LoginThrottle.count, dispatch_uid="controller_login_throttle")
