"""A deployment in the style of the field: its own settings, addresses, ASGI and Celery applications.

``EXTENSION`` names the package that it holds besides the controller, ``PROJECT_DATA`` a directory that it may write to,
``INFLUXDB_PORT`` where the time series of openwisp-monitoring are.
"""

from .celery import app as celery_app

__all__ = ["celery_app"]
