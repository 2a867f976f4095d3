"""Rollcall's settings: everything that varies comes from the environment, through env, once."""

from __future__ import annotations

import socket
import sys
from typing import Any

from csp.constants import NONCE, NONE, SELF

from console.process.data_folder import BASE_DIR, broker_url, data_dir, database, secret_key
from console.process.env import (
    LOG_LEVELS,
    THIS_MACHINE,
    debug,
    encryption_keys,
    flag,
    given,
    host,
    hosts,
    mail_address,
    number,
    one_of,
    origins,
    port,
    ports,
    process_name,
    text,
    time_zone,
    web_address,
)

VAR = data_dir()
SECRET_KEY = secret_key(VAR)
ALLOWED_HOSTS = hosts("ALLOWED_HOSTS", default=[*THIS_MACHINE, socket.gethostname().lower()])
DEBUG = debug(hosts("ALLOWED_HOSTS", default=[*THIS_MACHINE]), https=flag("HTTPS", default=False))
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",  # the data fixes register themselves where the URLs are
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_htmx",
    "template_partials",
    "django_tables2",
    "django_filters",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "treebeard",
    "orgs",
    "directory",
    "console",
]

MIDDLEWARE = [
    "console.health.HealthMiddleware",
    # What every answer carries comes first, so that static files and errors carry it too.
    "django.middleware.security.SecurityMiddleware",
    "console.http.middleware.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "console.security.security_log.SecurityLogMiddleware",
    "console.http.middleware.NullMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.security.sessions.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.http.middleware.TimeZoneMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "console.presenters.navigation.navigation",
            ],
            # In the place of the package's own library.
            "libraries": {"lucide": "console.elements.icons"},
        },
    }
]

# SQLite: WAL alone makes "database is locked" more frequent; IMMEDIATE transactions that wait are the cure. FULL: what
# was answered for is on the disk, even when the power goes.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}
STATEMENT_SECONDS = number("DATABASE_STATEMENT_SECONDS", default=0, most=86_400)
DATABASES: dict[str, dict[str, Any]] = {"default": database("DATABASE_URL", folder=VAR)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
else:
    # PostgreSQL: nobody waits for a lock for ever, and a worker that was stopped in mid-transaction lets go of its locks.
    # A page's statements have a limit too (console.wsgi); a run's don't. DATABASE_URL may name other options.
    POSTGRESQL_TIMEOUTS = {
        "lock_timeout": 10,
        "idle_in_transaction_session_timeout": 30,
        "statement_timeout": STATEMENT_SECONDS,
    }
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options", " ".join(f"-c {name}={seconds}s" for name, seconds in POSTGRESQL_TIMEOUTS.items())
    )
    # For pg_stat_activity: who holds that connection, or that lock?
    DATABASES["default"]["OPTIONS"].setdefault("application_name", process_name(sys.argv)[:63])
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# No cache: what web processes share is in tables of its own, and nothing anywhere is pickled.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "orgs.User"
# Usernames are unique by their folded key (username_key), in any letter case.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["console.security.access.LocalBackend"]
# Scrypt needs memory as well as time; what PBKDF2 made before is still read, and made anew at the next sign-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "session:sign-in"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "session:sign-in"

# One language until a second one is complete: libraries' own translations would be mixed with our English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = time_zone("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "components/table.html"

# One policy for every page; Tabler draws its form marks as data: images.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
HTTPS = flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", default=0, most=10 * 365 * 86_400)
# Rollcall cannot decide whether the domain's other names speak HTTPS and belong on the browsers' own lists.
SILENCED_SYSTEM_CHECKS += ["security.W005", "security.W021"]
BEHIND_PROXY = flag("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# A browser takes a cookie of such a name over HTTPS only, and from this very host.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}session", f"{COOKIE_PREFIX}csrf"
SESSION_ENGINE = "console.security.session_store"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# A session ends so long after the sign-in, and so long after the last request that a person made.
SESSION_COOKIE_AGE = 3600 * number("SESSION_HOURS", default=12, least=1, most=24 * 365)
SESSION_IDLE_SECONDS = 60 * number("SESSION_IDLE_MINUTES", default=30, least=1, most=60 * 24 * 365)
# A dangerous page wants the password again when it was given longer ago than this.
CONFIRMED_SECONDS = 600
DEFAULT_EXCEPTION_REPORTER_FILTER = "console.security.error_reports.WithoutValues"
CSRF_FAILURE_VIEW = "console.views.session.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Files stay in memory, up to a size; no request fills the disk.
FILE_UPLOAD_HANDLERS = ["console.http.uploads.LimitedUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1

EMAIL_BACKEND = given("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = host("EMAIL_HOST", default="")
EMAIL_PORT = port("EMAIL_PORT", default=25)
EMAIL_HOST_USER = given("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = given("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = number("EMAIL_TIMEOUT", default=20, least=1, most=600)
DEFAULT_FROM_EMAIL = mail_address("DEFAULT_FROM_EMAIL", default=f"rollcall@{socket.gethostname()}")
CONSOLE_ADDRESS = web_address("CONSOLE_ADDRESS", default="http://localhost:8000")

REDIS_URL = broker_url(VAR)
CELERY_APP = "console.celery.app"

# Older keys stay readable after a rotation: put the new one first (Fernet keys, comma-separated).
ENCRYPTION_KEYS = encryption_keys("ENCRYPTION_KEYS")
# Where LDAP servers may be: any other port, and this machine itself, only where the operator allows it.
LDAP_PORTS = ports("LDAP_PORTS", default=(389, 636, 3268, 3269))
LDAP_LOOPBACK = flag("LDAP_LOOPBACK", default=False)
# Whether a process that has read to its end waits for the next run, instead of ending with its own.
LDAP_READERS_WAIT = False
# Celery hard-kills nothing here: the database owns a run, and its lease decides when it may be taken over.
RUN_LEASE_SECONDS = number("RUN_LEASE_SECONDS", default=30, least=2, most=3600)

# Days for which rows are kept; 0 is for ever. The audit trail is kept at least as long as the runs.
KEEP_RUNS_DAYS = number("KEEP_RUNS_DAYS", default=365, most=36_500)
KEEP_AUDIT_DAYS = number("KEEP_AUDIT_DAYS", default=3650, most=36_500)
KEEP_MAILS_DAYS = number("KEEP_MAILS_DAYS", default=90, most=36_500)
KEEP_ALERTS_DAYS = number("KEEP_ALERTS_DAYS", default=180, most=36_500)

# Scripts run only where the system has every layer of their sandbox, unless the operator allows less.
ALLOW_WEAK_SANDBOX = flag("ALLOW_WEAK_SANDBOX", default=False)

LOG_FILE = text("LOG_FILE", default=str(VAR / "log" / "rollcall.log"))
LOGGING_CONFIG = "console.logs.configure"
LOGGING = {"file": LOG_FILE, "level": one_of("LOG_LEVEL", LOG_LEVELS, default="INFO")}
