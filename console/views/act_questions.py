"""The page that asks before an act on one thing: the same for users, devices and what else has acts of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from django.contrib import messages
from django.db.models import Model
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise

from console.elements.effects import Effect
from console.http.page_requests import render_page
from console.presenters.offered_acts import ActCatalogue
from console.security.access import ConsoleRequest
from console.views.acts import carry_out
from orgs.permissions import Permission

Subject = TypeVar("Subject", bound=Model)


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks: the words of title and button, the effects, and what follows if it is confirmed.

    ``action`` is called with actor and time. ``done`` makes the sentence that is shown afterwards. ``undo`` says how to
    go back. ``given`` has the hidden fields that repeat the choice. After an act that ``ends_subject`` the list is shown.
    """

    title: str | Promise
    button: str | Promise
    effects: list[Effect]
    action: Callable[..., Any]
    done: Callable[[Any], str]
    undo: str | Promise = ""
    given: list[tuple[str, int]] = field(default_factory=list)
    ends_subject: bool = False


@dataclass(frozen=True, slots=True)
class SubjectKind(Generic[Subject]):
    """A kind of thing that has acts, such as users: how its pages find, name and show it.

    ``key`` is its name in the words of acts (``%(user)s``), ``in_templates`` in templates, ``ids`` the
    argument of its actions (a list, or with ``one_at_a_time`` the id), ``area`` the namespace of its pages.
    ``find`` returns a subject that the viewer may change; for all others the page is not there. ``who`` is the template
    that shows which one it is, ``back`` the words of the way back, and ``changed`` why an act does not fit any more.
    """

    key: str
    ids: str
    in_templates: str
    area: str
    plural: Promise
    acts: ActCatalogue[Subject, Any]
    permission: Permission
    find: Callable[[ConsoleRequest, int], Subject]
    name: Callable[[Subject], str]
    who: str
    back: Promise
    changed: Promise
    one_at_a_time: bool = False

    def argument(self, subject: Subject) -> dict[str, Any]:
        """Return the argument by which an action gets the subject."""
        return {self.ids: subject.pk if self.one_at_a_time else [subject.pk]}

    def address(self, subject: Subject) -> str:
        """Return the address of the subject's own page."""
        return reverse(f"{self.area}:detail", args=[subject.pk])

    def why_not(self, request: ConsoleRequest, subject: Subject, act: StrEnum) -> str:
        """Return why the viewer can't do the act now; empty if they can."""
        offer = self.acts.offer(act, subject, request.user)
        return offer.refusal if offer else str(self.changed)

    def ask(
        self, request: ConsoleRequest, subject: Subject, act: StrEnum, question: Callable[[], Question]
    ) -> HttpResponse:
        """Show the effects of the act and ask; carry it out when that is confirmed (POST).

        An act that does not fit the state, or that the viewer may not do, is not carried out, and the page says why.
        """
        if refusal := self.why_not(request, subject, act):
            return self.refuse(request, subject, act, refusal)
        confirmation = question()
        if request.method == "POST":
            own = self.address(subject)
            back = reverse(f"{self.area}:list") if confirmation.ends_subject else own
            return carry_out(request, confirmation.action, done=confirmation.done, back=back, refused=own)
        return self._page(request, subject, act, question=confirmation, refusal="")

    def refuse(self, request: ConsoleRequest, subject: Subject, act: StrEnum, refusal: str) -> HttpResponse:
        """Say why the act can't be done."""
        if request.method == "POST":
            messages.error(request, refusal)
            return HttpResponseRedirect(self.address(subject))
        return self._page(request, subject, act, question=None, refusal=refusal)

    def _page(self, request: ConsoleRequest, subject: Subject, act: StrEnum, **values: Any) -> HttpResponse:
        context = {
            self.in_templates: subject,
            "kind_of_subject": self,
            "name": self.name(subject),
            "address": self.address(subject),
            "list_address": reverse(f"{self.area}:list"),
            "kind": self.acts.kinds[act],
            **values,
        }
        return render_page(request, "components/ask.html", context)
