"""The acts that change the state of one thing and need no choice, such as block: one shape for users, devices and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Generic

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.functional import Promise
from django.views.decorators.http import require_http_methods

from console.elements.effects import Effect
from console.security.access import ConsoleRequest, require
from console.views.act_questions import Noun, Question, Subject


@dataclass(frozen=True, slots=True)
class StateAct(Generic[Subject]):
    """One act that changes the state of a subject: words, effects, action, and the sentence afterwards.

    ``title`` and ``done`` may name the subject, by the key of its noun (``%(user)s``); ``done`` may also make the sentence
    from the subject and the result. ``effects`` takes the subject and the present time, ``action`` the ids of its noun,
    ``by`` and ``at``.
    """

    noun: Noun[Subject]
    act: StrEnum
    title: Promise
    button: Promise
    effects: Callable[[Subject, datetime], list[Effect]]
    action: Callable[..., Any]
    done: Promise | Callable[[Subject, Any], str]
    undo: str | Promise = ""

    def page(self) -> Callable[..., HttpResponseBase]:
        """Return the page of the act: it shows the effects and asks, then carries the act out."""

        @require_http_methods(["GET", "HEAD", "POST"])
        @require(self.noun.permission)
        def page(request: ConsoleRequest, pk: int) -> HttpResponse:
            subject = self.noun.find(request, pk)
            return self.noun.ask(request, subject, self.act, partial(self._question, subject))

        return page

    def _question(self, subject: Subject) -> Question:
        return Question(
            title=self.title % {self.noun.key: self.noun.name(subject)},
            button=self.button,
            effects=self.effects(subject, timezone.now()),
            action=partial(self.action, **{self.noun.ids: [subject.pk]}),
            done=partial(self._done, subject),
            undo=self.undo,
        )

    def _done(self, subject: Subject, result: Any) -> str:
        if isinstance(self.done, Promise):
            return str(self.done % {self.noun.key: self.noun.name(subject)})
        return self.done(subject, result)
