"""Carries out an act on holds, says by name what it did, and leads to all names where they are many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from console.presenters.legal_holds import outcomes
from console.presenters.legal_holds.named_effects import HoldPreview
from console.security.access import ConsoleRequest
from console.views.acts import carry_out
from orgs.models import Matter
from orgs.rules.actors import Actor


class _Act:
    """An action on one matter that keeps the moment of what it did."""

    def __init__(self, matter: Matter, action: Callable[..., Any], words: Callable[[Any], str]) -> None:
        self.matter, self.action, self.words = matter, action, words
        self.at: datetime | None = None

    def __call__(self, *, by: Actor, at: datetime) -> str:
        """Call the action, and return what it did in sentences."""
        result = self.action(matter=self.matter, by=by, at=at)
        self.at = outcomes.moment(self.matter, by=by, since=at)
        sentences = (self.words(result), outcomes.outcome(self.matter, at=self.at))
        return " ".join(filter(None, sentences)) or _("Nothing has changed.")


def carry_out_by_name(
    request: ConsoleRequest,
    matter: Matter,
    preview: HoldPreview,
    action: Callable[..., Any],
    *,
    words: Callable[[Any], str] = lambda _result: "",
    back: str = "",
) -> HttpResponseRedirect:
    """Call the action with the matter, unless the preview refuses it; go back, or to all names where they are many.

    ``words`` makes the first sentence from what the action returns.
    """
    back = back or reverse("legal_holds:detail", args=[matter.pk])
    if preview.refusals:
        messages.error(request, preview.refusals[0])
        return HttpResponseRedirect(back)
    act = _Act(matter, action, words)
    response = carry_out(request, act, done=str, back=back)
    if act.at is not None and outcomes.has_many(matter, at=act.at):
        return HttpResponseRedirect(outcomes.address_of_act(matter, at=act.at))
    return response
