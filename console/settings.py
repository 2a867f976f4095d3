"""Rollcall's settings; those that vary between installations come from the environment."""

from __future__ import annotations

import socket
import sys
from typing import Any

from csp.constants import NONCE, NONE, SELF

from console.process import store_address
from console.process.data_folder import (
    BASE_DIR,
    broker_url,
    data_dir,
    database,
    folder,
    secret_key,
    separate_folders,
)
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
# The folders with archives: live ones, which devices reach, and those in cold storage, also on another file system.
ARCHIVES = folder("ARCHIVES", default=VAR / "archives")
COLD_STORAGE = folder("COLD_STORAGE", default=VAR / "cold storage")
separate_folders({"ARCHIVES": ARCHIVES, "COLD_STORAGE": COLD_STORAGE})
ALLOWED_HOSTS = hosts("ALLOWED_HOSTS", default=[*THIS_MACHINE, socket.gethostname().lower()])
DEBUG = debug(hosts("ALLOWED_HOSTS", default=[*THIS_MACHINE]), https=flag("HTTPS", default=False))
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "console",  # comes first, as its command createsuperuser replaces Django's
    "django.contrib.admin.apps.SimpleAdminConfig",  # console.urls has the site of the data fixes
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
    # Second factors. Its model needs the app of accounts, of which nothing else is used; none of its pages has an address.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "orgs",
    "directory",
]

MIDDLEWARE = [
    "console.health.HealthMiddleware",
    # Middleware for headers of all responses comes first, so that static files and errors have these headers too.
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
    "console.security.second_factors.required_by_role.SecondFactorRequiredMiddleware",
    # Keeps the request for allauth's second factors.
    "allauth.account.middleware.AccountMiddleware",
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
            # Replaces the tags of the package.
            "libraries": {"lucide": "console.elements.icons"},
        },
    }
]

# SQLite: WAL alone makes "database is locked" more frequent; IMMEDIATE transactions that wait prevent it. FULL: data
# of a finished transaction are on the disk, even after a power failure.
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
    # PostgreSQL: waiting for a lock has a limit, and a worker that was stopped in a transaction loses its locks. The
    # statements of pages have a limit too (console.wsgi), those of runs have none. DATABASE_URL may set other options.
    POSTGRESQL_TIMEOUTS = {
        "lock_timeout": 10,
        "idle_in_transaction_session_timeout": 30,
        "statement_timeout": STATEMENT_SECONDS,
    }
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault(
        "options", " ".join(f"-c {name}={seconds}s" for name, seconds in POSTGRESQL_TIMEOUTS.items())
    )
    # Shows in pg_stat_activity which process holds a connection or a lock.
    DATABASES["default"]["OPTIONS"].setdefault("application_name", process_name(sys.argv)[:63])
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# No cache: web processes share data in tables, and nothing is pickled.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "orgs.User"
# The check wants unique usernames. They are: by their folded key (username_key), in any letter case.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
# Local passwords come first: administrators who have one get in while no directory answers.
AUTHENTICATION_BACKENDS = [
    "console.security.access.LocalBackend",
    "console.security.directory_backend.DirectoryBackend",
]
# How many wrong passwords of one user a directory may get from Rollcall, and within which time: fewer than lock an account.
SIGN_IN_BINDS = number("SIGN_IN_BINDS", default=5, least=1, most=1000)
SIGN_IN_BIND_MINUTES = number("SIGN_IN_BIND_MINUTES", default=30, least=1, most=60 * 24)
# The least time of a sign-in that no directory accepts, so that fast directories do not show by it what was wrong.
REFUSED_SIGN_IN_SECONDS = 0.4
# Scrypt costs memory as well as time. Older hashes (PBKDF2) still work, and are replaced at the next sign-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Second factors, by allauth. We throttle codes, and refuse a code that was used, ourselves: allauth does both in the cache.
MFA_ADAPTER = "console.security.second_factors.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# A code also counts half a minute earlier and later, as clocks differ.
MFA_TOTP_TOLERANCE = 1
# Passkeys are a second factor only, so the browser need not ask for finger or PIN beside the password.
MFA_WEBAUTHN_USER_VERIFICATION = "preferred"
# allauth's accounts are not used; these values say so to its checks, and make no table or mail.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
LOGIN_URL = "session:sign-in"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "session:sign-in"

# One language until a second one is complete: else translations of libraries would be mixed with our English.
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

# One policy for all pages; Tabler has marks of form fields as data: images.
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
# No HSTS of subdomains, no preload lists: Rollcall cannot know whether all names of the domain use HTTPS.
SILENCED_SYSTEM_CHECKS += ["security.W005", "security.W021"]
BEHIND_PROXY = flag("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# A browser accepts a cookie with this prefix only over HTTPS, and only from this host.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}session", f"{COOKIE_PREFIX}csrf"
SESSION_ENGINE = "console.security.session_store"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The limits of a session: since the sign-in, and since the last request that the user made.
SESSION_COOKIE_AGE = 3600 * number("SESSION_HOURS", default=12, least=1, most=24 * 365)
SESSION_IDLE_SECONDS = 60 * number("SESSION_IDLE_MINUTES", default=30, least=1, most=60 * 24 * 365)
# A dangerous page asks for the password again if it was entered longer ago than this.
CONFIRMED_SECONDS = 600
DEFAULT_EXCEPTION_REPORTER_FILTER = "console.security.error_reports.WithoutValues"
CSRF_FAILURE_VIEW = "console.views.session.sign_in.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Uploaded files stay in memory, up to a maximum size, so that no request fills the disk.
FILE_UPLOAD_HANDLERS = ["console.http.upload_size_limit.LimitedUploadHandler"]
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
# The address to which devices back up; they get it when they register.
STORE_PORT = port("STORE_PORT", default=8010)
STORE_BEHIND_NGINX = flag("STORE_BEHIND_NGINX", default=False)  # it sends the files of archives (docs/nginx.md)
STORE_ADDRESS = web_address("STORE_ADDRESS", default=store_address.beside(CONSOLE_ADDRESS, STORE_PORT))

REDIS_URL = broker_url(VAR)
CELERY_APP = "console.celery.app"

# Fernet keys, comma-separated. To rotate, put the new key first and keep the older ones: they still decrypt.
ENCRYPTION_KEYS = encryption_keys("ENCRYPTION_KEYS")
# LDAP servers on other ports, or on this machine, only if the operator allows it.
LDAP_PORTS = ports("LDAP_PORTS", default=(389, 636, 3268, 3269))
LDAP_LOOPBACK = flag("LDAP_LOOPBACK", default=False)
# Whether a reader process waits for the next run after its own one has ended.
LDAP_READERS_WAIT = False
# Seconds until another worker may take over a run whose worker does not renew the lease. Celery kills no task.
RUN_LEASE_SECONDS = number("RUN_LEASE_SECONDS", default=30, least=2, most=3600)

# Days until rows are removed; 0 keeps them for ever. The audit trail is kept at least as long as the runs.
KEEP_RUNS_DAYS = number("KEEP_RUNS_DAYS", default=365, most=36_500)
KEEP_AUDIT_DAYS = number("KEEP_AUDIT_DAYS", default=3650, most=36_500)
KEEP_MAILS_DAYS = number("KEEP_MAILS_DAYS", default=90, most=36_500)
KEEP_ALERTS_DAYS = number("KEEP_ALERTS_DAYS", default=180, most=36_500)
KEEP_EXPORTS_DAYS = number("KEEP_EXPORTS_DAYS", default=14, least=1, most=365)
KEEP_REPORTS_DAYS = number("KEEP_REPORTS_DAYS", default=365, most=36_500)

# After so many days without a backup a device is named in an alert and a mail; 0 is never.
NO_BACKUP_DAYS = number("NO_BACKUP_DAYS", default=7, most=3650)

# The hours between which archives are checked, and their old snapshots removed.
MAINTENANCE_FROM_HOUR = number("MAINTENANCE_FROM_HOUR", default=20, most=23)
MAINTENANCE_TO_HOUR = number("MAINTENANCE_TO_HOUR", default=6, most=23)

# Scripts run only on a system with every layer of the sandbox, unless the operator allows less.
ALLOW_WEAK_SANDBOX = flag("ALLOW_WEAK_SANDBOX", default=False)

LOG_FILE = text("LOG_FILE", default=str(VAR / "log" / "rollcall.log"))
LOGGING_CONFIG = "console.logs.configure"
LOGGING = {"file": LOG_FILE, "level": one_of("LOG_LEVEL", LOG_LEVELS, default="INFO")}
