"""The acts that a page offers on one thing, such as a user or a device: their words, when each fits, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from django.db.models import Model
from django.urls import reverse
from django.utils.functional import Promise

from orgs.models import User


class ActFacts(Protocol):
    """The facts that decide which acts fit a subject and a viewer."""

    @property
    def is_managed(self) -> bool:
        """Whether the subject belongs to the viewer's part, and the viewer may change it."""


Subject = TypeVar("Subject", bound=Model)
Facts = TypeVar("Facts", bound=ActFacts)


@dataclass(frozen=True, slots=True)
class ActKind(Generic[Facts]):
    """One kind of act: its words, when it makes sense, and what may stand against it.

    ``fits`` is about the state alone. ``refusal`` is why this viewer can't do it although it fits. An act that ``cuts_off``
    ends what somebody can do, and is red.
    """

    label: Promise
    icon: str
    fits: Callable[[Facts], bool]
    refusal: Callable[[Facts], str] = lambda _facts: ""
    cuts_off: bool = False

    @property
    def word(self) -> str:
        """The label without the dots, which say on a button that the act asks first."""
        return str(self.label).removesuffix("…")


@dataclass(frozen=True, slots=True)
class OfferedAct:
    """An act that makes sense now; ``refusal`` is why the viewer can't do it, empty if they can."""

    act: StrEnum
    kind: ActKind[Any]
    address: str
    refusal: str


@dataclass(frozen=True, slots=True)
class OfferedActs:
    """The acts that a viewer sees on a page: those in ``with_button`` as buttons, the others in a menu."""

    offered: tuple[OfferedAct, ...]
    with_button: Collection[StrEnum]

    @property
    def buttons(self) -> list[OfferedAct]:
        """The main acts that the viewer can do."""
        return [each for each in self.offered if each.act in self.with_button and not each.refusal]

    @property
    def menu(self) -> list[OfferedAct]:
        """The other acts, without those that cut off."""
        shown = self.buttons
        return [each for each in self.offered if each not in shown and not each.kind.cuts_off]

    @property
    def cutting_off(self) -> list[OfferedAct]:
        """The acts that cut off."""
        return [each for each in self.offered if each.kind.cuts_off]


@dataclass(frozen=True, slots=True)
class ActCatalogue(Generic[Subject, Facts]):
    """All acts on one kind of thing, in the order of the menu.

    ``facts`` makes the facts from a subject and a viewer. Each act's page has its value as name in the addresses of ``area``.
    """

    area: str
    facts: Callable[[Subject, User], Facts]
    kinds: Mapping[StrEnum, ActKind[Facts]]
    with_button: Collection[StrEnum]

    def offered(self, subject: Subject, viewer: User) -> OfferedActs:
        """Return the acts that make sense; none if the viewer may not change this subject."""
        facts = self.facts(subject, viewer)
        found: tuple[OfferedAct, ...] = ()
        if facts.is_managed:
            found = tuple(self._offer(act, subject, facts) for act, kind in self.kinds.items() if kind.fits(facts))
        return OfferedActs(found, self.with_button)

    def offer(self, act: StrEnum, subject: Subject, viewer: User) -> OfferedAct | None:
        """Return one act; None if it does not fit the state, or the viewer may not change this subject."""
        facts = self.facts(subject, viewer)
        return self._offer(act, subject, facts) if facts.is_managed and self.kinds[act].fits(facts) else None

    def _offer(self, act: StrEnum, subject: Subject, facts: Facts) -> OfferedAct:
        kind = self.kinds[act]
        return OfferedAct(act, kind, reverse(f"{self.area}:{act}", args=[subject.pk]), kind.refusal(facts))
