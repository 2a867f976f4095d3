"""What an act on legal holds has done, by name: sentences, and the address of the list where there are many names."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from orgs.models import Matter, MatterEvent, MatterEventKind, User
from orgs.rules.actors import Actor

# A sentence has so many names; where there are more, the page with the events of the act has all of them.
_MOST_NAMED = 10


def moment(matter: Matter, *, by: Actor, since: datetime) -> datetime:
    """Return the moment of an act that began at ``since``: it is later if the act waited for what began later."""
    events = MatterEvent.objects.filter(matter=matter, actor=by.user_id, at__gte=since)
    return events.order_by("at").values_list("at", flat=True).first() or since


def outcome(matter: Matter, *, at: datetime) -> str:
    """Return what the act at this moment did to users, in sentences with names."""
    return " ".join(_sentence(kind, names) for kind, names in _names(matter, at).items())


def has_many(matter: Matter, *, at: datetime) -> bool:
    """Return whether the act at this moment concerned more users than its sentences name."""
    return any(len(names) > _MOST_NAMED for names in _names(matter, at).values())


def address_of_act(matter: Matter, *, at: datetime) -> str:
    """Return the address of the events of one act."""
    return f"{reverse('legal_holds:events', args=[matter.pk])}?{urlencode({'act': at.isoformat()})}"


def in_words(names: list[str]) -> str:
    """Return names as a list in words; of many only the first ones, and how many there are besides."""
    shown, more = ", ".join(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    return shown if more <= 0 else _("%(names)s and %(count)d more") % {"names": shown, "count": more}


def names_of(user_ids: frozenset[int]) -> list[str]:
    """Return the usernames of these users in order."""
    found = User.objects.filter(pk__among=user_ids).order_by("username_key")
    return list(found.values_list("username", flat=True))


def _names(matter: Matter, at: datetime) -> dict[str, list[str]]:
    rows = MatterEvent.objects.filter(matter=matter, at=at, user__isnull=False).order_by("user__username_key")
    names: dict[str, list[str]] = {}
    for kind, name in rows.values_list("kind", "user__username"):
        names.setdefault(kind, []).append(name)
    return {kind.value: names[kind.value] for kind in MatterEventKind if kind.value in names}


def _sentence(kind: str, names: list[str]) -> str:
    count = len(names)
    if kind == MatterEventKind.ADDED:
        words = ngettext("%(count)d user is on hold: %(names)s.", "%(count)d users are on hold: %(names)s.", count)
    elif kind == MatterEventKind.RELEASED:
        words = ngettext("%(count)d user is released: %(names)s.", "%(count)d users are released: %(names)s.", count)
    else:
        words = ngettext(
            "%(count)d user is deactivated, as that was pending: %(names)s.",
            "%(count)d users are deactivated, as that was pending: %(names)s.",
            count,
        )
    return words % {"count": count, "names": in_words(names)}
