"""Lines that are kept as text: a search reads it as it is, where JSON would be put together again for every row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import models

# Letters of all languages as they are: so they can be looked for.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_text(lines: Sequence[str]) -> str:
    """Return lines as they are kept, for who writes rows past the ORM."""
    return _ENCODER.encode(lines)


if TYPE_CHECKING:
    _Text = models.TextField[Sequence[str], list[str]]
else:
    _Text = models.TextField


class LinesField(_Text):
    """A list of lines, in the database as the text of a JSON array."""

    def from_db_value(self, value: str | None, *_: Any) -> list[str] | None:
        """Take the lines apart."""
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """Return lines also where they come as text: out of a dump."""
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return lines as text; text is a part of them that is looked for."""
        return as_text(value) if isinstance(value, list | tuple) else value

    def value_to_string(self, obj: models.Model) -> str:
        """Return the lines of an object as a dump has them."""
        return as_text(self.value_from_object(obj))
