"""All settings. Without environment variables, the desk runs embedded: SQLite and a filesystem broker under var/.

.env.example lists each variable with its default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from classifier import __version__
from triage.operations import single_sign_on
from triage.operations.environment import database, env, env_bool, env_int, env_list, secret_key
from triage.operations.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env("TRIAGE_VAR", str(BASE_DIR / "var")))
# Nobody else on the machine reads the database, the originals and the keys in it.
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
if VAR.stat().st_uid == os.getuid() and VAR.stat().st_mode & 0o077:
    VAR.chmod(0o700)


SECRET_KEY = secret_key(VAR)
DEBUG = env_bool("DEBUG")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "triage",
]

MIDDLEWARE = [
    "triage.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "triage.middleware.ContentSecurityPolicyMiddleware",
    "triage.middleware.ApiCachingMiddleware",
    "triage.middleware.RefuseEarlyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "triage.urls"
WSGI_APPLICATION = "triage.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "triage.operations.disk.disk_notice",
                "triage.views.inbox.unread_notice",
                "triage.views.demo.demonstration_notice",
            ],
        },
    },
]

DATABASES = {"default": database(env("DATABASE_URL"), VAR)}

# The throttle comes first, so that it can refuse a login before the password is checked.
AUTHENTICATION_BACKENDS = ["triage.accounts.login_throttle.LoginThrottle", "django.contrib.auth.backends.ModelBackend"]
# Single sign-on. Without OIDC_ISSUER, none of it is loaded.
OIDC = single_sign_on.from_environment()
PASSWORD_LOGIN = env_bool("PASSWORD_LOGIN", True)
if OIDC is not None:
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.socialaccount"]
    MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
    AUTHENTICATION_BACKENDS += ["triage.accounts.backends.SingleSignOn"]
    ACCOUNT_ADAPTER = "triage.accounts.single_sign_on.SessionAdapter"
    ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
    SOCIALACCOUNT_ADAPTER = "triage.accounts.single_sign_on.LoginAdapter"
if not PASSWORD_LOGIN:
    if OIDC is None:
        raise ImproperlyConfigured("PASSWORD_LOGIN can be switched off only with single sign-on (OIDC_ISSUER)")
    AUTHENTICATION_BACKENDS.remove("django.contrib.auth.backends.ModelBackend")
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "queue"
LOGOUT_REDIRECT_URL = "login"
# Life of a link for a new password.
PASSWORD_RESET_TIMEOUT = 3600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "triage.figures.bokeh_static.BokehFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Largest size of one spectrum file. The upload page sends several files one by one.
UPLOAD_MAX_BYTES = env_int("UPLOAD_MAX_MB", 50) << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 << 20
DATA_UPLOAD_MAX_NUMBER_FILES = 500
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    # Files over 2.5 MB.
    "triage.operations.disk.UploadHandler",
]

# Named spectra to compare with; see docs/library.md. The desk works without the file.
SPECTRUM_LIBRARY = Path(env("SPECTRUM_LIBRARY", str(VAR / "library.safetensors")))
CLASSIFIER_CHECKPOINT = Path(env("CLASSIFIER_CHECKPOINT")) if env("CLASSIFIER_CHECKPOINT") else None
CLASSIFIER_DEVICE = env("CLASSIFIER_DEVICE", "auto")
CLASSIFIER_BATCH = env_int("CLASSIFIER_BATCH", 8)
CLASSIFIER_THREADS = env_int("CLASSIFIER_THREADS", 1)
LEASE_SECONDS = env_int("LEASE_SECONDS", 300)

# Key that encrypts the stored tokens of other services; if empty, one is derived from SECRET_KEY.
TOKEN_ENCRYPTION_KEY = env("TOKEN_ENCRYPTION_KEY")
# A SkyPortal allows 5 requests a second for one token, else it answers 429. The sync and the outbox share this limit.
SKYPORTAL_REQUESTS_PER_SECOND = env_int("SKYPORTAL_REQUESTS_PER_SECOND", 4)
SKYPORTAL_TIMEOUT_SECONDS = env_int("SKYPORTAL_TIMEOUT_SECONDS", 30)
SKYPORTAL_LEASE_SECONDS = env_int("SKYPORTAL_LEASE_SECONDS", 180)

# Users choose the addresses of webhooks, so an address in the server's own network is refused unless this is set.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env_bool("WEBHOOKS_TO_PRIVATE_ADDRESSES")

# Address that the links in notifications lead to, and the mail server that sends them. Without one, there is no e-mail.
SITE_URL = env("SITE_URL", f"http://localhost:{env('PORT', '8000')}")
EMAIL_HOST = env("EMAIL_HOST")
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", "spectrum-triage@localhost")

# Reports to the Transient Name Server. Without a key they can be previewed, but not sent.
TNS_SANDBOX_URL = env("TNS_SANDBOX_URL", "https://sandbox.wis-tns.org")
TNS_LIVE_URL = env("TNS_LIVE_URL", "https://www.wis-tns.org")
TNS_API_KEY = env("TNS_API_KEY")
TNS_BOT_ID = env("TNS_BOT_ID")
TNS_BOT_NAME = env("TNS_BOT_NAME")
# If true, the live TNS is asked about transients that everybody at the desk may see, by name and place.
TNS_LOOKUP = env_bool("TNS_LOOKUP")
# Form in which the TNS wants the proprietary period: "number", or "value_and_units" as newer versions do.
TNS_PROPRIETARY_PERIOD = env("TNS_PROPRIETARY_PERIOD", "number")

REDIS_URL = env("REDIS_URL")
# Cache that all web processes share. Without Redis they run on one machine and share files.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "triage",
        # A Redis that hangs must not hold up a request for long.
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 5000},
    }
}
# The numbers above the queue are kept for so many times as long as counting them took.
COUNTS_KEPT = 50
API_REQUESTS_PER_MINUTE = env_int("API_REQUESTS_PER_MINUTE", 6000)

BROKER_FOLDER = VAR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://"
if not REDIS_URL:
    (BROKER_FOLDER / "control").mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_FOLDER),
        "data_folder_out": str(BROKER_FOLDER),
        "control_folder": str(BROKER_FOLDER / "control"),
        "polling_interval": 0.3,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = env("CELERY_QUEUE", "triage")
# Tasks that wait for other servers have a worker of their own, so that a server that hangs holds up no prediction.
OUTSIDE_QUEUE = f"{CELERY_TASK_DEFAULT_QUEUE}-outside"
OUTSIDE_TASKS = (
    "sync_skyportal",
    "send_to_skyportal",
    "answer_analyses",
    "send_notifications",
    "send_account_mail",
    "send_webhooks",
    "poll_tns",
)
CELERY_TASK_ROUTES = {f"triage.tasks.{name}": {"queue": OUTSIDE_QUEUE} for name in OUTSIDE_TASKS}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # A broker's message is only a doorbell; this finds the work of lost messages.
    "ring-the-doorbell": {"task": "triage.tasks.process_queue", "schedule": 20.0, "options": {"expires": 20}},
    "predict-again": {"task": "triage.tasks.predict_again", "schedule": 10.0, "options": {"expires": 10}},
    "measure-brightness": {"task": "triage.tasks.measure_brightness", "schedule": 10.0, "options": {"expires": 10}},
    "name-matches": {"task": "triage.tasks.name_matches", "schedule": 10.0, "options": {"expires": 10}},
    "run-policies": {"task": "triage.tasks.run_policies", "schedule": 20.0, "options": {"expires": 20}},
    "sync-skyportal": {"task": "triage.tasks.sync_skyportal", "schedule": 10.0, "options": {"expires": 10}},
    "send-to-skyportal": {"task": "triage.tasks.send_to_skyportal", "schedule": 15.0, "options": {"expires": 15}},
    "answer-analyses": {"task": "triage.tasks.answer_analyses", "schedule": 10.0, "options": {"expires": 10}},
    "send-notifications": {"task": "triage.tasks.send_notifications", "schedule": 30.0, "options": {"expires": 30}},
    "send-account-mail": {"task": "triage.tasks.send_account_mail", "schedule": 30.0, "options": {"expires": 30}},
    "send-webhooks": {"task": "triage.tasks.send_webhooks", "schedule": 15.0, "options": {"expires": 15}},
    "poll-tns": {"task": "triage.tasks.poll_tns", "schedule": 60.0, "options": {"expires": 60}},
}

# Bearer token that opens /metrics; if empty, the page does not exist.
METRICS_TOKEN = env("METRICS_TOKEN")

HTTPS = env_bool("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
# Health checks come from inside, without a proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_PROXY = env_bool("BEHIND_PROXY")
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "triage.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "triage.api.permissions.TokenScope",
        "triage.api.parameters.KnownParameters",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["triage.api.throttling.TokenThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "triage.api.negotiation.FormatFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "triage.api.errors.handle",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Spectrum triage",
    "DESCRIPTION": "Upload spectra of transients and read vetted classifications. "
    "Send the header `Authorization: Token <key>`; make a key on the page “API tokens”.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "triage.api.schema.add_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PolicyEnum": "triage.models.skyportal.Policy",
        "QueueStateEnum": "triage.api.filters.QUEUE_STATES",
        "SpectrumStateEnum": "triage.models.spectrum.SpectrumState",
        "TransientStateEnum": "triage.api.filters.TRANSIENT_STATES",
    },
}

LOG_FORMAT = env("LOG_FORMAT", "line")
LOGGING = logging_settings(LOG_FORMAT, env("LOG_LEVEL"), embedded=not REDIS_URL)
