"""What can stop the move of an archive, in words; nothing is lost by any of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MoveStopped(Exception):
    """A move that can't go on now, with the reason and what to do; it goes on where it was when it is tried again."""


class FileDamaged(MoveStopped):
    """A file whose content is not what its name says."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is damaged: its content does not have the SHA-256 that is its name. The archive stays where it is, "
            "with all its files. Put a good copy of this file there, and the move goes on."
        )
        self.path = path


class FolderMissing(MoveStopped):
    """An archive that has no folder in any storage root."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is not there, nor is a folder of a move that had begun. Was it moved away by hand? If the archive is "
            "lost for good, make an empty folder of this name, and the move ends."
        )


class PurgeOnHold(MoveStopped):
    """An archive that was partly deleted when its user came on legal hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"a legal hold began while the archive was being deleted. What is left of it stays in {folder}; it is deleted "
            "once the hold is released."
        )


class UnexpectedFile(MoveStopped):
    """A file or link in the folder of an archive that is no part of a repository."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is no file of a repository: links and foreign files are not copied. Take it away from there."
        )
        self.path = path


class TwoFolders(MoveStopped):
    """An archive with two folders that may both be whole: nothing tells which one counts."""

    def __init__(self, one: Path, other: Path) -> None:
        super().__init__(f"{one} and {other} are both there. Take the wrong one away by hand; neither was changed.")


class RootMissing(MoveStopped):
    """A storage root that is not there."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"the storage folder {root} is not there, or has no mark of Rollcall. Is its disk mounted?")


def printable(error: Exception) -> str:
    """Return the text of an error as it can be stored: names of files need not be UTF-8."""
    return str(error).encode("utf-8", "backslashreplace").decode("utf-8")


class NoRoom(MoveStopped):
    """A disk that has no room for an archive, beside its reserve."""

    def __init__(self, folder: Path, *, wanted_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"{folder}: No space left on device (bytes to be copied: {wanted_bytes:,}; bytes that may still be stored there: "
            f"{max(free_bytes, 0):,}). Nothing was lost; make room, and the move goes on."
        )


@contextmanager
def in_words() -> Iterator[None]:
    """Turn an error of the operating system into the reason why a move stopped."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise MoveStopped(f"{where}{error.strerror or error}. Nothing was lost; the move is tried again.") from error
