"""Marks the folders in which archives are stored."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orgs.backups import root_marks
from orgs.backups.storage_roots import missing_archives, storage_roots
from orgs.text import counted


class Command(BaseCommand):
    """``preparestorage [--without-archives]``."""

    help = (
        "Makes ARCHIVES and COLD_STORAGE, and puts a mark into each: a folder without it is taken for the place of a disk "
        "that is not mounted. Run it once for each new disk. Folders in ROLLCALL_VAR are marked by themselves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for a disk whose archives are lost."""
        parser.add_argument(
            "--without-archives",
            action="store_true",
            help="mark a folder even if none of the archives that have to be in it is there",
        )

    def handle(self, *_args: Any, without_archives: bool, **_options: Any) -> None:
        """Mark both folders.

        Raises:
            CommandError: when archives have to be in a folder and none is there, or when it can't be written to.
        """
        roots = storage_roots()
        for root in roots.both:
            if root.is_there():
                self.stdout.write(f"{root.path} has its mark already")
                continue
            if (missing := missing_archives(roots, root)) and not without_archives:
                raise CommandError(
                    f"{counted(missing, 'archive has', 'archives have')} to be in {root.path}, and none is there: mount its disk. "
                    "If they are lost, add --without-archives."
                )
            try:
                root_marks.mark(root)
            except OSError as error:
                raise CommandError(f"{root.path}: {error.strerror or error}") from error
            self.stdout.write(f"{root.path} is marked")
