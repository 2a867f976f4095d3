"""JSON that is kept as text: nobody asks a database what is in it, which would take it apart and put it together again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models

# Letters of all languages as they are: so they can be looked for.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_text(value: object) -> str:
    """Return a value as it is kept, for who writes rows past the ORM."""
    return _ENCODER.encode(value)


if TYPE_CHECKING:
    # It takes and gives what those fields do.
    _Text = models.JSONField
else:
    _Text = models.TextField


class JsonTextField(_Text):
    """Lists and objects, in the database as the text of their JSON; text stands for that, or for a part that is looked for."""

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """Take the text apart."""
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """Return a value also where it comes as text: out of a dump."""
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return a value as text."""
        return value if value is None or isinstance(value, str) else as_text(value)

    def value_to_string(self, obj: models.Model) -> str:
        """Return an object's value as a dump has it."""
        return as_text(self.value_from_object(obj))
