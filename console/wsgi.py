"""The entry for web servers."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

from console.process.start import load_settings, sentences

# No page may keep a database busy for longer.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "20")
load_settings()

with sentences():
    application = get_wsgi_application()

# All that is loaded by now stays for good: looking through it for garbage would stop every page for a tenth of a second
# now and then, and would make each worker process copy it.
gc.collect()
gc.freeze()
