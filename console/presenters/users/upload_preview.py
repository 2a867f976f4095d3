"""Presents an upload: its rows by fate, counts that add up, and the rows to mend on this page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from console.elements.upload_fates import FATE_WORDS
from directory.provisioning.decision_values import NOT_IN_DIRECTORY
from directory.provisioning.upload_rows import Fate, UploadContent, UploadRow

# The form has so many rows at once; the next ones follow when these are saved.
MENDED_AT_ONCE = 25
ALL = "all"
# Rows that a form shows: refused ones can be mended, and so can warned ones.
_MENDED = (Fate.REFUSED, Fate.WARNED)


@dataclass(frozen=True, slots=True)
class Chip:
    """One quick filter: a fate with its count; ``value`` is for the address."""

    label: str
    icon: str
    value: str
    count: int
    current: bool


def shown_fate(text: str) -> Fate | None:
    """Return the fate that an address names; None for all rows."""
    return Fate(text) if text in set(Fate) else None


def fate_chips(fates: Sequence[Fate], shown: Fate | None, words: Mapping[Fate, Badge]) -> list[Chip]:
    """Return the quick filters: all rows, and each fate that any row has."""
    counts = Counter(fates)
    chips = [Chip(str(_("All rows")), "list", ALL, len(fates), shown is None)]
    return chips + [
        Chip(str(words[fate].text), words[fate].icon, str(fate), counts[fate], shown == fate)
        for fate in Fate
        if counts[fate] or shown == fate
    ]


class UploadPreview:
    """What the page of a preview shows; ``show`` and ``start`` are from its address.

    ``unsaved`` are the lines of rows that were sent and not saved: the form has these again, whatever the address says.
    """

    def __init__(self, content: UploadContent, show: str, start: str = "", unsaved: Collection[int] = ()) -> None:
        self.content = content
        self.fate = shown_fate(show)
        self.chips = fate_chips([each.fate for each in content.rows], self.fate, FATE_WORDS)
        self.shown = [each for each in content.rows if self.fate is None or each.fate == self.fate]
        counts = Counter(each.fate for each in content.rows)
        self.created = counts[Fate.CREATED] + counts[Fate.WARNED]
        self.warned, self.refused = counts[Fate.WARNED], counts[Fate.REFUSED]
        self.left_out = counts[Fate.LEFT_OUT]
        self.others = len(content.rows) - self.created - self.refused
        again = next((each for each in content.rows if each.row.line in unsaved and each.fate in _MENDED), None)
        fate = again.fate if again is not None else self.fate
        self.mended_fate = fate if fate in _MENDED else Fate.REFUSED if fate is None else None
        mended = [each for each in content.rows if each.fate == self.mended_fate]
        first = int(start) if start.isascii() and start.isdecimal() and len(start) < 9 else 0
        first = first if first < len(mended) else 0
        first = mended.index(again) if again is not None else first
        self.to_mend = [each for each in mended if each.row.line in unsaved] or mended[first : first + MENDED_AT_ONCE]
        self.waiting = len(mended) - len(self.to_mend)
        self.next_rows = first + MENDED_AT_ONCE if first + MENDED_AT_ONCE < len(mended) else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Return how the file was read, where something was guessed."""
        return self.content.notes

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what of the file was not read, and probably should have been."""
        return self.content.warnings

    @property
    def changed(self) -> list[UploadRow]:
        """Return the rows that have changed since they were last shown."""
        return [each for each in self.content.rows if each.changed]

    @property
    def unknown(self) -> int:
        """Return how many rows are refused because the directory has no such person."""
        return sum(
            problem.text == NOT_IN_DIRECTORY
            for each in self.content.rows
            if each.fate == Fate.REFUSED
            for problem in each.problems
        )

    @property
    def new_orgs(self) -> list[str]:
        """Return the names of orgs that the scripts name and that would be made."""
        return [name for decision in self.content.created for name in decision.makes]
