"""The effects of moving users to another org: devices, administration, sign-in, roles and retention."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.elements.effects import Effect, concerning
from console.presenters.user_effects.administration_reach import reach_moved
from console.presenters.user_effects.state_effects import synchronized
from directory import found_elsewhere
from orgs.models import Device, DirectoryService, Org
from orgs.models.users import UserQuerySet
from orgs.rules.inheritance import Effective, effective_settings
from orgs.rules.local_sign_in import with_a_password


def moving(users: UserQuerySet, target: Org) -> list[Effect]:
    """Return the effects of moving these users to the org; users who are there already stay as they are."""
    moved = users.exclude(org=target)
    settings = effective_settings()
    devices = Device.objects.filter(
        user__in=moved.filter(found_elsewhere.unknown_in(target.pk)).order_by().values("pk"),
        active=True,
        authorized=True,
    )
    return concerning(
        [
            Effect(
                _("Move"),
                moved.count(),
                _("To %(org)s, whose administrators look after the user from then on.") % {"org": target.name},
                "arrow-right-left",
            ),
            Effect(
                _("Devices"),
                devices.count(),
                _("Have to sign in again: the directory of %(org)s does not know the user.") % {"org": target.name},
                "key-round",
                "out",
            ),
            *reach_moved(moved, target),
            _sign_in(moved, settings, settings[target.pk]),
            _roles(moved, settings[target.pk]),
            _retention(moved, settings, settings[target.pk]),
            Effect(
                _("Syncs"),
                synchronized(moved).count(),
                _("A sync moves them back where the org name script names another org."),
                "refresh-cw",
                "wait",
            ),
            Effect(_("No change"), users.filter(org=target).count(), _("In this org already."), "minus"),
        ]
    )


def _sign_in(moved: UserQuerySet, settings: dict[int, Effective], target: Effective) -> Effect:
    """Return who signs in in another way from then on: by LDAP, or with a local password."""
    others = [org.id for org in settings.values() if org.directory_service != target.directory_service]
    changed = moved.filter(org__in=others, managed_locally=False)
    if target.directory_service == DirectoryService.LDAP:
        text = _("By LDAP from then on: a local password does not count in this org.")
        return Effect(_("Sign-in"), changed.count(), text, "log-in", "wait")
    without = changed.exclude(pk__in=with_a_password().values("pk"))
    text = _("Have no local password, which they need in this org: set one, or nobody can sign in.")
    return Effect(_("Sign-in"), without.count(), text, "log-in", "wait")


def _roles(moved: UserQuerySet, target: Effective) -> Effect:
    text = _("Stay as they are. The default roles of %(org)s are: %(roles)s.")
    listed = ", ".join(sorted(target.default_roles)) or _("none")
    return Effect(_("Roles"), moved.count(), text % {"org": target.name, "roles": listed}, "key-round")


def _retention(moved: UserQuerySet, settings: dict[int, Effective], target: Effective) -> Effect:
    """Return that archives are kept for another time than before, if they go to cold storage later."""
    days = target.archive_retention_days
    others = [org.id for org in settings.values() if org.archive_retention_days != days]
    words = ngettext(
        "Archives that go to cold storage from then on are kept for %(days)d day.",
        "Archives that go to cold storage from then on are kept for %(days)d days.",
        days,
    )
    return Effect(_("Retention"), moved.filter(org__in=others).count(), words % {"days": days}, "snowflake")
