"""Requests of devices: what middleware adds to others is there for receivers of signals, made when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.messages.storage import default_storage
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.urls import ResolverMatch, resolve
from django.utils import translation
from django.utils.functional import cached_property


class DeviceRequest(WSGIRequest):
    """A request that no middleware has seen, with what receivers know of requests in Django.

    Nothing of it costs anything before it is asked for. Devices have no sessions: what is put into one is forgotten.
    """

    _resolver_match: ResolverMatch | None = None

    @property
    def resolver_match(self) -> ResolverMatch:
        """Which of the addresses of the server was asked for."""
        if self._resolver_match is None:
            self._resolver_match = resolve(self.path_info)
        return self._resolver_match

    @resolver_match.setter
    def resolver_match(self, match: Any) -> None:
        self._resolver_match = match

    @cached_property
    def session(self) -> Any:  # type: ignore[override]
        """The session that a cookie names, for browsers; else an empty one."""
        engine = import_module(settings.SESSION_ENGINE)
        return engine.SessionStore(self.COOKIES.get(settings.SESSION_COOKIE_NAME))

    @cached_property
    def user(self) -> Any:  # type: ignore[override]
        """Nobody, unless a browser sends the session of somebody."""
        return auth.get_user(self)

    async def auser(self) -> Any:
        """Return ``user``."""
        return self.user

    @cached_property
    def _messages(self) -> Any:
        return default_storage(self)

    @cached_property
    def LANGUAGE_CODE(self) -> str:  # type: ignore[override]  # noqa: N802
        return translation.get_language() or settings.LANGUAGE_CODE

    def get_host(self) -> str:
        """Return the host that was asked, the server's own name where that is none of its names.

        Devices know the controller by whatever address leads to it, and are answered there.
        """
        try:
            return super().get_host()
        except DisallowedHost:
            name, port = self.META["SERVER_NAME"], self.get_port()
            return name if port == ("443" if self.is_secure() else "80") else f"{name}:{port}"
