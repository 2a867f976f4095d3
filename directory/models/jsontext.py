"""A field for JSON that is stored as text: no query looks inside, so the database need not parse and format it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models

# Letters of all languages unescaped, so that text searches find them.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_text(value: object) -> str:
    """Return a value in its stored form, for code that writes rows without the ORM."""
    return _ENCODER.encode(value)


if TYPE_CHECKING:
    # For the type checker: it takes and gives the same types as a JSONField.
    _Text = models.JSONField
else:
    _Text = models.TextField


class JsonTextField(_Text):
    """Lists and objects, stored as JSON text; a ``str`` value is taken as this text, or as a part to search for."""

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """Parse the stored text."""
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """Return a value; parse it if it is text, as from a dump."""
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return a value as text."""
        return value if value is None or isinstance(value, str) else as_text(value)

    def value_to_string(self, obj: models.Model) -> str:
        """Return an object's value in the form for dumps."""
        return as_text(self.value_from_object(obj))
