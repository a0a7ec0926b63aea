"""WebSocket entry point."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# what follows needs Django set up
from django.apps import apps  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402
from openwisp_notifications.websockets.routing import get_routes as get_notification_routes  # noqa: E402

from openwisp_controller.connection.websockets.routing import get_routes as get_connection_routes  # noqa: E402


def _routes() -> list[Any]:
    """Return the routes of all apps that are installed."""
    routes = [*get_notification_routes(), *get_connection_routes()]
    if apps.is_installed("openwisp_controller.geo"):
        routes += import_string("openwisp_controller.geo.websockets.routing.get_routes")()
    return routes


class KnownRoutes:
    """Refuses addresses that nobody serves, instead of failing."""

    def __init__(self, routes: list[Any]) -> None:
        self._routes = routes
        self._router = URLRouter(routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].lstrip("/")
        if any(route.pattern.match(path) for route in self._routes):
            await self._router(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})


websockets = AllowedHostsOriginValidator(AuthMiddlewareStack(KnownRoutes(_routes())))
application = ProtocolTypeRouter({"http": django_application, "websocket": websockets})
