"""The Celery application of the ready-made server."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")

app = Celery("openwisp_controller")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
