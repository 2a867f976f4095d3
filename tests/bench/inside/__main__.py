"""Runs one module of this package as a process of a console: ``python -m tests.bench.inside MODULE ARGUMENTS``."""

from __future__ import annotations

import importlib
import json
import sys

import django

if __name__ == "__main__":
    django.setup()
    module = importlib.import_module(f"tests.bench.inside.{sys.argv[1]}")
    print(json.dumps(module.main(*sys.argv[2:])))
