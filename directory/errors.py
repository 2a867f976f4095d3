"""What an action raises when what was given can't be saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orgs.actions.errors import Refused

__all__ = ["Invalid", "Refused"]


class Invalid(Exception):
    """Values are wrong; ``errors`` holds by field what is wrong and what to do. Nothing was saved."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        """Keep the messages by field."""
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = dict(errors)


class Unanswered(Invalid):
    """Nothing was saved: the question of this name has to be answered first; ``sentences`` explain it."""

    def __init__(self, question: str, sentences: Sequence[str]) -> None:
        super().__init__({question: " ".join(sentences)})
        self.question, self.sentences = question, list(sentences)
