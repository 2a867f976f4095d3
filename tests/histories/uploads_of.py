"""What a help desk may do with a CSV file: nobody gets more by it than the uploader holds, nor a way in."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

from directory.actions.users import upload_outcomes, user_uploads
from directory.actions.users.user_uploads import UploadChoices
from directory.ldap.errors import DirectoryUnavailable
from directory.provisioning.csv_files.bad_csv import BadCsv
from orgs.actions.errors import Refused
from orgs.models import DirectoryService, Org, RoleGrant, User
from orgs.permissions import PERSONAL, holds
from orgs.rules.actors import person
from orgs.rules.inheritance import effective_settings

if TYPE_CHECKING:
    from tests.histories.world import World

EVERYBODY = UploadChoices(create_unknown=True)


def upload(world: World, name: str, place: str, password: str) -> list[User]:
    """Have the help desk upload one person and confirm the preview; return whom it made, after a look at them."""
    clerk = User.objects.get(pk=world.clerk.user_id)
    everywhere = list(Org.objects.active())
    org = next((each for each in everywhere if each.name_key in {place.lower(), "team"}), everywhere[0])
    content = f"username,password\n{name},{password}\n" if password else f"username\n{name}\n"
    made: list[User] = []
    with suppress(BadCsv, Refused, DirectoryUnavailable):
        shown = user_uploads.preview(
            file=io.BytesIO(content.encode()),
            file_name="x.csv",
            org=org,
            within=everywhere,
            user=clerk,
            at=world.now,
            choices=EVERYBODY,
        )
        finished = user_uploads.create(
            user=clerk, upload_id=shown.pk, within=everywhere, by=person(clerk), at=world.now
        )
        ids = [row.user_id for row in upload_outcomes.rows_of(finished) if row.user_id is not None]
        made = list(User.objects.filter(pk__in=ids))
    held = _permissions(clerk)
    for new in made:
        more = {key for key in _permissions(new) - PERSONAL if not _covers(held, key)}
        assert not more, (new.username, more)
        assert not (new.has_usable_password() and _follows_ldap(new)), new.username
    return made


def _permissions(user: User) -> set[str]:
    grants = RoleGrant.objects.filter(user=user).values_list("role__permissions", flat=True)
    return {permission for permissions in grants for permission in permissions}


def _covers(held: set[str], key: str) -> bool:
    return holds(held, key) or holds(held, f"admin.all{key.removeprefix('admin.')}")


def _follows_ldap(user: User) -> bool:
    return effective_settings()[user.org_id].directory_service == DirectoryService.LDAP
