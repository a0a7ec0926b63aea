"""Django settings of the ready-made server; everything a deployment changes comes from the environment.

The table of variables is in ``docs/reference/environment.md``. A project of its own may instead import this module
(``from openwisp_controller.server.settings import *``) and override what it wants.
"""

from __future__ import annotations

import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from kombu.entity import Queue

from . import bodies, environment, queues

PRODUCTION = environment.is_production()
DEBUG = environment.flag("DEBUG")
SECRET_KEY = environment.secret_key()
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", "" if PRODUCTION else "*")
CSRF_TRUSTED_ORIGINS = environment.origins("CSRF_TRUSTED_ORIGINS")
SECURE_COOKIES = environment.flag("SECURE_COOKIES", PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", 0)
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = bodies.max_body_size()

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = environment.redis_url()
if PRODUCTION and not REDIS_URL:
    raise ImproperlyConfigured(
        "DATABASE_URL is set but REDIS_URL is not: production needs Redis, write redis://host:6379/0"
    )
DATABASES: dict[str, Any] = {
    "default": environment.database_from_url(DATABASE_URL) if PRODUCTION else environment.embedded_database()
}
OPENWISP_CONTROLLER_ENCRYPTION_KEYS = environment.encryption_keys()
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

#: Where maps of the administration get their background; maps work without.
MAP_TILES_URL = os.environ.get("MAP_TILES_URL", "https://tile.openstreetmap.org/{z}/{x}/{y}.png")
LEAFLET_CONFIG: dict[str, Any] = {
    "TILES": [(
        "Map", MAP_TILES_URL,
        os.environ.get("MAP_TILES_ATTRIBUTION", "© <a href='https://www.openstreetmap.org/copyright'>OpenStreetMap</a>"),
    )] if MAP_TILES_URL else [],
    "RESET_VIEW": False,
    "NO_GLOBALS": False,  # the scripts of the location library look for them
}  # fmt: skip
#: Before the administration, whose pages and filters they extend.
_MAPS = ["openwisp_controller.geo", "leaflet", "rest_framework_gis"] if environment.maps_are_on() else []
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.sites",
    "django.contrib.humanize",
    "openwisp_users.accounts",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "django_extensions",
    "openwisp_users",
    "openwisp_controller.pki",
    "openwisp_controller.config",
    "openwisp_ipam",
    "openwisp_controller.connection",
    "openwisp_controller.subnet_division",
    *_MAPS,
    "openwisp_notifications",
    "openwisp_utils.admin_theme",  # after all whose pages stand on its own
    "django.contrib.admin",
    "django.forms",
    "sortedm2m",
    "taggit",
    "reversion",
    "import_export",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "admin_auto_filters",
    "drf_yasg",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
]
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "openwisp_controller.common.rest.schema.OperationSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "openwisp_controller.common.rest.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OpenWISP API",
    "VERSION": "v1",
    "DESCRIPTION": "The REST interface of the network controller.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    # a test compares the description; what views of libraries leave open is nothing that whoever deploys can mend
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "AUTHENTICATION_WHITELIST": [
        "openwisp_controller.common.rest.authentication.TokenAuthentication",
        "openwisp_users.api.authentication.BearerAuthentication",
    ],
}
EXTENDED_APPS = ("django_x509", *(("django_loci",) if _MAPS else ()))
AUTH_USER_MODEL = "openwisp_users.User"
SITE_ID = 1
LOGIN_PATHS = ("/admin/login/", "/accounts/login/", "/api/v1/users/token/")
LOGIN_FAILURES_PER_MINUTE = environment.number("LOGIN_FAILURES_PER_MINUTE", 10, minimum=1)
METRICS_TOKEN = environment.metrics_token()
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_LOGOUT_REDIRECT_URL = "admin:login"

MIDDLEWARE = [
    "openwisp_controller.server.middleware.PeerAddress",
    "openwisp_controller.server.middleware.DatabaseMiddleware",
    "openwisp_controller.server.middleware.BadInputMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "openwisp_controller.server.middleware.ContentPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "openwisp_controller.server.middleware.AddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "openwisp_users.middleware.PasswordExpirationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "openwisp_controller.server.middleware.LoginThrottle",
    "openwisp_controller.common.authorship.AuthorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
SESSION_ENGINE = "openwisp_controller.server.sessions"
ROOT_URLCONF = "openwisp_controller.server.urls"
WSGI_APPLICATION = "openwisp_controller.server.wsgi.application"
ASGI_APPLICATION = "openwisp_controller.server.asgi.application"
AUTHENTICATION_BACKENDS = ["openwisp_users.backends.UsersAuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
] + [{"NAME": "openwisp_users.password_validation.PasswordReuseValidator"}]

_LOADERS = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
    "openwisp_utils.loaders.DependencyLoader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            # Django remembers compiled templates by itself only where it chooses the loaders
            "loaders": _LOADERS if DEBUG else [("django.template.loaders.cached.Loader", _LOADERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "openwisp_utils.admin_theme.context_processor.menu_groups",
                "openwisp_utils.admin_theme.context_processor.admin_theme_settings",
                "openwisp_notifications.context_processors.notification_api_settings",
                "openwisp_controller.server.pages.site_name",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

LANGUAGE_CODE = "en"
TIME_ZONE = environment.time_zone()
FORMAT_MODULE_PATH = ["openwisp_controller.server.formats"]
USE_TZ = True
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
STATIC_ROOT = environment.directory("STATIC_ROOT", "" if PRODUCTION else str(environment.data_directory() / "static"))
MEDIA_ROOT = environment.directory("MEDIA_ROOT", "" if PRODUCTION else str(environment.data_directory() / "media"))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "openwisp_utils.staticfiles.DependencyFinder",
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

if REDIS_URL:
    CACHES: dict[str, Any] = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS_URL}}
    # Not the other layer of channels_redis: when sockets are refused in quick succession it may wait for ever.
    CHANNEL_LAYERS: dict[str, Any] = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    }
    CELERY_BROKER_URL = REDIS_URL
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "openwisp_controller.server.layers.ThreadedChannelLayer"}}
    CELERY_BROKER_URL = "memory://localhost"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.05}
    CELERY_WORKER_PREFETCH_MULTIPLIER = 100
# Nothing urgent waits behind something that is not; see `server/workers.py`.
CELERY_TASK_ROUTES = {
    **{
        f"openwisp_controller.config.tasks.{name}": {"queue": queues.COMPILE}
        for name in ("compile_stale", "run_jobs", "redeliver_signals", "compile_servers")
    },
    **{
        f"openwisp_controller.connection.tasks.{name}": {"queue": queues.PUSH}
        for name in ("push_due", "update_config", "launch_command", "launch_batch_command")
    },
}
CELERY_TASK_QUEUES = [Queue(name) for name in queues.QUEUES]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # however long the broker is away
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.2}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
RECONCILE_INTERVAL = environment.number("RECONCILE_INTERVAL", 60 if PRODUCTION else 2, minimum=1)
CELERY_BEAT_SCHEDULE = {
    "reconcile": {"task": "openwisp_controller.config.tasks.reconcile", "schedule": RECONCILE_INTERVAL},
    "renew certificates": {"task": "openwisp_controller.pki.tasks.reconcile", "schedule": RECONCILE_INTERVAL},
    "reconcile connections": {
        "task": "openwisp_controller.connection.tasks.reconcile",
        "schedule": RECONCILE_INTERVAL,
    },
    "forget imports": {"task": "openwisp_controller.config.tasks.forget_device_imports", "schedule": 3600},
    "prune revisions": {"task": "openwisp_controller.config.tasks.prune_revisions", "schedule": 3600},
    # every hour, for a process that is started anew each day would never come to what is due once a day
    "clean up WHOIS records": {
        "task": "openwisp_controller.config.whois.tasks.cleanup_unreferenced_whois_records",
        "schedule": 3600,
    },
}

# How many proxies stand in front of the server and append to X-Forwarded-For; 0 = believe the peer address alone.
OPENWISP_CONTROLLER_TRUSTED_PROXIES = environment.number("TRUSTED_PROXIES", 0)
# A single process with few devices shows sooner that they were seen.
OPENWISP_CONTROLLER_LAST_SEEN_INTERVAL = 60 if PRODUCTION else 5
# Whether devices are reached at loopback addresses, as virtual ones on the same machine are.
OPENWISP_CONTROLLER_LOOPBACK_MANAGEMENT_IP = environment.flag("LOOPBACK_MANAGEMENT_IP")
# The account for WHOIS, and whether it is on in organizations that do not decide otherwise.
OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT = os.environ.get("WHOIS_GEOIP_ACCOUNT", "")
OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY = os.environ.get("WHOIS_GEOIP_KEY", "")
OPENWISP_CONTROLLER_WHOIS_ENABLED = environment.flag("WHOIS_ENABLED")
if environment.flag("TRUST_X_FORWARDED_PROTO"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND") or "django.core.mail.backends.console.EmailBackend"
EMAIL_HOST = os.environ.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = environment.number("EMAIL_PORT", 25, minimum=1)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL") or "controller@localhost"

OPENWISP_ADMIN_THEME_LINKS = [
    {"type": "text/css", "href": "/static/admin/css/openwisp.css", "rel": "stylesheet", "media": "all"},
    {"type": "text/css", "href": "/static/config/css/theme.css", "rel": "stylesheet", "media": "all"},
    {"type": "image/svg+xml", "href": "/static/config/favicon.svg", "rel": "icon"},
]
OPENWISP_ADMIN_SITE_CLASS = "openwisp_controller.server.administration.Administration"
OPENWISP_ADMIN_SITE_TITLE = OPENWISP_ADMIN_SITE_HEADER = "Network Controller"

LOG_LEVEL = environment.log_level()
_LIBRARIES = LOG_LEVEL if LOG_LEVEL in ("ERROR", "CRITICAL") else "WARNING"
LOG_FORMAT = environment.choice("LOG_FORMAT", "json" if PRODUCTION else "text", ("text", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"secrets": {"()": "openwisp_controller.server.logs.HideSecrets"}},
    "formatters": {
        "json": {"()": "openwisp_controller.server.logs.JsonFormatter"},
        "text": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["secrets"], "formatter": LOG_FORMAT},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # without the handlers of its own, whose output and mails would hold what devices and people send
        "django": {"handlers": []},
        "celery": {"level": LOG_LEVEL if PRODUCTION else _LIBRARIES},
        "asyncssh": {"level": _LIBRARIES},
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
    },
}
