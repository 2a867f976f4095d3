"""Creates one user by hand in two steps: shows what the directory and its scripts decide, then carries out exactly that."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.groups.people_reader import PeopleReader
from directory.provisioning import applicant_decisions, creation
from directory.provisioning.applicants import Applicant
from directory.provisioning.creation import Created
from directory.provisioning.decision_values import Decision, packed
from directory.provisioning.directory_lookup import ReaderOf
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.actions.users import user_creation
from orgs.models import CreatedBy
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import follows_directory
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class PreparedUser:
    """The decision about one applicant, before anything is written.

    ``problem`` is why no user is created, empty if one can be. ``by_scripts`` is whether the directory's scripts decided.
    """

    decision: Decision | None
    problem: str = ""
    by_scripts: bool = False

    @property
    def digest(self) -> str:
        """Return a hash of the decision, to recognize the same decision in the next request."""
        return hashlib.sha256(packed([self.decision] if self.decision else []).encode()).hexdigest()


def prepare(
    applicant: Applicant,
    *,
    within: Collection[int] | None = None,
    by: Actor,
    at: datetime,
    reader_of: ReaderOf = PeopleReader,
) -> PreparedUser:
    """Look an applicant up in the directory, run its scripts, and return the decision; writes nothing.

    ``within`` are the orgs into which the acting person may put users, None for all.
    """
    if taken := user_creation.taken([fold(applicant.profile.username)]):
        name = next(iter(taken.values()))
        return PreparedUser(None, _("The username %(name)s is taken (letter case does not count).") % {"name": name})
    try:
        decision = applicant_decisions.decide([applicant], by=by, at=at, within=within, reader_of=reader_of)[0]
    except (DirectoryUnavailable, SandboxBroken) as error:
        return PreparedUser(None, _("Nobody is created: %(reason)s") % {"reason": error})
    by_scripts = follows_directory(applicant.org) and not applicant.managed_locally
    return PreparedUser(decision, decision.refusal, by_scripts=by_scripts)


def create(prepared: PreparedUser, *, by: Actor, at: datetime) -> Created:
    """Create the user as decided.

    Raises:
        Refused: when no user can be created, or a part of the decision is no longer valid.
    """
    if prepared.decision is None or prepared.problem:
        raise Refused(prepared.problem)
    return creation.carry_out([prepared.decision], created_by=CreatedBy.HAND, by=by, at=at)
