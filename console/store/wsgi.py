"""The WSGI entry of the store."""

from __future__ import annotations

import os

import django

from console.process.startup_checks import load_settings, sentences

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.store.settings")
# The time limit for a statement: the gate takes a millisecond.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "20")
load_settings()

with sentences():
    django.setup()

    from console.store.restic_protocol import application

__all__ = ["application"]
