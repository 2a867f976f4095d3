"""Makes the account of somebody whose password a directory has taken, by the scripts at creation."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from directory.actions import server_trials
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.provisioning import applicant_decisions, creation
from directory.provisioning.applicants import Applicant
from directory.provisioning.decision_values import Case, Decision
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.sign_in.password_checks import DirectorySignIn
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, User
from orgs.rules.actors import Actor

BY_SELF_SERVICE = Actor(label="self-service")
# Codes of refusals.
NOT_FOUND, INACTIVE, REFUSED, AWAY, BUSY = "not-found", "inactive-entry", "refused", "directory-away", "try-again"


class NotMade(Exception):
    """No account is made: a code, a sentence for the person, and the reason for logs."""

    def __init__(self, code: str, sentence: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.sentence, self.reason = code, sentence, reason


def decided(*, username: str, org: Org, way: CreatedBy, at: datetime, proof: DirectorySignIn | None) -> Decision:
    """Return what the directory and its scripts decide about a person who is no user yet; writes nothing.

    With a ``proof`` the decision is about exactly the entry whose password was checked.

    Raises:
        NotMade: when no account can be made.
    """
    applicant = Applicant(Profile(username), org)
    try:
        with server_trials.people_reader(owner=f"{way} {username}", waits=lambda: True) as reader_of:
            decision = applicant_decisions.decide([applicant], by=BY_SELF_SERVICE, at=at, reader_of=reader_of)[0]
    except Refused as busy:
        sentence = _("Many people register at this moment. Try again in a minute.")
        raise NotMade(BUSY, sentence, str(busy)) from busy
    except (DirectoryUnavailable, SandboxBroken) as error:
        sentence = _("The directory can not be asked at this moment. Try again in some minutes.")
        raise NotMade(AWAY, sentence, str(error)) from error
    if (problem := _problem(decision, proof)) is not None:
        raise problem
    return decision


def _problem(decision: Decision, proof: DirectorySignIn | None) -> NotMade | None:
    if decision.case == Case.INACTIVE:
        sentence = _("Your account in the directory is not active. Ask your administrator.")
        return NotMade(INACTIVE, sentence, decision.refusal)
    if decision.case == Case.USER_ALREADY:
        sentence = _("You have an account under another username. Use that one, or ask your administrator.")
        return NotMade(REFUSED, sentence, decision.refusal)
    if decision.refusal:
        # The reason names entries of the directory: it is for the log.
        sentence = _("Your account can not be made. Ask your administrator, whose security log has the reason.")
        return NotMade(REFUSED, sentence, decision.refusal)
    if decision.match is None:
        sentence = _("The directory has no such person.")
        return NotMade(NOT_FOUND, sentence, "no entry in the directory")
    if proof is not None and not _is_proven(decision.match, proof):
        sentence = _("The directory has changed meanwhile. Try again.")
        return NotMade(BUSY, sentence, "the scripts ran for another entry than the one whose password was checked")
    return None


def _is_proven(match: tuple[int, str, tuple[str, ...]], proof: DirectorySignIn) -> bool:
    """Return whether the password was checked for exactly this entry: by its immutable ids, or by its DN without any."""
    server_id, dn, ids = match
    who = proof.check.identity
    if who is None or proof.server_id != server_id:
        return False
    return bool(set(ids) & set(who.ids)) if ids else who.dn == dn


def make(decision: Decision, *, way: CreatedBy, at: datetime) -> User:
    """Make the account as decided, and the orgs that are missing; returns the user.

    Raises:
        NotMade: when a part of the decision no longer holds.
    """
    try:
        made = creation.carry_out([decision], created_by=way, by=Actor(label=way.value), at=at)
    except Refused as reason:
        raise NotMade(BUSY, _("Something has changed meanwhile. Try again."), str(reason)) from reason
    return made.users[0]
