"""The rows of a page that asks first: what an act would change, how many it concerns, and the effect in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Effect:
    """One kind of change that an act would make, for ``components/effects.html``.

    ``what`` is a verb, or the name of a thing, and ``icon`` its lucide icon. ``tone`` is out (it cuts people off), wait,
    back or plain. ``count`` is how many are concerned. ``text`` says the effect in one sentence, and ``under`` adds what is
    of second importance.
    """

    what: str | Promise
    count: int
    text: str | Promise
    icon: str = "circle"
    tone: str = "plain"
    under: str | Promise = ""


def concerning(effects: Iterable[Effect]) -> list[Effect]:
    """Return the effects that concern anything: their count is not 0."""
    return [effect for effect in effects if effect.count]
