"""The WSGI entry for web servers."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

from console.process.startup_checks import load_settings, sentences

# The time limit for a statement of a page.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "20")
load_settings()

with sentences():
    application = get_wsgi_application()

# Exclude everything loaded so far from garbage collection: it would stop every page for a tenth of a second now and
# then, and each worker process would copy it.
gc.collect()
gc.freeze()
