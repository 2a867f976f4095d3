"""Looks up whether the directory has an existing user now, active and as the same person: nothing less lets a computer in."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from directory.actions import server_trials
from directory.actions.self_service.accounts import AWAY, BUSY, INACTIVE, NOT_FOUND, REFUSED, NotMade
from directory.input_errors import Refused
from directory.ldap.errors import DirectoryUnavailable
from directory.org_scope import orgs_in_scope
from directory.provisioning.directory_lookup import FoundPerson, look_up
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.sync.identify import known_ids
from orgs.models import User
from orgs.text import fold


def require_live_entry(user: User, *, at: datetime) -> None:
    """Return if the servers of the user's org have an active entry of this very user now.

    Raises:
        NotMade: with the code and the sentence, when there is none, when it is another person's or inactive, or when a server
            can't be asked.
    """
    try:
        with server_trials.people_reader(owner=f"deployment {user.username}", waits=lambda: True) as reader_of:
            people = [(user.username, user.org_id)]
            found = look_up(people, orgs_in_scope(), at=at, reader_of=reader_of).get(fold(user.username))
    except Refused as busy:
        sentence = _("Many computers register at this moment. Try again in a minute.")
        raise NotMade(BUSY, sentence, str(busy)) from busy
    except (DirectoryUnavailable, SandboxBroken) as error:
        sentence = _("The directory can not be asked at this moment. Try again in some minutes.")
        raise NotMade(AWAY, sentence, str(error)) from error
    if found is None:
        raise NotMade(NOT_FOUND, _("The directory has no such person."), "no entry in the directory")
    if (problem := _problem(user, found)) is not None:
        raise problem


def _problem(user: User, found: FoundPerson) -> NotMade | None:
    sentence = _("The directory's entry is not clear. Ask your administrator, whose security log has the reason.")
    if found.competitor:
        reason = f"two entries claim this username: {found.entry.dn} and {found.competitor}"
        return NotMade(REFUSED, sentence, reason)
    if found.verdict.error is not None:
        return NotMade(REFUSED, sentence, str(found.verdict.error))
    if not found.verdict.active:
        words = _("Your account in the directory is not active. Ask your administrator.")
        return NotMade(INACTIVE, words, f"the active script of {found.server.name} says inactive")
    owners = {pk for _id, pk, _org in known_ids.owners(found.identity.ids, server_id=found.server.pk)}
    known = known_ids.of([user.pk]).get(user.pk, known_ids.NOTHING)
    if owners - {user.pk} or (known.ids and not owners):
        # Somebody else has the username by now, or the entry was made anew: the next sync decides about that.
        words = _("The directory has another person with this username. Ask your administrator.")
        return NotMade(NOT_FOUND, words, f"{found.entry.dn} has another immutable id than this user")
    return None
