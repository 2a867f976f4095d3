"""Checks whether a search filter is well formed (RFC 4515), also while it is typed."""

from __future__ import annotations

import re

DEEPEST = 50
LONGEST = 20_000
DESCRIPTION = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*"
RULE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)"
# attribute = ..., attribute:dn:rule:=..., :dn:rule:=...
LEFT_SIDE = re.compile(rf"(?:{DESCRIPTION}(?:[~<>]?=|(?::dn)?(?::{RULE})?:=)|(?::dn)?:{RULE}:=)", re.IGNORECASE)
SPACE = re.compile(r"[ \t\r\n]*")
VALUE = re.compile(r"(?:[^\\()\x00]|\\[0-9A-Fa-f]{2})*")


class _Mistake(Exception):
    def __init__(self, position: int, message: str) -> None:
        super().__init__(f"Position {position + 1}: {message}")


def check_filter(text: str) -> str | None:
    """Return what is wrong with a filter and where, or None; spaces between its parts are allowed."""
    if not text.strip():
        return "The filter is empty; (objectClass=person) finds people"
    if len(text) > LONGEST:
        return f"The filter is longer than {LONGEST} characters"
    try:
        text.encode()
        end = _skip(text, _filter(text, 0, 1))
        if end < len(text):
            raise _Mistake(end, "the filter ends before this; is there a parenthesis too many?")
    except _Mistake as mistake:
        return str(mistake)
    except UnicodeEncodeError as error:
        return f"Position {error.start + 1}: not a character"
    return None


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _filter(text: str, at: int, depth: int) -> int:
    """Return the position after the filter that begins here."""
    if depth > DEEPEST:
        raise _Mistake(at, f"more than {DEEPEST} filters inside each other")
    if text[at : at + 1] != "(":
        raise _Mistake(at, "an opening parenthesis is expected")
    inside = _skip(text, at + 1)
    sign = text[inside : inside + 1]
    if sign in {"&", "|"}:
        end = _list(text, inside + 1, depth)
    elif sign == "!":
        end = _filter(text, _skip(text, inside + 1), depth + 1)
    else:
        return _item(text, at + 1)
    end = _skip(text, end)
    if text[end : end + 1] != ")":
        raise _Mistake(end, "a closing parenthesis is expected")
    return end + 1


def _list(text: str, at: int, depth: int) -> int:
    at = _skip(text, at)
    while text[at : at + 1] == "(":
        at = _skip(text, _filter(text, at, depth + 1))
    return at


def _item(text: str, at: int) -> int:
    left = LEFT_SIDE.match(text, at)
    if not left:
        raise _Mistake(at, "an attribute and a comparison are expected, as in cn=value")
    right = VALUE.match(text, left.end())
    end = right.end() if right else left.end()
    if text[end : end + 1] == "\\":
        raise _Mistake(end, r"two hexadecimal digits have to follow a backslash; a backslash itself is \5c")
    if text[end : end + 1] == "(":
        raise _Mistake(end, r"a parenthesis in a value is written \28")
    if text[end : end + 1] != ")":
        raise _Mistake(end, "a closing parenthesis is expected")
    if (stars := text.find("**", left.end(), end)) >= 0:
        raise _Mistake(stars, "one asterisk says the same")
    if "*" in text[left.end() : end] and left[0][-2:] in {":=", "~=", ">=", "<="}:
        raise _Mistake(text.index("*", left.end()), r"this comparison knows no wildcards; an asterisk itself is \2a")
    return end + 1
