"""What stops a move is said in a sentence with the path, and with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orgs.backups.move_errors import FileDamaged, MoveStopped, TwoFolders, in_words

pytestmark = pytest.mark.once


def test_an_error_of_the_system_names_its_file_and_says_that_nothing_is_lost() -> None:
    with pytest.raises(MoveStopped) as stopped, in_words():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cold/file")
    assert str(stopped.value) == "/cold/file: No space left on device. Nothing was lost; the move is tried again."
    with pytest.raises(MoveStopped, match=r"^no words\. Nothing"), in_words():
        raise OSError("no words")


def test_other_errors_pass() -> None:
    with pytest.raises(FileDamaged, match="/live/x is damaged"), in_words():
        raise FileDamaged(Path("/live/x"))
    with pytest.raises(ZeroDivisionError), in_words():
        raise ZeroDivisionError


def test_two_folders_are_both_named() -> None:
    assert "/live/x and /cold/x are both there" in str(TwoFolders(Path("/live/x"), Path("/cold/x")))
