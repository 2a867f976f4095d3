"""Says what became of archives when a user or a device came back into use."""

from __future__ import annotations

from django.utils.translation import gettext as _

from orgs.actions.archives import Restored


def restored_in_words(sentence: str, restored: Restored) -> str:
    """Return the sentence about the act, and what became of the archives."""
    words = _("Archives out of cold storage: %(archives)d. Archives that have expired and are lost: %(lost)d.")
    return f"{sentence} {words % {'archives': restored.archives, 'lost': restored.lost}}"
