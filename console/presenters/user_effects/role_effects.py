"""The effects of adding roles to users and of removing roles from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from console.elements.effects import Effect, concerning
from console.presenters.user_effects.administration_reach import reach_in_words
from console.presenters.user_effects.state_effects import synchronized
from orgs.models import Org, Role, RoleGrant
from orgs.models.users import UserQuerySet
from orgs.permissions import PERSONAL


def changing_roles(users: UserQuerySet, *, added: Collection[Role], removed: Collection[Role]) -> list[Effect]:
    """Return the effects of adding and removing these roles; who has a role already, or lacks it, stays as they are."""
    new = [(role, users.filter(~_holds(role))) for role in added]
    gone = [(role, users.filter(_holds(role))) for role in removed]
    touched = Q(pk__in=[])
    for role in added:
        touched |= ~_holds(role)
    for role in removed:
        touched |= _holds(role)
    changed = users.filter(touched)
    orgs = list(Org.objects.filter(pk__in=users.order_by().values("org"))[:2])
    return concerning(
        [
            *_of_each(new, orgs, gained=True),
            *_of_each(gone, orgs, gained=False),
            Effect(_("Sessions"), changed.count(), _("End: the user signs in again."), "log-out"),
            Effect(
                _("Syncs"),
                synchronized(changed).count(),
                _("The role name script decides at the next sync, and may take this back."),
                "refresh-cw",
                "wait",
            ),
            Effect(_("No change"), users.filter(~touched).count(), _("Has them already."), "minus"),
        ]
    )


def _holds(role: Role) -> Q:
    return Q(Exists(RoleGrant.objects.filter(user=OuterRef("pk"), role=role)))


def _of_each(
    changes: Collection[tuple[Role, UserQuerySet]], orgs: Collection[Org], *, gained: bool
) -> Iterator[Effect]:
    for role, users in changes:
        what = _("Add %(role)s") if gained else _("Remove %(role)s")
        yield Effect(
            what % {"role": role.name},
            users.count(),
            _reach(role, orgs, gained=gained),
            "plus" if gained else "minus",
            "wait" if _administrative(role) else "back" if gained else "plain",
            under=", ".join(sorted(frozenset(role.permissions) - PERSONAL)),
        )


def _reach(role: Role, orgs: Collection[Org], *, gained: bool) -> str:
    """Return whom a holder of the role administers; the same sentence for all users if they are in one org."""
    if not _administrative(role):
        return _("Allows only what concerns one's own account.")
    if len(orgs) != 1:
        return _("Administers from each user's own org down.")
    reach = reach_in_words(role.permissions, *orgs)
    return (_("Administers %(reach)s.") if gained else _("No longer administers %(reach)s.")) % {"reach": reach}


def _administrative(role: Role) -> bool:
    return bool(frozenset(role.permissions) - PERSONAL)
