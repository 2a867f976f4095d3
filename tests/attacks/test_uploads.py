"""Bad CSV files, by page and by command: each is refused with its line and nobody is created, or is plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import Upload
from orgs.models import AuditEntry, CreatedBy, Org, User
from tests.attacks.bad_uploads import ACCEPTED, COMMAND, PAGE, REFUSED, File
from tests.attacks.ldap_pages import on_the_page
from tests.attacks.upload_pages import (
    PREVIEW,
    UPLOAD,
    created,
    imported,
    make_world,
    only_new,
    problems_on,
    unchanged,
    uploaded,
)
from tests.catalogue import noted
from tests.makers import signed_in
from tests.state import changed_users, differences, lost, snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def left(db: None) -> Org:
    return make_world()


@pytest.fixture
def olga(left: Org) -> Client:
    return signed_in(User.objects.get(username="olga"))


def cases(files: tuple[File, ...]) -> list[Any]:
    return [pytest.param(file, id=file.name, marks=() if file.fast else pytest.mark.whole) for file in files]


class TestABadFile:
    @pytest.mark.parametrize("file", cases(REFUSED))
    def test_is_refused_with_its_line_and_creates_nobody(
        self, file: File, olga: Client, left: Org, tmp_path: Path
    ) -> None:
        content, before = file.read(), snapshot()
        expected = "refused with the line and what to do; nobody is created"
        with noted("uploads", file.name, how=", ".join(file.ways), expected=expected) as row:
            results = []
            if COMMAND in file.ways:
                (tmp_path / "users.csv").write_bytes(content)
                err = imported(tmp_path / "users.csv", "--org", "Left", "--no-scripts")
                results.append(err.replace(f"{tmp_path}/", "").replace("\n", " "))
                assert "obody was created" in err
                assert file.problem in err
                assert "geheim" not in err
            if PAGE in file.ways:
                problems = problems_on(uploaded(olga, left, content))
                results.append("; ".join(problems))
                assert any(file.problem in each for each in problems)
                assert "geheim" not in results[-1]
            unchanged(row, before, results[-1])

    def test_of_a_gigabyte_is_refused_before_it_is_read(self, olga: Client, left: Org, tmp_path: Path) -> None:
        before = snapshot()
        expected = "refused; the page reads less than 64 KB of it, the command none"
        with noted("uploads", "1 GB", how=f"{PAGE}, {COMMAND}", expected=expected) as row:
            endless = _Endless(_multipart_head(left), 1 << 30)
            response = olga.post(
                reverse(UPLOAD), content_type="multipart/form-data; boundary=end", **endless.environment()
            )
            sparse = tmp_path / "users.csv"
            with sparse.open("wb") as file:
                file.truncate(1 << 30)
            err = imported(sparse)
            assert "larger than 5 MB" in "; ".join(problems_on(response))
            assert endless.given < 1 << 17
            assert "larger than 100 MB: split the file" in err
            unchanged(row, before, f"{'; '.join(problems_on(response))}; {endless.given:,} bytes read")

    def test_of_twenty_megabytes_that_does_not_say_so_is_thrown_away_as_it_comes(self, olga: Client, left: Org) -> None:
        before = snapshot()
        expected = "refused with a message; nothing of it is kept"
        with noted("uploads", "20 MB", how=PAGE, expected=expected) as row:
            problems = problems_on(uploaded(olga, left, b"username\n" + b"x" * 20_000_000))
            assert problems == ["The file is larger than 5 MB: split it."]
            unchanged(row, before, problems[0])

    @pytest.mark.parametrize("what", ["a folder", "no file", "a link that leads to itself"])
    def test_that_can_not_be_opened_is_named(self, what: str, tmp_path: Path, left: Org) -> None:
        path = tmp_path / "users.csv"
        if what == "a folder":
            path.mkdir()
        elif what == "a link that leads to itself":
            path.symlink_to(path)
        before = snapshot()
        with noted("uploads", what, how=COMMAND, expected="the system's own words, nobody is created") as row:
            err = imported(path)
            assert "nobody was created" in err
            unchanged(row, before, err.replace(f"{tmp_path}/", "").replace("\n", " "))


def _multipart_head(org: Org) -> bytes:
    return (
        f'--end\r\nContent-Disposition: form-data; name="org"\r\n\r\n{org.pk}\r\n'
        '--end\r\nContent-Disposition: form-data; name="file"; filename="users.csv"\r\n'
        "Content-Type: text/csv\r\n\r\nusername\n"
    ).encode()


class _Endless:
    """A request body that is as long as it says, and made as it is read."""

    def __init__(self, head: bytes, length: int) -> None:
        self.given = 0
        self._head = head
        self._length = length

    def environment(self) -> dict[str, Any]:
        return {"CONTENT_LENGTH": str(self._length), "wsgi.input": self}

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else 1 << 16, self._length - self.given)
        piece = (self._head[self.given :] + b"x" * size)[:size]
        self.given += len(piece)
        return piece


class TestAFileThatOnlyLooksBad:
    @pytest.mark.parametrize("file", cases(ACCEPTED))
    def test_is_plain_data_by_page(self, file: File, olga: Client, left: Org) -> None:
        before = snapshot()
        expected = "a preview that creates nobody, then exactly these users, every value as it stands there"
        with noted("uploads", f"{file.name}, by page", how=PAGE, expected=expected) as row:
            assert uploaded(olga, left, file.read()).status_code == 302
            shown = olga.get(reverse(PREVIEW))
            assert differences(before, snapshot()) == []
            assert b"<script>alert" not in shown.content
            assert b"<b>x" not in shown.content
            page = created(olga)
            assert page.status_code == 200
            mine = User.objects.filter(created_by=CreatedBy.CSV)
            assert {user.username for user in mine} == set(file.creates)
            assert {user.org.name for user in mine} <= {"Left", "Left lower"}
            assert {role.name for user in mine for role in user.roles.all()} == {"Desktop User", "PROe User"}
            only_new(row, before, file.creates, f"created {len(file.creates)}: {', '.join(file.creates)}")

    @pytest.mark.parametrize("file", cases(ACCEPTED))
    def test_is_plain_data_by_command(self, file: File, left: Org, tmp_path: Path) -> None:
        before = snapshot()
        expected = "exactly these users, every value as it stands there"
        with noted("uploads", f"{file.name}, by command", how=COMMAND, expected=expected) as row:
            (tmp_path / "users.csv").write_bytes(file.read())
            assert imported(tmp_path / "users.csv", "--org", "Left") == ""
            only_new(row, before, file.creates, f"created {len(file.creates)}: {', '.join(file.creates)}")

    def test_may_have_exactly_as_much_as_is_allowed(self, olga: Client, left: Org) -> None:
        response = uploaded(olga, left, b"username,notes\nsean," + b"x" * 4096 + b"\n")

        assert response.status_code == 302

    @pytest.mark.whole
    def test_may_have_fifty_thousand_rows(self, olga: Client, left: Org) -> None:
        before = snapshot()
        expected = "a preview in pages, then 50,000 users"
        with noted("uploads", "50,000 rows", how=PAGE, expected=expected) as row:
            content = b"username\n" + b"".join(b"u%d\n" % number for number in range(50_000))
            assert uploaded(olga, left, content).status_code == 302
            assert "50,000 users will be created" in on_the_page(olga.get(reverse(PREVIEW), {"page": "1999"}).content)
            created(olga)
            made = User.objects.filter(created_by=CreatedBy.CSV)
            assert made.count() == 50_000
            new = set(made.values_list("pk", flat=True))
            after = snapshot()
            row.saw("created 50000", wrongly_changed=len(changed_users(before, after) - new), lost=lost(before, after))


class TestPasswords:
    def test_are_stored_hashed_and_shown_nowhere(self, olga: Client, left: Org) -> None:
        secret = "correct horse battery staple"
        expected = "hashed; not in the preview, the kept upload, the audit trail or the list"
        with noted("uploads", "a good password", how=PAGE, expected=expected) as row:
            before = snapshot()
            uploaded(olga, left, f"username,password\nsean,{secret}\n".encode())
            kept = Upload.objects.values_list("decisions", flat=True).get()
            shown = olga.get(reverse(PREVIEW)).content
            page = created(olga)
            sean = User.objects.get(username="sean")
            trail = str(list(AuditEntry.objects.values_list("before", "after")))
            assert sean.check_password(secret)
            for text in (kept, shown.decode(), page.content.decode(), trail, sean.password):
                assert secret not in text
            only_new(row, before, ("sean",), "hashed, shown nowhere")
