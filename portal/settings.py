"""Every setting of the portal, from the environment or from `.env` in the project's folder.

`.env.example` lists each variable with its default and unit. A valid value is used exactly as written; an invalid one
stops the start with an error that names the variable. An empty value means the default. System checks report
wrong combinations of settings (integrations/checks.py).
"""

import os
import sys
from pathlib import Path

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from integrations.backend.enum_names import ENUM_NAMES
from integrations.services.handover.link_lifetime import MAX_HOURS
from integrations.wire.endpoints import API_PATH
from portal import service_urls
from portal.environment import (
    MANY_DAYS,
    Environment,
    close_codes,
    directory_for,
    folder,
    group_names,
    keys,
    log_format_here,
    time_zone,
)
from portal.logging_settings import logging_settings
from portal.sqlite import PrivateConnection

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

ENV_FILE = BASE_DIR / ".env"
ENV_FILE_READ = "ORDER_N_PAY_ENV_FILE_READ"  # set for workers; their environment already has the values of .env
env = Environment()
if ENV_FILE_READ not in os.environ:
    env.read_file(ENV_FILE)

# --- This portal -------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY.strip():
    raise ImproperlyConfigured("SECRET_KEY is not set. Run script/server once, or set it in a copy of .env.example.")
SECRET_KEY_FALLBACKS = env.get_value("SECRET_KEY_FALLBACKS", keys, default=[])

# script/server passes the URL that it serves on. It is only a default, so PUBLIC_URL in .env always wins.
_served_at = os.environ.get("ORDER_N_PAY_SERVED_AT", "http://127.0.0.1:8000")
PUBLIC_URL = env.str("PUBLIC_URL", default=_served_at).rstrip("/")
_public = service_urls.origin(PUBLIC_URL, "PUBLIC_URL")
IS_PUBLIC_HTTPS = _public.scheme == "https"
_public_host = f"[{_public.hostname}]" if ":" in str(_public.hostname) else str(_public.hostname)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted({_public_host, "localhost", "127.0.0.1", "[::1]"}))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --- Storage --------------------------------------------------------------------------------

DATA_DIR = folder(env.str("DATA_DIR", default=str(BASE_DIR / "data")), "DATA_DIR")
DATABASES = {"default": service_urls.database(env.str("DATABASE_URL", default=""), default=DATA_DIR / "portal.sqlite3")}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = 0  # under ASGI, close a connection, or return it to the pool, after each use
_pool_size = env.int("DATABASE_POOL_SIZE", default=12, least=1)
if _database["ENGINE"] == service_urls.SQLITE:
    # Without IMMEDIATE, a transaction that starts with a read and then writes would fail at once if another one writes.
    # With IMMEDIATE, it waits.
    _database["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, "factory": PrivateConnection}
    directory_for(_database["NAME"])
else:
    _database["OPTIONS"] = {
        # If the peer disappears without closing the connection, the connection fails after about 10 s, not 2 hours.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        "connect_timeout": 3,
        **_database.get("OPTIONS", {}),
        # The pool doubles its wait after each failed attempt to connect. reconnect_timeout resets the wait after 5 s.
        "pool": {"min_size": 1, "max_size": _pool_size, "timeout": 3, "reconnect_timeout": 5},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = service_urls.redis(env.str("REDIS_URL", default=""))
CHANNEL_LAYERS: dict[str, dict[str, object]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "integrations.relay.redis_layer.RedisLayer",
        # redis-py's default socket_timeout is too short: it must be longer than the layer's wait for a message.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 30, "socket_connect_timeout": 2}]},
    }

# --- POS entry point ---------------------------------------------------------------------------------------

CREDENTIAL_KEY = env.str("CREDENTIAL_KEY", default=SECRET_KEY)
CREDENTIAL_KEY_FALLBACKS = env.get_value("CREDENTIAL_KEY_FALLBACKS", keys, default=SECRET_KEY_FALLBACKS)
if CREDENTIAL_KEY.startswith("$"):
    # Before 0.2, SECRET_KEY was used if CREDENTIAL_KEY began with $, so secrets may be stored under SECRET_KEY.
    CREDENTIAL_KEY_FALLBACKS = [*CREDENTIAL_KEY_FALLBACKS, SECRET_KEY, *SECRET_KEY_FALLBACKS]

POS_TOKEN_LIFETIME = env.int("POS_TOKEN_LIFETIME", default=300, least=1)
POS_REFUSALS_AS_200 = env.bool("POS_REFUSALS_AS_200", default=False)
POS_CLOSE_CODES = close_codes(env.dict("POS_CLOSE_CODES", default={}))
POS_PING_INTERVAL = env.int("POS_PING_INTERVAL", default=30, least=1)
POS_PING_TIMEOUT = env.int("POS_PING_TIMEOUT", default=20, least=1)

AUTH_FAILURES_PER_OUTLET = env.int("AUTH_FAILURES_PER_OUTLET", default=10, least=1)
AUTH_FAILURES_PER_ADDRESS = env.int("AUTH_FAILURES_PER_ADDRESS", default=100, least=1)

# --- API that the provider's systems call ------------------------------------------------------------------

API_CALLS_PER_SECOND = env.int("API_CALLS_PER_SECOND", default=100, least=1, most=100_000)
API_CALLS_BURST = env.int("API_CALLS_BURST", default=200, least=1, most=100_000)

# --- Requests to a POS ------------------------------------------------------------------------------------

PROVIDER_ID = env.int("PROVIDER_ID", default=0, least=0)
PROVIDER_NAME = env.text("PROVIDER_NAME", default="Order N Pay provider", longest=64)
REQUESTS_IN_FLIGHT = env.int("REQUESTS_IN_FLIGHT", default=8, least=1)
REQUESTS_QUEUED_PER_OUTLET = env.int("REQUESTS_QUEUED_PER_OUTLET", default=1000, least=1)
REQUEST_ANSWER_SECONDS = env.int("REQUEST_ANSWER_SECONDS", default=600, least=1)

# --- Retention and redaction -------------------------------------------------------------------------

REDACTED_FIELDS = env.member_names("REDACTED_FIELDS")
KEEP_PAYLOAD_DAYS = env.int("KEEP_PAYLOAD_DAYS", default=14, least=0, most=MANY_DAYS)
KEEP_REQUEST_DAYS = env.int("KEEP_REQUEST_DAYS", default=90, least=0, most=MANY_DAYS)
KEEP_CONNECTION_DAYS = env.int("KEEP_CONNECTION_DAYS", default=90, least=0, most=MANY_DAYS)
KEEP_AUDIT_DAYS = env.int("KEEP_AUDIT_DAYS", default=0, least=0, most=MANY_DAYS)

# --- The hand-over --------------------------------------------------------------------------------------------

# Uploads may contain secrets, so they stay in memory; those larger than FILE_UPLOAD_MAX_MEMORY_SIZE are ignored.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
HANDOVER_LINK_HOURS = env.int("HANDOVER_LINK_HOURS", default=72, least=1, most=MAX_HOURS)

# --- The running process ----------------------------------------------------------------------------------

LEASE_SECONDS = env.int("LEASE_SECONDS", default=30, least=3)
# This is longer than any proxy keeps an unused connection, so a proxy never sends a request on a closing connection.
IDLE_CONNECTION_SECONDS = env.float("IDLE_CONNECTION_SECONDS", default=75.0, least=1)
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=10.0, least=0)
DRAIN_NOTICE_SECONDS = env.float("DRAIN_NOTICE_SECONDS", default=0.0, least=0)
WORKERS = env.int("WORKERS", default=1, least=1)

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("METRICS_TOKEN must have at least 16 characters.")
METRICS_NETWORKS = env.networks("METRICS_NETWORKS")

# --- Webhooks, alerts and e-mail --------------------------------------------------------------------------

WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
ALERT_OFFLINE_MINUTES = env.int("ALERT_OFFLINE_MINUTES", default=10, least=1, most=MANY_DAYS * 24 * 60)

EMAIL_URL = env.str("EMAIL_URL", default="")
# Since version 6.1, Django reads MAILERS and deprecates its EMAIL_ settings. services/notices/mailing.py reads MAILERS
# with any version of Django. Without EMAIL_URL, MAILERS is empty, and no e-mail is sent.
MAILERS = {"default": service_urls.mail(EMAIL_URL)} if EMAIL_URL else {}
SILENCED_SYSTEM_CHECKS = ["mail.W001"]  # Django 6.1's warning that MAILERS is empty
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"Order N Pay portal <portal@{_public.hostname}>")

# --- Sign-in of staff ------------------------------------------------------------------------------------

STAFF_SECOND_FACTOR = env.choice("STAFF_SECOND_FACTOR", ("optional", "required"), default="optional")
# NIST SP 800-63B asks for a new sign-in after 12 to 24 hours. 12 hours are a long working day.
SESSION_HOURS = env.int("SESSION_HOURS", default=12, least=1, most=24 * 365)
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=120, least=1, most=60 * 24 * 365)
REAUTHENTICATE_SECONDS = env.int("REAUTHENTICATE_SECONDS", default=900, least=1)
LOGIN_FAILURES_PER_NAME = env.int("LOGIN_FAILURES_PER_NAME", default=5, least=1)

OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", default="").rstrip("/")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME = env.text("OIDC_NAME", default="single sign-on", longest=40)
OIDC_GROUPS_CLAIM = env.str("OIDC_GROUPS_CLAIM", default="")
OIDC_GROUPS = group_names(env.dict("OIDC_GROUPS", default={}))
OIDC_CREATE_PEOPLE = env.bool("OIDC_CREATE_PEOPLE", default=False)
_provider = service_urls.issuer(OIDC_SERVER_URL, "OIDC_SERVER_URL") if OIDC_SERVER_URL else None

# --- Django -----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # daphne comes before staticfiles, because the first `runserver` is used, and daphne's speaks ASGI. Other commands
    # leave daphne out, because importing it and Twisted takes a quarter of the start-up time.
    *(["daphne"] if "runserver" in sys.argv[1:2] else []),
    "integrations.staff.start.apps.PortalAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "integrations",
]
MIDDLEWARE = [
    "portal.web.hosts.answerable",
    "django.middleware.security.SecurityMiddleware",
    "portal.web.browser_policy.browser_policy",
    "portal.web.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "integrations.staff.signing_in.sessions.limited",
]
CACHES = {"default": {"BACKEND": "integrations.services.rows.shared_cache.SharedCache"}}
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "integrations.backend.base.problems.handle",
    "DATETIME_FORMAT": None,  # backend/base/json_answers.py formats the times instead
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Order N Pay portal",
    "DESCRIPTION": "Send requests to the POS of an outlet, such as orders and payments, and get its answers.",
    "VERSION": "1",
    "LICENSE": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    "SERVERS": [{"url": "/", "description": "This portal"}],
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": API_PATH,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["integrations.backend.schema.only_backend"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "integrations.backend.notices.event_schema.add_events",
        "integrations.backend.schema.add_models",
        "integrations.backend.header_fields.add_header_fields",
        "integrations.backend.openapi_links.add_links",
    ],
    "APPEND_COMPONENTS": {"securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}}},
    "SECURITY": [{"apiKey": []}],
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_NAME_OVERRIDES": ENUM_NAMES,
}
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
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
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
DEFAULT_EXCEPTION_REPORTER = "portal.web.error_reports.MaskingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.web.error_reports.MaskingFilter"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = time_zone(env.str("TIME_ZONE", default="UTC"))
USE_TZ = True
STATIC_URL = "/static/"
STORAGES = {"staticfiles": {"BACKEND": "portal.web.static_files.HashedStorage"}}
WHITENOISE_USE_FINDERS = True  # serve directly from the applications, so that collectstatic is not needed
WHITENOISE_AUTOREFRESH = DEBUG

# Only a trusted proxy can report that a client already used https. Without one, the redirect would never end.
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PUBLIC_HTTPS and bool(TRUSTED_PROXIES))
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if IS_PUBLIC_HTTPS else 0, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PUBLIC_HTTPS
SECURE_HSTS_PRELOAD = IS_PUBLIC_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PUBLIC_HTTPS
# Browsers accept a cookie with this prefix only from this host, over https, so no neighbouring host can set one.
COOKIE_PREFIX = "__Host-" if IS_PUBLIC_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
MESSAGE_STORAGE = "portal.web.message_cookies.MessageStorage"
SESSION_ENGINE = "integrations.staff.signing_in.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = SESSION_IDLE_MINUTES * 60  # seconds without a request
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
X_FRAME_OPTIONS = "DENY"

# Other sites that a form may lead to. The form that starts a sign-in is answered with a redirect to the OIDC provider.
CSP_FORM_ACTION = [f"{_provider.scheme}://{_provider.netloc}"] if _provider else []

# --- django-allauth: the rules are in integrations/staff/signing_in -----------------------------------------

AUTHENTICATION_BACKENDS = ["integrations.staff.signing_in.backend.StaffBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_ADAPTER = "integrations.staff.signing_in.adapters.StaffAdapter"
ACCOUNT_FORMS = {"login": "integrations.staff.signing_in.forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # no sign-up exists, but allauth checks the value
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {
    "login": None,  # successful sign-ins are not limited, only failures
    # The first limit is for each pair of name and address. The second is for each address with all names together; it
    # is higher, because many people in an office share one address. Failures are counted over 300 s, so no wait is
    # longer than that.
    "login_failed": f"{LOGIN_FAILURES_PER_NAME}/300s/key,50/300s/ip",
}
MFA_ADAPTER = "integrations.staff.signing_in.adapters.FactorAdapter"
MFA_FORMS = {
    "authenticate": "integrations.staff.signing_in.forms.CodeForm",
    "reauthenticate": "integrations.staff.signing_in.forms.ConfirmCodeForm",
    "activate_totp": "integrations.staff.signing_in.forms.ActivateTotpForm",
    "add_webauthn": "integrations.staff.signing_in.forms.AddPasskeyForm",
    "authenticate_webauthn": "integrations.staff.signing_in.forms.PasskeyForm",
    "reauthenticate_webauthn": "integrations.staff.signing_in.forms.ConfirmPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False  # a passkey is only a second factor after the password
MFA_RECOVERY_CODES_SHOW_ONCE = True
SOCIALACCOUNT_ADAPTER = "integrations.staff.signing_in.adapters.ProviderAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # True would delete passwords; ProviderAdapter has its own rules
_OIDC_CLIENT = {"client_id": OIDC_CLIENT_ID, "secret": OIDC_CLIENT_SECRET, "settings": {"server_url": OIDC_SERVER_URL}}
_OIDC_APPS = [{"provider_id": "oidc", "name": OIDC_NAME, **_OIDC_CLIENT}] if OIDC_SERVER_URL else []
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": _OIDC_APPS}}

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO", read=str.upper)
LOG_FORMAT = env.choice("LOG_FORMAT", ("text", "json"), default=log_format_here(debug=DEBUG))
LOGGING = logging_settings(LOG_LEVEL, LOG_FORMAT)
# The supervisor uses ENV_FILE_NAMES to pass a changed .env on to its workers. The doctor uses KNOWN_NAMES.
ENV_FILE_NAMES = frozenset(env.from_file)
KNOWN_NAMES = frozenset(env.asked)
