"""Addresses of the WebSockets; without a slash at the end."""

from __future__ import annotations

from typing import Any

from django.urls import path

from . import consumers


def get_routes() -> list[Any]:
    """Return the routes of this app."""
    return [
        path("ws/controller/device/<uuid:pk>/command", consumers.CommandConsumer.as_asgi()),
        path("ws/controller/batch-command/<uuid:pk>", consumers.BatchCommandConsumer.as_asgi()),
    ]
