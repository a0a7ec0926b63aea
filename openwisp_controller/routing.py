"""Addresses of the WebSockets of all apps that are installed, for the ASGI application of a project."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps

_APPS = {
    "openwisp_notifications": "openwisp_notifications.websockets.routing",
    "openwisp_controller.connection": "openwisp_controller.connection.websockets.routing",
    "openwisp_controller.geo": "openwisp_controller.geo.websockets.routing",
}


def get_routes() -> list[Any]:
    """Return the routes; call it when Django is set up."""
    return [
        route for app, module in _APPS.items() if apps.is_installed(app) for route in import_module(module).get_routes()
    ]
