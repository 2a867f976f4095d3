"""The common part of pages that ask before an act on a user: find the user, ask with the effects, carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from console.elements.effects import Effect
from console.http.page_requests import render_page
from console.presenters.users.user_acts import UserAct, kind_of, offered
from console.security.access import ConsoleRequest
from console.views.acts import carry_out
from orgs.models import User
from orgs.models.users import UserQuerySet


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks: the words of title and button, the effects, and what follows if it is confirmed.

    ``action`` is called with actor and time. ``done`` makes the sentence that is shown afterwards. ``undo`` says how to
    go back. ``context`` has further values for the template.
    """

    title: str | Promise
    button: str | Promise
    effects: list[Effect]
    action: Callable[..., Any]
    done: Callable[[Any], str]
    undo: str | Promise = ""
    template: str = "users/ask.html"
    context: Mapping[str, Any] = field(default_factory=dict)


def managed_user(request: ConsoleRequest, pk: int) -> User:
    """Return a user whom the viewer may see and change; for all others the page is not there."""
    users: UserQuerySet = User.objects.visible_to(request.user).managed_by(request.user)
    found: User = get_object_or_404(users.with_hold().select_related("org"), pk=pk)
    return found


def only(user: User) -> UserQuerySet:
    """Return the query of this one user, whose effects are counted as those of many."""
    found: UserQuerySet = User.objects.filter(pk=user.pk)
    return found


def ask(request: ConsoleRequest, user: User, act: UserAct, question: Callable[[], Question]) -> HttpResponse:
    """Show the effects of the act and ask; carry it out when that is confirmed (POST).

    An act that does not fit the user's state, or that the viewer may not do, is not carried out, and the page says why.
    """
    offer = offered(act, user, request.user)
    back = reverse("users:detail", args=[user.pk])
    if offer is None or offer.refusal:
        refusal = offer.refusal if offer else _("This does not fit the state that the user is in by now.")
        return _refused(request, user, act, refusal, back)
    confirmation = question()
    if request.method == "POST":
        return carry_out(request, confirmation.action, done=confirmation.done, back=back)
    context = {"subject": user, "question": confirmation, "kind": offer.kind, "refusal": "", **confirmation.context}
    return render_page(request, confirmation.template, context)


def _refused(request: ConsoleRequest, user: User, act: UserAct, refusal: str, back: str) -> HttpResponse:
    if request.method == "POST":
        messages.error(request, refusal)
        return HttpResponseRedirect(back)
    context = {"subject": user, "question": None, "kind": kind_of(act), "refusal": refusal}
    return render_page(request, "users/ask.html", context)
