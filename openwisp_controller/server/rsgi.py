"""HTTP entry point of production: the WSGI application, behind granian's own interface."""

from __future__ import annotations

import os

from .bridge import RsgiBridge
from .processes import THREADS
from .wsgi import application as wsgi_application

application = RsgiBridge(wsgi_application, int(os.environ.get(THREADS, "4")))
