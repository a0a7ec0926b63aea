"""The ASGI application of the deployment."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.extensions.field_project.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

http = get_asgi_application()

# what follows needs Django set up
from django.utils.module_loading import import_string  # noqa: E402

from openwisp_controller.routing import get_routes  # noqa: E402

from .packages import PACKAGE  # noqa: E402

routes = get_routes() + [route for path in PACKAGE.routes for route in import_string(path)()]
websockets = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(routes)))
application = ProtocolTypeRouter({"http": http, "websocket": websockets})
