"""Changes an org's directory service and its own list of LDAP servers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from directory.actions import org_servers
from directory.input_errors import Refused
from directory.models import LdapServer
from directory.org_scope import own_lists
from directory.servers import setting_powers
from orgs.actions import locks
from orgs.actions import orgs as org_actions
from orgs.models import DirectoryService, Org
from orgs.rules.actors import Actor


@transaction.atomic
def set_directory_service(*, org: Org, service: str, by: Actor, at: datetime) -> Org:
    """Let a directory or people decide about an org's users; an empty service is inherited.

    Raises:
        Refused: when a server would decide that may grant more than ``by`` holds; when plans would need no approval any
            more; when ``by`` or the last SYSADMIN with a local password could not sign in any more.
    """
    if service not in {"", *DirectoryService.values}:
        raise Refused(f"there is no directory service {service}")
    locks.settings_of_orgs([org.pk])
    with setting_powers.deciding_as_allowed(by=by):
        return org_actions.change(org=org, directory_service=service, by=by, at=at)


@transaction.atomic
def set_servers(*, org: Org, servers: Sequence[int], by: Actor, at: datetime) -> None:
    """Give an org a list of its own with these LDAP servers (ids), in this order; an empty list is inherited.

    Raises:
        Refused: when a server does not exist; when a server would decide that may grant more than ``by`` holds; when
            plans would need no approval any more.
    """
    chosen = list(dict.fromkeys(servers))
    if LdapServer.objects.filter(pk__in=chosen).count() != len(chosen):
        raise Refused("one of these LDAP servers does not exist any more")
    locks.settings_of_orgs([org.pk], moves_go_on=True)
    before = own_lists()
    with setting_powers.deciding_as_allowed(by=by):
        org_servers.store(org.pk, chosen)
    org_servers.note_changed(before, by=by, at=at)
