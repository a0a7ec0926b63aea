"""Settings of the test suite: the server's own, on a throw-away data directory, with tasks run on the spot."""

import os
import tempfile

os.environ.setdefault("OPENWISP_DATA_DIR", tempfile.mkdtemp(prefix="controller-tests-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("ENCRYPTION_KEYS", "only-for-tests-only-for-tests-only-for-tests")

from openwisp_controller.server.settings import *  # noqa: F403
from openwisp_controller.server.settings import DATABASES, LOGGING

from .services import PATIENCE

TESTING = True
ALLOWED_HOSTS = ["*"]
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# Files are looked up when they are asked for: else each of the many clients of a test run lists them all first.
WHITENOISE_AUTOREFRESH = True
# Devices of tests answer, or they never do; tests of what never comes set less.
OPENWISP_SSH_CONNECTION_TIMEOUT = OPENWISP_SSH_BANNER_TIMEOUT = OPENWISP_SSH_AUTH_TIMEOUT = PATIENCE
OPENWISP_SSH_COMMAND_TIMEOUT = OPENWISP_CONTROLLER_PUSH_DEADLINE = PATIENCE
MEDIA_ROOT = os.path.join(os.environ["OPENWISP_DATA_DIR"], "media")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
SECURE_COOKIES = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
LOGGING = {**LOGGING, "root": {"handlers": ["console"], "level": "WARNING"}}
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
if not PRODUCTION:  # noqa: F405
    # a file of its own for each process of the suite
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(os.environ["OPENWISP_DATA_DIR"], "test.sqlite3")}
# Tests store by themselves which devices were seen.
OPENWISP_CONTROLLER_LAST_SEEN_INTERVAL = 10**9
