"""Keeps the key by which names are compared in step with the name."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from orgs.text import fold


class Keyed(models.Model):
    """A model with a name, and beside it the folded name under which two spellings are the same."""

    NAME: ClassVar[str] = "name"

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Fold the name again; a partial update writes both."""
        key = f"{self.NAME}_key"
        setattr(self, key, fold(getattr(self, self.NAME)))
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, key}
        super().save(*args, **kwargs)
