"""The exceptions of actions that can't save the given values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orgs.actions.errors import Refused

__all__ = ["Invalid", "Refused"]


class Invalid(Exception):
    """Values are wrong, and nothing was saved; ``errors`` has a message by field: what is wrong and what to do."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        """Keep the messages by field."""
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = dict(errors)


class Unanswered(Invalid):
    """Nothing was saved: a person has to answer this question first; ``sentences`` explain it."""

    def __init__(self, question: str, sentences: Sequence[str]) -> None:
        super().__init__({question: " ".join(sentences)})
        self.question, self.sentences = question, list(sentences)
