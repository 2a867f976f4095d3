"""Uploading a CSV file of users as a browser and as the command do, and comparing before and after."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.actions.users import user_uploads
from directory.invariants import broken
from directory.models import Upload
from directory.provisioning.csv_files.csv_header import COLUMNS
from orgs.models import Org, User
from tests.attacks.ldap_pages import on_the_page
from tests.catalogue import Row
from tests.makers import PASSWORD, make_org, make_user, signed_in
from tests.state import Rows, changed_users, differences, lost, snapshot

UPLOAD, PREVIEW, CREATE, MEND = "users:upload", "users:upload-preview", "users:upload-create", "users:upload-mend"


def make_world() -> Org:
    """Two companies side by side, with a user each; olga administers the left one."""
    org = make_org("Left")
    make_org("Left lower", parent=org)
    make_user("wendy", org=org)
    make_user("stan", org=make_org("Right"))
    make_user("olga", org=org, roles=["Org Admin"], password=PASSWORD)
    return org


def uploaded(client: Client, org: Org, content: bytes, name: str = "users.csv", **more: Any) -> Any:
    file = SimpleUploadedFile(name, content, "text/csv")
    return client.post(reverse(UPLOAD), {"org": org.pk, "file": file, **more})


def problems_on(response: Any) -> list[str]:
    """Return what a page says against a file: beside its field, above the form, or, of rows, in the preview.

    Each problem of a row is on the page, and where the row has one, no user comes of it.
    """
    if response.status_code == 302:
        return _problems_in_the_preview()
    assert response.status_code == 200
    form = response.context["form"]
    return [*response.context["problems"], *(str(error) for errors in form.errors.values() for error in errors)]


def _problems_in_the_preview() -> list[str]:
    upload = Upload.objects.get()
    page = on_the_page(signed_in(upload.user).get(reverse(PREVIEW)).content)
    found: list[str] = []
    for each in user_uploads.content_of(upload).rows:
        for problem in each.problems:
            assert not each.becomes_user
            assert len(found) > 20 or " ".join(problem.text.removeprefix("not created: ")[1:].split()) in page
            found.append(problem.in_line(each.row.line))
    return found


def mended(client: Client, rows: Mapping[int, dict[str, str]], **more: Any) -> Any:
    """Send changed rows (by line) as the preview's form does, with what the others of the form are."""
    upload = Upload.objects.get(user=client.session["_auth_user_id"])
    given: dict[str, Any] = {"upload": upload.pk, **more}
    for each in user_uploads.content_of(upload).rows:
        if each.row.line in rows:
            stored = {name: getattr(each.row, name) for name in COLUMNS if name != "password"}
            given |= {f"row-{each.row.line}-{name}": value for name, value in (stored | rows[each.row.line]).items()}
    return client.post(reverse(MEND), given, follow=True)


def created(client: Client, **more: Any) -> Any:
    waiting = Upload.objects.get(user=client.session["_auth_user_id"])
    return client.post(reverse(CREATE), {"upload": waiting.pk, **more}, follow=True)


def imported(path: Path, *arguments: str) -> str:
    """Run ``importusers``; return what it refused, or nothing."""
    try:
        call_command("importusers", str(path), *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    except CommandError as error:
        return str(error)
    return ""


def unchanged(row: Row, before: Rows, what: str) -> None:
    """Note what was said, and that nothing has changed."""
    after = snapshot()
    assert differences(before, after) == []
    assert broken(at=timezone.now()) == []
    row.saw(what, wrongly_changed=len(changed_users(before, after)), lost=lost(before, after))


def only_new(row: Row, before: Rows, names: tuple[str, ...], what: str) -> None:
    """Note that exactly these users are new, and nobody else is touched."""
    after = snapshot()
    new = set(User.objects.filter(username__in=names).values_list("pk", flat=True))
    assert len(new) == len(names)
    assert broken(at=timezone.now()) == []
    assert len(after["orgs.User"]) == len(before["orgs.User"]) + len(names)
    row.saw(what, wrongly_changed=len(changed_users(before, after) - new), lost=lost(before, after))
