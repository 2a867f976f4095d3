"""Which passwords may be sent at all, and what follows from a directory's reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.values.sign_in.directory_passwords import (
    MOST_CHARACTERS,
    PasswordCheck,
    PasswordReason,
    PersonToFind,
    can_be_sent,
)


@pytest.mark.parametrize(
    "password",
    ["", " ", "\t\n", "\0", "secret\0", "\0secret", "\u00a0", "\u3000", "\u200b", "\u00ad", "\u034f", "\ufe0f", "\x07", "\udc80x",
     "x" * (MOST_CHARACTERS + 1)],
)  # fmt: skip
def test_what_could_be_taken_for_no_password_is_not_sent(password: str) -> None:
    assert not can_be_sent(password)


@pytest.mark.parametrize(
    "password", ["x", " x ", "correct horse", "pässwörd", "密码", "🔑", "\u200bx", "x" * MOST_CHARACTERS]
)
def test_a_password_is_sent(password: str) -> None:
    assert can_be_sent(password)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
def test_what_is_sent_has_octets_that_are_no_spaces(password: str) -> None:
    assert not can_be_sent(password) or password.strip().encode()


@pytest.mark.parametrize("reason", PasswordReason)
def test_only_the_right_password_lets_in(reason: PasswordReason) -> None:
    check = PasswordCheck(reason, proven=True)

    assert check.accepted == (reason is PasswordReason.RIGHT)
    assert not (check.accepted and check.leaves_it_open)
    assert check.wants_a_new_password == (reason in {PasswordReason.EXPIRED, PasswordReason.MUST_CHANGE})
    assert not PasswordCheck(reason).wants_a_new_password


def test_a_companys_own_number_counts_on_its_server_only() -> None:
    known = frozenset({("6f1c9a52", 0), ("employeenumber: 7", 3), ("employeenumber: 8", 4)})

    assert PersonToFind("ann", 3, known).ids_here == ("6f1c9a52", "employeenumber: 7")
    assert PersonToFind("ann").ids_here == ()
