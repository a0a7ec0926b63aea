"""The server's settings; what is enqueued stays where it is, for the benchmarks run it themselves."""

import os

os.environ.setdefault("SECRET_KEY", "only-for-benchmarks")
os.environ.setdefault("ENCRYPTION_KEYS", "only-for-benchmarks-only-for-benchmarks")

from openwisp_controller.server.settings import *  # noqa: F403

CELERY_BROKER_URL = "memory://localhost"
ALLOWED_HOSTS = ["*"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGGING = {"version": 1, "disable_existing_loggers": True}
