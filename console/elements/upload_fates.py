"""The fates of rows of an upload as icon and word: before the users are created, and afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from directory.provisioning.upload_rows import Fate

FATE_WORDS: Mapping[Fate, Badge] = {
    Fate.CREATED: Badge(_("Will be created"), "user-plus", "good"),
    Fate.WARNED: Badge(_("Will be created, with a warning"), "triangle-alert", "warn"),
    Fate.REFUSED: Badge(_("Refused"), "ban", "bad"),
    Fate.INACTIVE: Badge(_("Inactive by script"), "circle-off", "quiet"),
    Fate.THERE: Badge(_("Already there"), "user-check", "quiet"),
    Fate.LEFT_OUT: Badge(_("Left out"), "minus", "quiet"),
}
DONE_WORDS: Mapping[Fate, Badge] = {
    **FATE_WORDS,
    Fate.CREATED: Badge(_("Created"), "user-plus", "good"),
    Fate.WARNED: Badge(_("Created, with a warning"), "triangle-alert", "warn"),
}
