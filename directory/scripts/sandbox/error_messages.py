"""Turns the engine's words about a script into a sentence and a line that help whoever wrote it."""

from __future__ import annotations

import re

from directory.values.script_results import BROKEN

MESSAGE_LENGTH = 500

# The engine's own words, and what helps whoever reads them.
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
    """Return a script's error with what helps to mend it, and its line in the source, counted from 1.

    ``absent`` is the attribute that the script last looked at though the entry has not got it.
    """
    found = closest_line(source, line, message)
    if unknown := _UNKNOWN_NAME.fullmatch(message):
        if unknown[1] == "console":
            return _NO_CONSOLE, found
        return f"{message}: it is no variable of the script, and the entry has no attribute of this name", found
    if absent and found and (nothing := _OF_NOTHING.fullmatch(message)):
        # A loop over nothing quotes no name of the source.
        near = _line_with(absent, source, found, re.IGNORECASE) if nothing[1] == "Symbol.iterator" else found
        if near and _line_with(absent, _statement(source, near), 1, re.IGNORECASE):
            return f"{message}: the entry has no attribute {absent}", near
    return HINTS.get(message, message), found


def _statement(source: str, line: int) -> str:
    """Return a line, with those before it that it goes on from (``.trim()`` on a line of its own), as one."""
    lines = source.split("\n")
    first = line
    while first > 1 and lines[first - 1].lstrip().startswith((".", "?.")):
        first -= 1
    return " ".join(lines[first - 1 : line])


def _line_with(word: str, source: str, start: int, flags: re.RegexFlag = re.NOFLAG) -> int | None:
    """Return the first line from ``start`` on that has a word."""
    whole = re.compile(rf"(?<![\w$]){re.escape(word)}(?![\w$])", flags)
    lines = enumerate(source.split("\n")[start - 1 :], start=start)
    return next((number for number, text in lines if whole.search(text)), None)


def clean(text: str) -> str:
    """Make a message safe to show and to log: one line, no control characters, not too long."""
    plain = BROKEN.sub("\ufffd", text.strip())
    return plain if len(plain) <= MESSAGE_LENGTH else plain[: MESSAGE_LENGTH - 1] + "…"


def closest_line(source: str, line: int | None, message: str) -> int | None:
    """Correct the line of an error.

    The engine names the last place that it noted, which can be lines before the one that failed; when the message
    quotes a name, the next line that has it is meant.
    """
    lines = source.split("\n")
    if line is None or line < 1:
        return None
    quoted = re.search(r"property '([^']+)' of|^ReferenceError: (\S+) is not defined", message)
    if quoted and (number := _line_with(quoted[1] or quoted[2], source, line)):
        return number
    return min(line, len(lines))
