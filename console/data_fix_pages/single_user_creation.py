"""Adds one user by hand: shows what the scripts decide, then creates the user."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from directory.ldap.errors import DirectoryUnavailable
from directory.provisioning import applicant_decisions, creation
from directory.provisioning.applicants import Applicant
from directory.provisioning.creation import Created
from directory.provisioning.decision_values import Decision, packed
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.actions.users import user_creation
from orgs.models import CreatedBy, Role
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import follows_directory
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Fate:
    """The decision about an applicant; ``problem`` is why it fails, ``by_scripts`` whether scripts decided."""

    decision: Decision | None
    problem: str = ""
    by_scripts: bool = False

    @property
    def digest(self) -> str:
        """Return a hash of the decision, to recognize the same decision in the next request."""
        return hashlib.sha256(packed([self.decision] if self.decision else []).encode()).hexdigest()

    def lines(self) -> list[str]:
        """Return the lines that an administrator sees before the user is created."""
        if (decision := self.decision) is None:
            return [self.problem]
        names = Role.objects.filter(pk__in=decision.roles).order_by("name").values_list("name", flat=True)
        org = _("%(name)s (new)") % {"name": decision.org} if decision.makes else decision.org
        profile = decision.profile
        person = " ".join(filter(None, (profile.username, profile.first_name, profile.last_name, profile.email)))
        return [
            _("User: %(person)s") % {"person": person},
            *([decision.findings] if decision.findings else []),
            _("Org: %(org)s") % {"org": org},
            _("Roles: %(roles)s") % {"roles": ", ".join(names) or "–"},
            *decision.warnings,
        ]


def fate_of(applicant: Applicant, *, by: Actor) -> Fate:
    """Look an applicant up in the directory, run its scripts, and return the decision; writes nothing."""
    if taken := user_creation.taken([fold(applicant.profile.username)]):
        name = next(iter(taken.values()))
        return Fate(None, _("The username %(name)s is taken (letter case does not count).") % {"name": name})
    try:
        decision = applicant_decisions.decide([applicant], by=by, at=timezone.now())[0]
    except (DirectoryUnavailable, SandboxBroken) as error:
        return Fate(None, _("Nobody is created: %(reason)s") % {"reason": error})
    by_scripts = follows_directory(applicant.org) and not applicant.managed_locally
    return Fate(decision, decision.refusal, by_scripts=by_scripts)


def carry_out(fate: Fate, *, by: Actor) -> Created:
    """Create the user as decided.

    Raises:
        Refused: when a part of the decision is no longer valid.
    """
    if fate.decision is None:
        raise ValueError("nothing was decided")
    return creation.carry_out([fate.decision], created_by=CreatedBy.HAND, by=by, at=timezone.now())
