"""Stores a folded key beside each name, and updates it when the name changes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from orgs.text import fold


class Keyed(models.Model):
    """A model with a name and its folded key; two spellings of one name have the same key."""

    NAME: ClassVar[str] = "name"

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Fold the name again; an update of the name alone writes the key too."""
        key = f"{self.NAME}_key"
        setattr(self, key, fold(getattr(self, self.NAME)))
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, key}
        super().save(*args, **kwargs)
