"""The scheduler of production: it knows when which task is due, and loads nothing of what tasks do."""

import logging.config
import os
import signal
import sys
from types import FrameType

from celery import Celery
from celery.beat import Service
from django.conf import settings

from .scheduler import SteadyScheduler


def main() -> None:
    """Send tasks when they are due until the process is told to stop; nothing is remembered, for the work does."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")
    app = Celery("openwisp_controller", fixups=())
    app.config_from_object("django.conf:settings", namespace="CELERY")
    logging.config.dictConfig(settings.LOGGING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    Service(app, scheduler_cls=SteadyScheduler).start()


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
