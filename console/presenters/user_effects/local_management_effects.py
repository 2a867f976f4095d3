"""The effects of managing users locally, and of letting the directory decide about them again."""

from __future__ import annotations

from django.utils.translation import gettext as _

from console.elements.effects import Effect, concerning
from directory.org_scope import servers_by_org
from orgs.models import DirectoryService
from orgs.models.users import UserQuerySet
from orgs.rules.inheritance import effective_settings
from orgs.rules.local_sign_in import with_a_closed_password, with_a_password


def managing_locally(users: UserQuerySet) -> list[Effect]:
    """Return the effects of managing these users locally."""
    changed = users.filter(managed_locally=False)
    closed = changed.filter(pk__in=with_a_closed_password().values("pk"))
    forgotten = closed.holding_more_than_personal()
    reopening = closed.exclude(pk__in=forgotten.values("pk"))
    return concerning(
        [
            Effect(
                _("Manage locally"),
                changed.count(),
                _("No sync changes the user any more: no state, no name, no org, no role."),
                "pin",
                "wait",
            ),
            Effect(_("Local passwords"), reopening.count(), _("Open the account again."), "key-square", "back"),
            Effect(
                _("Local passwords"),
                forgotten.count(),
                _("Are forgotten, as others may know them: set a new one."),
                "key-square",
                "wait",
            ),
            Effect(
                _("Without password"),
                changed.exclude(pk__in=with_a_password().values("pk")).count(),
                _("Has no local password: set one for a sign-in without the directory."),
                "key-square",
                "wait",
            ),
            Effect(_("No change"), users.filter(managed_locally=True).count(), _("Managed locally already."), "minus"),
        ]
    )


def following_directory(users: UserQuerySet) -> list[Effect]:
    """Return the effects of letting the directory decide about these users again."""
    changed = users.filter(managed_locally=True)
    by_ldap = [org.id for org in effective_settings().values() if org.directory_service == DirectoryService.LDAP]
    decided = changed.filter(org__in=[pk for pk, servers in servers_by_org().items() if servers])
    closed = changed.filter(org__in=by_ldap, pk__in=with_a_password().values("pk"))
    return concerning(
        [
            Effect(
                _("Directory"),
                changed.count(),
                _("The mark goes: where the org follows LDAP, the directory decides again."),
                "pin-off",
            ),
            Effect(
                _("Syncs"),
                decided.count(),
                _("The next one brings state, names, org and roles in line. The preview of a sync tells how."),
                "refresh-cw",
                "wait",
            ),
            Effect(_("Local passwords"), closed.count(), _("Open the account no longer."), "key-square", "out"),
            Effect(_("No change"), users.filter(managed_locally=False).count(), _("Not managed locally."), "minus"),
        ]
    )
