"""Says which part of the orgs administrators reach, and whose reach an act changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect
from orgs.actions import escalation_guard
from orgs.models import Org, User
from orgs.models.users import UserQuerySet
from orgs.permissions import PERSONAL, Permission
from orgs.rules.permission_comparison import depends_on_org

# A page names so many administrators; the count has all of them.
_MOST_NAMED = 5


class OrgReach:
    """The part of the orgs that is administered from one org, in words; it is counted once."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def of(self, permissions: Collection[str]) -> str:
        """Return what somebody with these permissions administers from the org; empty for nothing."""
        keys = frozenset(permissions) - PERSONAL
        if Permission.ADMIN in keys or any(key.startswith("admin.all") for key in keys):
            return _("every org")
        if not depends_on_org(keys):
            return _("settings of the console") if keys else ""
        return self._part

    @cached_property
    def _part(self) -> str:
        below = Org.objects.active().filter(path__startswith=self._org.path).exclude(pk=self._org.pk).count()
        people = User.objects.filter(org__path__startswith=self._org.path, active=True).count()
        users = ngettext("%(count)d active user", "%(count)d active users", people) % {"count": people}
        if not below:
            return _("%(org)s, %(users)s") % {"org": self._org.name, "users": users}
        orgs = ngettext("%(count)d org below", "%(count)d orgs below", below) % {"count": below}
        return _("%(org)s and %(orgs)s, %(users)s") % {"org": self._org.name, "orgs": orgs, "users": users}


def reach_in_words(permissions: Collection[str], org: Org) -> str:
    """Return the part of the orgs that somebody with these permissions administers from this org; empty for none."""
    return OrgReach(org).of(permissions)


def reach_lost(users: UserQuerySet) -> list[Effect]:
    """Return the effect on administration if none of these users can sign in any more."""
    administrators = users.administrators()
    if not (count := administrators.count()):
        return []
    return [
        Effect(
            _("Administrators"),
            count,
            ngettext(
                "Nobody administers through this account any more.",
                "Nobody administers through these accounts any more.",
                count,
            ),
            icon="shield-off",
            tone="out",
            under=" ".join(_of_each(administrators)),
        )
    ]


def _of_each(administrators: UserQuerySet) -> Iterable[str]:
    named = list(administrators.select_related("org").order_by("username_key", "pk")[:_MOST_NAMED])
    holdings = escalation_guard.holdings([user.pk for user in named])
    for user in named:
        yield _("%(user)s: %(reach)s.") % {
            "user": user.username,
            "reach": reach_in_words(holdings[user.pk].permissions, user.org),
        }


def reach_moved(users: UserQuerySet, target: Org) -> list[Effect]:
    """Return the effect on administration if these users move to the org: their roles reach down from there."""
    administrators = users.holding_more_than_personal().exclude(org=target)
    # Administrators are few, whatever the number of users.
    holdings = escalation_guard.holdings(list(administrators.values_list("pk", flat=True)))
    moved = [pk for pk, holding in holdings.items() if depends_on_org(holding.permissions)]
    if not moved:
        return []
    lines = []
    for user in User.objects.filter(pk__among=moved[:_MOST_NAMED]).select_related("org").order_by("username_key", "pk"):
        permissions = holdings[user.pk].permissions
        lines.append(
            _("%(user)s: now %(before)s; then %(after)s.")
            % {
                "user": user.username,
                "before": reach_in_words(permissions, user.org),
                "after": reach_in_words(permissions, target),
            }
        )
    return [
        Effect(
            _("Administrators"),
            len(moved),
            ngettext(
                "Administers from the new org down, and no longer from the old one.",
                "Administer from the new org down, and no longer from the old one.",
                len(moved),
            ),
            icon="shield",
            tone="wait",
            under=" ".join(lines),
        )
    ]
