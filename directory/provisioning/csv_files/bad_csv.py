"""The exception for a CSV file that can't be used."""

from __future__ import annotations


class BadCsv(Exception):
    """The file can't be used; ``problems`` have line, column and what to do; the message has the first of them."""

    def __init__(self, *problems: str, more: bool = False) -> None:
        self.problems = (*problems, f"only the first {len(problems)} are named here") if more else problems
        shown = "; ".join(problems[:5])
        hidden = len(problems) - 5
        rest = (
            f"; and {hidden}{' or more' if more else ''} {'other problem' if hidden == 1 and not more else 'other problems'}"
            if hidden > 0
            else ""
        )
        super().__init__(f"{shown}{rest}")
