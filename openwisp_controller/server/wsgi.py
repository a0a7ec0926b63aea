"""HTTP entry point: a short way for devices, Django's usual one for everybody else.

Devices need no session, user, message or CSRF handling. Their requests, the bulk of the traffic, go through a handler
of their own, without middleware, that knows only the addresses of the device protocol.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")

import django
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler, get_script_name
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import get_resolver, set_script_prefix
from django.utils.log import log_response

from .device_request import DeviceRequest
from .request_metrics import measured

DEVICE_PREFIX = "/controller/"
DEVICE_ADDRESSES = "openwisp_controller.config.device_api.urls"


class DeviceHandler:
    """Answers what is under the addresses of the device protocol, and does nothing else on the way.

    There is no middleware, and ``request_started`` and ``request_finished`` are not sent: of what Django does when it
    receives them, devices need the care for database connections alone.
    """

    def __init__(self) -> None:
        in_transaction: Any = BaseHandler().make_view_atomic
        patterns = get_resolver(DEVICE_ADDRESSES).url_patterns
        self._views = [(address.pattern.regex.fullmatch, in_transaction(address.callback)) for address in patterns]
        self._response: Callable[[HttpRequest], Any] = convert_exception_to_response(self._call_view)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        set_script_prefix(get_script_name(environ))
        request = DeviceRequest(environ)
        response = self._response(request)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        request.close()
        _look_after_connections()
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    def _call_view(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info[1:]
        for match, view in self._views:
            found = match(path)
            if found:
                response: HttpResponse = view(request, **found.groupdict())
                return response
        raise Http404


def _look_after_connections() -> None:
    """Close database connections that an error left unusable or that are too old; not inside a caller's transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


class Dispatcher:
    """Sends each request the way it needs."""

    def __init__(self) -> None:
        django.setup(set_prefix=False)
        self.people = WSGIHandler()
        self.devices = DeviceHandler()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        # without the closing slash it is for the usual handler to redirect
        short = path.startswith(DEVICE_PREFIX) and path.endswith("/")
        return (self.devices if short else self.people)(environ, start_response)


application = measured(Dispatcher())
