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
from openwisp_controller.routing import get_routes  # noqa: E402


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


websockets = AllowedHostsOriginValidator(AuthMiddlewareStack(KnownRoutes(get_routes())))
application = ProtocolTypeRouter({"http": django_application, "websocket": websockets})
