"""Makes the names of files in a zip: no path leads out of the folder in which it is unpacked, and none comes twice. Pure."""

from __future__ import annotations

import re

# What systems read as a separator, a drive, a wildcard or the end of a line.
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f\u0085\u2028\u2029]')
# In front of an extension.
_EXTENSION = re.compile(r"(\.[^./]{1,16})?$")


class ZipNames:
    """The names that a zip has by now."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        # The last number of a name that came more than once: who searches from 2 on searches for hours in a hostile folder.
        self._numbers: dict[str, int] = {}

    def name_for(self, path: str) -> str:
        """Return the name for a path, whose bytes that are no UTF-8 are surrogates (``surrogateescape``)."""
        readable = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        parts = [_UNSAFE.sub("_", part).rstrip(" ") for part in readable.split("/")]
        name = "/".join("_" if part in {".", ".."} else part for part in parts if part) or "_"
        # Names that differ in the letter case only are one name on some systems.
        number, free = self._numbers.get(name.lower(), 1), name
        while free.lower() in self._taken:
            number += 1
            stem, extension = _EXTENSION.split(name, maxsplit=1)[:2]
            free = f"{stem} ({number}){extension or ''}"
        self._numbers[name.lower()] = number
        self._taken.add(free.lower())
        return free
