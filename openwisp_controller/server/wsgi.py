"""HTTP entry point: a short way for devices, Django's usual one for everybody else.

Devices need no session, user, message or CSRF handling. Their requests, the bulk of the traffic, go through a second
handler without middleware that knows only the addresses of the device protocol.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")

import django
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver

from .device_request import DeviceRequest

DEVICE_PREFIX = "/controller/"
DEVICE_ADDRESSES = "openwisp_controller.config.device_api.urls"


class DeviceHandler(WSGIHandler):
    """Django's handler without any middleware, for the addresses of the device protocol only."""

    request_class = DeviceRequest

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        # the project's own addresses stay the ones that receivers of signals can reverse
        request.resolver_match = get_resolver(DEVICE_ADDRESSES).resolve(request.path_info)
        return request.resolver_match


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


application = Dispatcher()
