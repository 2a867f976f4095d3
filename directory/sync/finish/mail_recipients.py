"""Decides who gets mail about a run, and the orgs that each recipient may see."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from directory.models import SyncSettings
from orgs.models import Org, User
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address; ``org_ids`` are the orgs of the run that it may see, None for the whole run."""

    address: str
    org_ids: frozenset[int] | None = None


def readers(org_ids: Collection[int]) -> list[Recipient]:
    """Return the recipients of mail about a run of these orgs, each address once; all of them may see at least one org.

    The addresses of the settings, and server administrators, who may open the run's page, see the whole run. An address
    of several people sees the orgs that any of them may see.
    """
    found: dict[str, Recipient] = {}
    for reader in _all(org_ids):
        before = found.setdefault(reader.address.lower(), reader)
        if before.org_ids is not None and reader.org_ids != before.org_ids:
            both = None if reader.org_ids is None else before.org_ids | reader.org_ids
            found[reader.address.lower()] = Recipient(before.address, both)
    return list(found.values())


def _all(org_ids: Collection[int]) -> Iterator[Recipient]:
    chosen = SyncSettings.load()
    yield from (Recipient(address) for address in chosen.notification_addresses if _is_address(address))
    if not chosen.notify_administrators:
        return
    paths = dict(Org.objects.filter(pk__in=org_ids).values_list("pk", "path"))
    administrators = User.objects.administrators().exclude(email="").order_by("pk")
    needed = ("email", "active", "blocked", "org__path")
    for user in administrators.select_related("org").prefetch_related("roles").only(*needed):
        if not _is_address(user.email):
            continue
        if user.may(Permission.SYSTEM):
            yield Recipient(user.email)
        elif visible := _visible(user, paths):
            yield Recipient(user.email, visible)


def _visible(user: User, paths: dict[int, str]) -> frozenset[int]:
    if user.may_everywhere(Permission.ALL_ORG_READ):
        return frozenset(paths)
    if not user.may(Permission.ORG_READ):
        return frozenset()
    return frozenset(pk for pk, path in paths.items() if path.startswith(user.org.path))


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
