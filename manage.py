#!/usr/bin/env python3
"""Run Rollcall's management commands."""

import os
import sys

from django.core.management import execute_from_command_line

from console.process.startup_checks import sentences

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    with sentences():
        execute_from_command_line(sys.argv)
