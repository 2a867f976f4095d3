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
from console.views.act_questions import Question, Subject, SubjectKind


@dataclass(frozen=True, slots=True)
class StateAct(Generic[Subject]):
    """One act that changes the state of a subject: words, effects, action, and the sentence afterwards.

    ``title`` and ``done`` may name the subject, by the key of its kind (``%(user)s``); ``done`` may also make the sentence
    from the subject and the result. ``effects`` takes the subject and the present time, ``action`` the ids of its kind,
    ``by`` and ``at``.
    """

    kind_of_subject: SubjectKind[Subject]
    act: StrEnum
    title: Promise
    button: Promise
    effects: Callable[[Subject, datetime], list[Effect]]
    action: Callable[..., Any]
    done: Promise | Callable[[Subject, Any], str]
    undo: str | Promise = ""
    ends_subject: bool = False

    def page(self) -> Callable[..., HttpResponseBase]:
        """Return the page of the act: it shows the effects and asks, then carries the act out."""

        @require_http_methods(["GET", "HEAD", "POST"])
        @require(self.kind_of_subject.permission)
        def page(request: ConsoleRequest, pk: int) -> HttpResponse:
            subject = self.kind_of_subject.find(request, pk)
            return self.kind_of_subject.ask(request, subject, self.act, partial(self._question, subject))

        return page

    def _question(self, subject: Subject) -> Question:
        return Question(
            title=self.title % {self.kind_of_subject.key: self.kind_of_subject.name(subject)},
            button=self.button,
            effects=self.effects(subject, timezone.now()),
            action=partial(self.action, **self.kind_of_subject.argument(subject)),
            done=partial(self._done, subject),
            undo=self.undo,
            ends_subject=self.ends_subject,
        )

    def _done(self, subject: Subject, result: Any) -> str:
        if isinstance(self.done, Promise):
            return str(self.done % {self.kind_of_subject.key: self.kind_of_subject.name(subject)})
        return self.done(subject, result)
