"""Notes which servers break off a syncrepl search for changes (RFC 4533): runs do not send them one again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from directory.models import LdapServer
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor


@transaction.atomic
def note_failure(*, server: LdapServer, failure: str, by: Actor, at: datetime) -> None:
    """Note that a server broke off a syncrepl search, and how; changes are searched by time stamps from then on."""
    server.sync_search_failed_at, server.sync_search_failure = at, failure
    LdapServer.objects.filter(pk=server.pk).update(sync_search_failed_at=at, sync_search_failure=failure)
    fact = Fact("LDAP server", server.pk, server.name, after={"failure": failure})
    note([fact], action="syncrepl turned off", by=by, at=at)


@transaction.atomic
def allow_again(*, server: LdapServer, by: Actor, at: datetime) -> bool:
    """Allow syncrepl searches of a server again; return whether they were off."""
    stored = LdapServer.objects.select_for_update().get(pk=server.pk)
    if stored.sync_search_failed_at is None:
        return False
    before = {"failure": stored.sync_search_failure}
    LdapServer.objects.filter(pk=stored.pk).update(sync_search_failed_at=None, sync_search_failure="")
    note([Fact("LDAP server", stored.pk, stored.name, before=before)], action="syncrepl turned on", by=by, at=at)
    return True
