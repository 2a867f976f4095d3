"""What the answer to a person's bind means: right, wrong, locked, expired, to be changed, disabled.

Sub-codes of Active Directory are in MS-ADTS, 3.1.1.5.1 and winerror.h; the control of password policies is in
draft-behera-ldap-password-policy-11, 6.2; those of 389 Directory Server are in draft-vchu-ldap-pwd-policy-00.
"""

from __future__ import annotations

from directory.ldap import error_advice
from directory.ldap.transport import ber
from directory.ldap.transport.ber import Malformed
from directory.ldap.transport.bind_answer import BindAnswer
from directory.values.sign_in.directory_passwords import PasswordCheck, PasswordReason

POLICY_CONTROL = "1.3.6.1.4.1.42.2.27.8.5.1"
EXPIRED_CONTROL = "2.16.840.1.113730.3.4.4"

SUCCESS, CONSTRAINT_VIOLATION, INVALID_CREDENTIALS, UNWILLING = 0, 19, 49, 53
# The server can't check a password now, or not over this connection: a time limit, no simple bind, encryption wanted,
# a referral (which is not followed: no other server gets the password), busy, not ready, an error of its own.
_NOT_CHECKED = frozenset({1, 2, 3, 7, 8, 10, 11, 13, 51, 52, 80})
# Active Directory returns all of these but 525, 52e and 775 only after the right password.
_BY_SUB_CODE = {
    "525": PasswordReason.WRONG,
    "52e": PasswordReason.WRONG,
    "52f": PasswordReason.NOT_ALLOWED,
    "530": PasswordReason.NOT_NOW,
    "531": PasswordReason.NOT_HERE,
    "532": PasswordReason.EXPIRED,
    "533": PasswordReason.DISABLED,
    "534": PasswordReason.NOT_ALLOWED,
    "568": PasswordReason.NOT_ALLOWED,
    "701": PasswordReason.ACCOUNT_EXPIRED,
    "773": PasswordReason.MUST_CHANGE,
    "775": PasswordReason.LOCKED,
}
# Errors of the control of password policies.
_BY_POLICY = {0: PasswordReason.EXPIRED, 1: PasswordReason.LOCKED, 2: PasswordReason.MUST_CHANGE}
_BY_WORDS = (
    ("password expired", PasswordReason.EXPIRED),
    ("exceed password retry limit", PasswordReason.LOCKED),
    ("account locked", PasswordReason.LOCKED),
    ("entry permanently locked", PasswordReason.LOCKED),
    ("account inactivated", PasswordReason.DISABLED),
    ("account disabled", PasswordReason.DISABLED),
)
_BY_CODE = {
    CONSTRAINT_VIOLATION: PasswordReason.LOCKED,
    48: PasswordReason.NOT_ALLOWED,
    50: PasswordReason.NOT_ALLOWED,
    UNWILLING: PasswordReason.NOT_ALLOWED,
}
# Only these show that the password is right: a server says them after it has compared it.
_PROVEN = frozenset({PasswordReason.RIGHT, PasswordReason.EXPIRED, PasswordReason.MUST_CHANGE})
_ADVICE = {
    PasswordReason.WRONG: "enter the password again; some servers answer the same for an account that is locked or disabled",
    PasswordReason.LOCKED: "too many wrong passwords were entered: unlock the account, or wait until the directory does",
    PasswordReason.EXPIRED: "set a new password in the directory",
    PasswordReason.MUST_CHANGE: "change the password in the directory, for instance by signing in to a computer",
    PasswordReason.DISABLED: "enable the account in the directory",
    PasswordReason.ACCOUNT_EXPIRED: "move the end of the account in the directory",
    PasswordReason.NOT_NOW: "change the account's logon hours in the directory",
    PasswordReason.NOT_HERE: "change the computers that the account may log on to in the directory",
    PasswordReason.NOT_ALLOWED: "give the account the right to sign in over LDAP",
    PasswordReason.ANONYMOUS: "have the server refuse binds without a password",
}


def outcome(answer: BindAnswer) -> PasswordCheck:
    """Return what the answer means, without the person's identity."""
    reason, proven = _reason(answer)
    if reason is PasswordReason.RIGHT:
        return PasswordCheck(reason, sentence="the server takes the password", proven=True)
    words = f"{reason}: {answer.shown}" if answer.shown else str(reason)
    advice = _ADVICE.get(reason, "") or error_advice.of_result(answer.code, answer.words)
    return PasswordCheck(reason, sentence=f"{words} (LDAP result {answer.code})", advice=advice, proven=proven)


def _reason(answer: BindAnswer) -> tuple[PasswordReason, bool]:
    """Return the reason, and whether it proves that the password is right."""
    if answer.code in _NOT_CHECKED:
        return PasswordReason.NOT_CHECKED, False
    lowered = answer.words.lower()
    by_words = next((reason for words, reason in _BY_WORDS if words in lowered), None)
    policy = _by_control(answer)
    if policy is PasswordReason.LOCKED and by_words is not None:
        # 389 Directory Server has the same control for an account that was locked and for one that was inactivated.
        return by_words, False
    if policy is not None and answer.code in {SUCCESS, INVALID_CREDENTIALS, UNWILLING}:
        return policy, policy in _PROVEN
    if answer.code == SUCCESS:
        return (PasswordReason.ANONYMOUS, False) if answer.anonymous else (PasswordReason.RIGHT, True)
    if reason := _BY_SUB_CODE.get(error_advice.sub_code(answer.words)):
        return reason, reason in _PROVEN
    # Words alone prove nothing: they differ from version to version.
    return by_words or _BY_CODE.get(answer.code, PasswordReason.WRONG), False


def _by_control(answer: BindAnswer) -> PasswordReason | None:
    if POLICY_CONTROL in answer.controls:
        try:
            error = ber.policy_error(answer.controls[POLICY_CONTROL])
        except Malformed:
            error = None
        if error in _BY_POLICY:
            return _BY_POLICY[error]
    if EXPIRED_CONTROL in answer.controls:
        # After success: only the password may be changed now.
        return PasswordReason.MUST_CHANGE if answer.code == SUCCESS else PasswordReason.EXPIRED
    return None
