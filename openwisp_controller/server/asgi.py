"""WebSocket entry point."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# what follows needs Django set up
from openwisp_notifications.websockets.routing import get_routes as get_notification_routes  # noqa: E402

from openwisp_controller.connection.websockets.routing import get_routes as get_connection_routes  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*get_notification_routes(), *get_connection_routes()]))
        ),
    }
)
