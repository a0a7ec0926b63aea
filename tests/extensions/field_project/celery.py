"""The Celery application of the deployment."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.extensions.field_project.settings")
app = Celery("field_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
