"""What the answer to a person's bind means, by result, sub-code, control and words; none of them but proofs prove anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.ldap.sign_in.bind_outcomes import EXPIRED_CONTROL, POLICY_CONTROL, outcome
from directory.ldap.transport.bind_answer import BindAnswer
from directory.values.sign_in.directory_passwords import PasswordReason
from tests import ber
from tests.fake_ldap import element

REASON = PasswordReason


def policy(error: int, *, warning: bytes = b"") -> dict[str, bytes]:
    """Return the control of a password policy with this error (draft-behera-ldap-password-policy-11, 6.2)."""
    return {POLICY_CONTROL: element(0x30, warning + element(0x81, bytes([error])))}


def active_directory(data: str) -> str:
    return f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563\0"


EXPIRED = {EXPIRED_CONTROL: b"0"}
ANSWERS = [
    ("success", BindAnswer(0), REASON.RIGHT, True),
    (
        "success with days left",
        BindAnswer(0, controls=policy(9) | {"2.16.840.1.113730.3.4.5": b"86400"}),
        REASON.RIGHT,
        True,
    ),
    ("success of nobody", BindAnswer(0, anonymous=True), REASON.ANONYMOUS, False),
    (
        "success, to be changed",
        BindAnswer(0, controls=policy(2, warning=b"\xa0\x03\x80\x01\x05")),
        REASON.MUST_CHANGE,
        True,
    ),
    ("success, to be changed, of old", BindAnswer(0, controls=EXPIRED), REASON.MUST_CHANGE, True),
    ("success, but locked", BindAnswer(0, controls=policy(1)), REASON.LOCKED, False),
    ("49", BindAnswer(49), REASON.WRONG, False),
    ("49, locked", BindAnswer(49, controls=policy(1)), REASON.LOCKED, False),
    ("49, expired", BindAnswer(49, controls=policy(0)), REASON.EXPIRED, True),
    ("49, expired, of old", BindAnswer(49, controls=EXPIRED), REASON.EXPIRED, True),
    ("49, by words", BindAnswer(49, "password expired!"), REASON.EXPIRED, False),
    ("49, with a broken control", BindAnswer(49, controls={POLICY_CONTROL: b"\x30\x80"}), REASON.WRONG, False),
    ("53, inactivated", BindAnswer(53, "Account inactivated. Contact…", controls=policy(1)), REASON.DISABLED, False),
    ("19", BindAnswer(19, "Exceed password retry limit. Please try later."), REASON.LOCKED, False),
    ("32", BindAnswer(32), REASON.WRONG, False),
    ("50", BindAnswer(50), REASON.NOT_ALLOWED, False),
    *((f"{code}", BindAnswer(code), REASON.NOT_CHECKED, False) for code in (1, 2, 3, 7, 8, 10, 11, 13, 51, 52, 80)),
    *(
        (data, BindAnswer(49, active_directory(data)), reason, reason in {REASON.EXPIRED, REASON.MUST_CHANGE})
        for data, reason in (
            ("525", REASON.WRONG),
            ("52e", REASON.WRONG),
            ("530", REASON.NOT_NOW),
            ("531", REASON.NOT_HERE),
            ("532", REASON.EXPIRED),
            ("533", REASON.DISABLED),
            ("701", REASON.ACCOUNT_EXPIRED),
            ("773", REASON.MUST_CHANGE),
            ("775", REASON.LOCKED),
            ("999", REASON.WRONG),
        )
    ),
]


@pytest.mark.parametrize(
    ("answer", "reason", "proven"), [each[1:] for each in ANSWERS], ids=[each[0] for each in ANSWERS]
)
def test_an_answer_means(answer: BindAnswer, reason: PasswordReason, proven: bool) -> None:
    check = outcome(answer)

    assert (check.reason, check.proven) == (reason, proven)
    assert check.accepted == (reason is REASON.RIGHT)
    assert check.accepted or check.advice or reason is REASON.NOT_CHECKED


@given(
    st.integers(1, 200),
    st.text(max_size=60),
    st.dictionaries(st.sampled_from([POLICY_CONTROL, EXPIRED_CONTROL]), ber.hostile(st.just(b"\x30\x03\x81\x01\x00"))),
)
def test_no_answer_but_success_lets_anybody_in(code: int, words: str, controls: dict[str, bytes]) -> None:
    assert not outcome(BindAnswer(code, words, words, controls)).accepted


@given(ber.hostile(st.just(b"\x30\x03\x81\x01\x02")))
def test_any_control_beside_success_is_read_or_left_aside(value: bytes) -> None:
    assert outcome(BindAnswer(0, controls={POLICY_CONTROL: value})).reason in {
        REASON.RIGHT,
        REASON.EXPIRED,
        REASON.LOCKED,
        REASON.MUST_CHANGE,
    }
