"""The ready-made project: settings, addresses, processes and the command line."""

from .celery import app as celery_app

__all__ = ["celery_app"]
