"""Settings for tests: the real ones, on a data folder that is gone afterwards."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="rollcall-tests-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# Processes that a test starts find the same folder.
os.environ["ROLLCALL_VAR"] = str(FOLDER)
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop running beside the tests.

from console.settings import *  # noqa: E402, F403  # the folder has to be named first
from console.settings import DATABASES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# Nothing listens there: a test that needs Redis asks for one of its own, and tells the processes that it starts.
REDIS_URL = os.environ.get("TESTS_REDIS_URL", "redis://127.0.0.1:1/0")

# Directories of tests are on this machine, at whatever port is free.
LDAP_LOOPBACK = True
LDAP_PORTS = frozenset(range(1, 65536))
# Each takes a fifth of a second to start, and tests carry out thousands of runs.
LDAP_READERS_WAIT = True
# A refused sign-in need not last; the tests of its time set this as it is in earnest.
REFUSED_SIGN_IN_SECONDS = 0

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file as in earnest: threads and processes of a test see the same data, and wait for each other as they would.
    DATABASES["default"]["TEST"] = {"NAME": str(FOLDER / "tests.sqlite3")}
    # Nothing here has to survive a power cut.
    DATABASES["default"]["OPTIONS"] |= {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
