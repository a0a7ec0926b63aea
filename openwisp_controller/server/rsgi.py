"""HTTP entry point of production: the WSGI application, behind granian's own interface."""

from __future__ import annotations

import gc
import os

from .bridge import RsgiBridge
from .processes import THREADS
from .wsgi import application as wsgi_application

application = RsgiBridge(wsgi_application, int(os.environ.get(THREADS, "4")))
gc.freeze()  # what is loaded now stays; looking through it again and again costs each request
