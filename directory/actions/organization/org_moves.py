"""Moves orgs within the tree, where that changes which LDAP servers decide about their users."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from directory.servers import setting_powers
from orgs.actions import locks, org_tree
from orgs.models import Org
from orgs.rules.actors import Actor


@transaction.atomic
def move(*, org: Org, parent: Org, by: Actor, at: datetime) -> Org:
    """Put an org, with all orgs below it, below another org.

    Raises:
        Refused: as ``org_tree.move`` does; when a server would decide about the users that may grant more than ``by``
            holds; when plans about them would need no approval any more.
    """
    locks.moving_org(org.pk, parent.pk)
    with setting_powers.deciding_as_allowed(by=by):
        return org_tree.move(org=org, parent=parent, by=by, at=at)
