"""Turns the engine's error into a sentence and a line that help the script's author."""

from __future__ import annotations

import re

from directory.values.script_returns import BROKEN

MESSAGE_LENGTH = 500

# Messages of the engine, each with a more helpful one.
HINTS = {
    "TypeError: not a function": (
        "TypeError: not a function (one value is text, several are an array, and an entry has no functions of its own)"
    )
}
_UNKNOWN_NAME = re.compile(r"ReferenceError: (\S+) is not defined")
_OF_NOTHING = re.compile(r"TypeError: cannot read property '(.*)' of undefined")
_NO_CONSOLE = (
    "ReferenceError: there is no console here: leave console.log out; to see a value while you try a script, "
    "write throw new Error(value)"
)


def explained(message: str, source: str, line: int | None, absent: str | None) -> tuple[str, int | None]:
    """Return a helpful message for a script's error, and its line in the source, counted from 1.

    ``absent`` is the last attribute that the script read and the entry lacks.
    """
    found = closest_line(source, line, message)
    if unknown := _UNKNOWN_NAME.fullmatch(message):
        if unknown[1] == "console":
            return _NO_CONSOLE, found
        return f"{message}: it is no variable of the script, and the entry has no attribute of this name", found
    if absent and found and (nothing := _OF_NOTHING.fullmatch(message)):
        # The message about a loop over undefined quotes no name from the source.
        near = _line_with(absent, source, found, re.IGNORECASE) if nothing[1] == "Symbol.iterator" else found
        if near and _line_with(absent, _statement(source, near), 1, re.IGNORECASE):
            return f"{message}: the entry has no attribute {absent}", near
    return HINTS.get(message, message), found


def _statement(source: str, line: int) -> str:
    """Return a line joined with the lines that it continues (such as ``.trim()`` on a line of its own)."""
    lines = source.split("\n")
    first = line
    while first > 1 and lines[first - 1].lstrip().startswith((".", "?.")):
        first -= 1
    return " ".join(lines[first - 1 : line])


def _line_with(word: str, source: str, start: int, flags: re.RegexFlag = re.NOFLAG) -> int | None:
    """Return the number of the first line from ``start`` on with this word."""
    whole = re.compile(rf"(?<![\w$]){re.escape(word)}(?![\w$])", flags)
    lines = enumerate(source.split("\n")[start - 1 :], start=start)
    return next((number for number, text in lines if whole.search(text)), None)


def clean(text: str) -> str:
    """Make a message safe to show and to log: one line, no control characters, not too long."""
    plain = BROKEN.sub("\ufffd", text.strip())
    return plain if len(plain) <= MESSAGE_LENGTH else plain[: MESSAGE_LENGTH - 1] + "…"


def closest_line(source: str, line: int | None, message: str) -> int | None:
    """Correct the line of an error.

    The engine's line can be some lines before the one that failed. When the message quotes a name, return the next line
    with this name.
    """
    lines = source.split("\n")
    if line is None or line < 1:
        return None
    quoted = re.search(r"property '([^']+)' of|^ReferenceError: (\S+) is not defined", message)
    if quoted and (number := _line_with(quoted[1] or quoted[2], source, line)):
        return number
    return min(line, len(lines))
