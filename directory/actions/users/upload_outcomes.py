"""Keeps what an upload of users did with every row, as long as the audit trail keeps its entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from directory.input_errors import Refused
from directory.models import FinishedUpload, Upload
from directory.provisioning import outcome_rows
from directory.provisioning.creation import Created
from directory.provisioning.outcome_rows import OutcomeRow
from directory.provisioning.upload_rows import Fate, UploadContent
from orgs.actions.audit import Fact, note
from orgs.models import Org, Role
from orgs.models.encrypted_text import Undecryptable, decrypted
from orgs.rules.actors import Actor


def keep(
    *, upload: Upload, content: UploadContent, made: Created, within: Collection[Org], by: Actor, at: datetime
) -> FinishedUpload:
    """Store what was done with each row, and write the audit row, inside the caller's transaction.

    ``within`` are the orgs in which the uploader may create users.
    """
    lines = [each.row.line for each in content.rows if each.becomes_user]
    rows = outcome_rows.outcome_rows(
        content.rows,
        created={line: (user.pk, user.org_id) for line, user in zip(lines, made.users, strict=True)},
        org_id=upload.org_id,
        org_ids={org.name_key: org.pk for org in within},
        role_names=dict(Role.objects.values_list("pk", "name")),
    )
    finished = FinishedUpload.objects.create(
        user_id=by.user_id,
        by_label=by.label[:255],
        org=upload.org,
        file_name=upload.file_name,
        done_at=at,
        created=len(made.users),
        total=len(rows),
        rows=outcome_rows.packed(rows),
    )
    counts = Counter(each.fate for each in rows)
    after = {"created": len(made.users), "not created": len(rows) - len(made.users)}
    after |= {str(fate): counts[fate] for fate in Fate if counts[fate] and fate not in {Fate.CREATED, Fate.WARNED}}
    note([Fact("finished upload", finished.pk, finished.file_name, after=after)], action="users uploaded", by=by, at=at)
    return finished


def rows_of(finished: FinishedUpload) -> list[OutcomeRow]:
    """Return what was done with each row.

    Raises:
        Refused: when it can't be read any more.
    """
    try:
        return outcome_rows.unpacked(decrypted(finished.rows))
    except Undecryptable as error:
        raise Refused("the rows can't be read any more: the keys that encrypted them are gone") from error
