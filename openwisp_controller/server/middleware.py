"""Middleware of the ready-made server."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse


class UsableConnection:
    """Replaces a database connection that broke since the last request, such as by a restart of the database.

    Django's own check costs a round trip for each poll of a device as well; the device protocol tries again instead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
            connection.close()
        return self.get_response(request)
