"""Rows of an upload that are mended in place: nothing more than a new file could do, for the uploader alone, and judged again."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.actions.users import upload_outcomes, user_uploads
from directory.ldap.errors import DirectoryUnavailable
from directory.models import FinishedUpload, Upload
from directory.provisioning.upload_rows import Fate, UploadRow
from orgs.actions.users import org_moves
from orgs.models import AuditEntry, CreatedBy, Org, User
from orgs.rules.actors import SYSTEM
from tests.attacks.bad_uploads import PAGE
from tests.attacks.ldap_pages import on_the_page
from tests.attacks.upload_pages import CREATE, MEND, PREVIEW, created, make_world, mended, unchanged, uploaded
from tests.catalogue import noted
from tests.makers import NOW, make_sysadmin, make_user, signed_in
from tests.state import snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SECRET = "correct horse battery staple"
FILE = f"""username,email,org,password,notes
sean,s@example.com,,{SECRET},
mia,nonsense,,,
tom,,Right,,
eva,,,geheim,
wendy,,,,
kim,kim@example.com
"""


@pytest.fixture
def left(db: None) -> Org:
    return make_world()


@pytest.fixture
def olga(left: Org) -> Client:
    return signed_in(User.objects.get(username="olga"))


@pytest.fixture
def waiting(olga: Client, left: Org) -> Upload:
    """A file with a good row, four bad ones, and somebody who is there already."""
    assert uploaded(olga, left, FILE.encode()).status_code == 302
    return Upload.objects.get()


def rows() -> dict[str, UploadRow]:
    return {each.row.username: each for each in user_uploads.content_of(Upload.objects.get()).rows}


def fates() -> dict[str, Fate]:
    return {name: each.fate for name, each in rows().items()}


class TestARow:
    def test_has_a_fate_good_or_bad_and_all_its_problems(self, waiting: Upload) -> None:
        assert fates() == {
            "sean": Fate.CREATED if rows()["sean"].hashed_password else Fate.WARNED,
            "mia": Fate.REFUSED,
            "tom": Fate.REFUSED,
            "eva": Fate.REFUSED,
            "wendy": Fate.THERE,
            "kim": Fate.REFUSED,
        }

    def test_that_is_mended_is_judged_again_with_all_others(self, olga: Client, waiting: Upload) -> None:
        page = mended(olga, {3: {"email": "mia@example.com"}, 4: {"username": "mia", "org": ""}})

        assert "2 rows are saved, and all rows are judged again." in on_the_page(page.content)
        found = {each.row.line: each for each in user_uploads.content_of(Upload.objects.get()).rows}
        assert found[3].becomes_user
        assert str(found[4].problems[0]) == "the username mia stands in line 3 already"

    def test_with_too_few_cells_stays_refused_until_somebody_says_that_it_is_right(
        self, olga: Client, waiting: Upload
    ) -> None:
        mended(olga, {7: {}})
        assert fates()["kim"] == Fate.REFUSED

        mended(olga, {7: {"accepted": "on"}})
        assert rows()["kim"].becomes_user

    def test_keeps_a_refused_password_as_a_problem_until_there_is_another_or_none(
        self, olga: Client, waiting: Upload
    ) -> None:
        mended(olga, {5: {"email": "eva@example.com"}})
        assert fates()["eva"] == Fate.REFUSED

        mended(olga, {5: {"no_password": "on"}})
        assert rows()["eva"].becomes_user
        assert not rows()["eva"].hashed_password

    def test_that_is_left_out_creates_nobody_and_can_be_put_back(self, olga: Client, waiting: Upload) -> None:
        mended(olga, {2: {"left_out": "on"}})
        assert fates()["sean"] == Fate.LEFT_OUT

        mended(olga, {}, put_back="1")
        assert rows()["sean"].becomes_user
        created(olga)
        assert User.objects.get(username="sean").check_password(SECRET)

    @pytest.mark.parametrize("value", ["se\0an", "se\nan", "x" * 300, "", "se\u202ean"])
    def test_takes_no_value_that_a_file_may_not_have(self, value: str, olga: Client, waiting: Upload) -> None:
        mended(olga, {2: {"username": value}})

        line = user_uploads.content_of(Upload.objects.get()).rows[0]
        assert line.row.username == "sean" if "\0" in value else line.fate == Fate.REFUSED

    def test_goes_to_no_org_outside_the_uploaders_part(self, olga: Client, waiting: Upload) -> None:
        before = snapshot()
        expected = "the row is refused beside its field, nobody is created"
        with noted(
            "uploads", "a row mended to go to another's org", how=f"{PAGE}, its field org", expected=expected
        ) as row:
            page = on_the_page(mended(olga, {2: {"org": "Right"}, 3: {"org": "ADMIN", "email": ""}}).content)
            assert "There is no org Right whose users you administer." in page
            assert "There is no org ADMIN whose users you administer." in page
            page = on_the_page(olga.post(reverse(CREATE), {"upload": Upload.objects.get().pk}, follow=True).content)
            assert "Nobody was created" in page
            unchanged(row, before, "refused, twice")

    def test_of_a_file_takes_no_more_passwords_than_the_file_may_have(
        self, olga: Client, waiting: Upload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hashed: list[str] = []
        monkeypatch.setattr(user_uploads, "MOST_PASSWORDS", 1)
        monkeypatch.setattr(user_uploads, "make_password", hashed.append)

        page = on_the_page(mended(olga, {3: {"email": "", "password": SECRET}}).content)

        assert "Nothing was saved: more than 1 rows have a password" in page
        assert fates()["mia"] == Fate.REFUSED
        # Hashing is slow on purpose: who sends too many passwords does not keep a process busy with them.
        assert hashed == []


class TestAFailingDirectory:
    """Nothing is saved; the page keeps what was typed, and the other rows as they are stored."""

    @pytest.mark.parametrize("button", ["create_unknown", "put_back"])
    def test_leaves_the_stored_values_in_the_form_of_rows_that_were_not_sent(
        self, button: str, olga: Client, waiting: Upload, directory_fails: None
    ) -> None:
        page: Any = mended(olga, {}, **{button: "1"})

        assert "Nothing was saved: down" in on_the_page(page.content)
        assert typed(page) == {
            3: ("mia", "nonsense", ""),
            4: ("tom", "", "Right"),
            5: ("eva", "", ""),
            7: ("kim", "", ""),
        }

    def test_keeps_what_was_typed_in_rows_of_a_later_page(
        self, olga: Client, left: Org, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uploaded(olga, left, b"username,email\n" + b"".join(b"u%d,nonsense\n" % number for number in range(2, 32)))
        later: Any = olga.get(reverse(PREVIEW), {"rows": "25"})
        directory_breaks(monkeypatch)

        page: Any = mended(olga, {line: {"email": "typed"} for line in typed(later)})

        assert typed(page) == {line: (f"u{line}", "typed", "") for line in range(27, 32)}
        assert "25 more when these are saved" in on_the_page(page.content)
        assert "Next rows" not in on_the_page(page.content)

    def test_keeps_what_was_typed_in_rows_with_a_warning(
        self, olga: Client, left: Org, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uploaded(olga, left, b"username,email\nsean,\nmia,nonsense\n")
        directory_breaks(monkeypatch)

        page: Any = mended(olga, {2: {"email": "sean@example.com"}})

        assert typed(page) == {2: ("sean", "sean@example.com", "")}
        assert "Rows with a warning" in on_the_page(page.content)


def directory_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: object) -> None:
        raise DirectoryUnavailable("down")

    monkeypatch.setattr(user_uploads, "judge", judge)


@pytest.fixture
def directory_fails(waiting: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    directory_breaks(monkeypatch)


def typed(page: Any) -> dict[int, tuple[str, ...]]:
    """Return by line what the fields of the rows to mend hold."""
    names = ("username", "email", "org")
    return {form.line: tuple(form[name].value() for name in names) for form in page.context["forms"]}


class TestThePreviewOfAnother:
    def test_is_not_mended(self, waiting: Upload) -> None:
        expected = "neither seen nor changed, by a SYSADMIN neither"
        with noted("uploads", "a row of another's preview", how=f"{PAGE}, with its number", expected=expected) as row:
            ada = signed_in(make_sysadmin())
            before = snapshot()
            given = {"upload": waiting.pk, "row-2-username": "mallory", "row-2-left_out": "on"}
            for more in ({}, {"put_back": "1"}, {"create_unknown": "1"}):
                page = on_the_page(ada.post(reverse(MEND), given | more, follow=True).content)
                assert "Nothing was saved" in page
                assert "sean" not in page
            assert b"sean" not in ada.get(reverse("users:upload-rows"), follow=True).content
            assert rows()["sean"].row.username == "sean"
            unchanged(row, before, "Nothing was saved")

    def test_is_not_mended_by_who_has_one_of_their_own(self, waiting: Upload, left: Org) -> None:
        ada = signed_in(make_sysadmin())
        uploaded(ada, left, b"username\nother\n")

        page = ada.post(reverse(MEND), {"upload": waiting.pk, "row-2-username": "mallory"}, follow=True)

        assert "Nothing was saved: this preview has expired, or another one" in on_the_page(page.content)
        assert rows_of(waiting) == ["sean", "mia", "tom", "eva", "wendy", "kim"]


def rows_of(upload: Upload) -> list[str]:
    return [each.row.username for each in user_uploads.content_of(upload).rows]


class TestAReplay:
    def test_of_a_page_from_before_the_mending_creates_nobody(self, olga: Client, waiting: Upload) -> None:
        before = snapshot()
        expected = "nobody is created: the page did not show what would be"
        with noted("uploads", "the button of the page before the mending", how=PAGE, expected=expected) as row:
            mended(olga, {3: {"email": "mia@example.com"}})
            page = on_the_page(olga.post(reverse(CREATE), {"upload": waiting.pk}, follow=True).content)
            assert "Nobody was created: this preview has expired, or another one has taken its place" in page
            unchanged(row, before, "Nobody was created")

    def test_of_the_mending_itself_changes_nothing(self, olga: Client, waiting: Upload) -> None:
        mended(olga, {3: {"email": "mia@example.com"}})

        page = olga.post(reverse(MEND), {"upload": waiting.pk, "row-3-username": "mallory"}, follow=True)

        assert "Nothing was saved" in on_the_page(page.content)
        assert "mallory" not in rows()

    def test_does_not_prolong_the_hour(self, olga: Client, waiting: Upload) -> None:
        begun = timezone.now() - timedelta(minutes=59)
        Upload.objects.update(uploaded_at=begun)

        mended(olga, {3: {"email": "mia@example.com"}})

        assert Upload.objects.get().uploaded_at == begun

    def test_of_an_expired_preview_saves_nothing(self, olga: Client, waiting: Upload) -> None:
        Upload.objects.update(uploaded_at=timezone.now() - timedelta(minutes=61))

        page = mended(olga, {3: {"email": "mia@example.com"}})

        assert "Nothing was saved: this preview has expired" in on_the_page(page.content)


class TestSecrets:
    def test_stay_hashed_and_are_shown_nowhere(self, olga: Client, waiting: Upload) -> None:
        other = "another horse battery staple"
        expected = "hashed; not on a page, in the kept preview, the file with reasons, the outcome, the audit trail"
        with noted("uploads", "passwords of mended rows", how=PAGE, expected=expected) as row:
            texts = [olga.get(reverse(PREVIEW)).content.decode()]
            texts.append(mended(olga, {3: {"email": "", "password": other}}).content.decode())
            texts += [file_of(olga, show) for show in ("refused", "created", "there")]
            texts += Upload.objects.values_list("decisions", flat=True)
            texts.append(created(olga).content.decode())
            texts += FinishedUpload.objects.values_list("rows", flat=True)
            texts.append(str(list(AuditEntry.objects.values_list("before", "after"))))
            assert User.objects.get(username="mia").check_password(other)
            assert User.objects.get(username="sean").check_password(SECRET)
            for text in texts:
                for secret in (SECRET, other, "geheim", "md5$"):
                    assert secret not in text
            row.saw("hashed, shown nowhere", wrongly_changed=0)

    @pytest.mark.parametrize(
        "text",
        [
            f"username,email,password,org\nsean,{SECRET},\nmia,,,\n",
            f"username,password,org\nsean,,{SECRET},Left\nmia,,\n",
            f"username,email,password\nsean,{SECRET}\nmia,,\n",
            f"username,last_name,password,notes\nsean,Ryan, Jr.,{SECRET},\nmia,,,\n",
            f"email,password,username\ns@example.com,x,{SECRET},sean\n,,mia\n",
        ],
        ids=[
            "a cell too few",
            "a cell too many",
            "the last cell missing",
            "a comma before an empty cell",
            "no username",
        ],
    )
    def test_in_a_row_with_another_number_of_cells_are_dropped_with_its_values(
        self, text: str, olga: Client, left: Org
    ) -> None:
        expected = "the row is refused; the password is neither shown nor kept"
        with noted("uploads", "a password in the wrong cell", how=PAGE, expected=expected) as row:
            uploaded(olga, left, text.encode())
            bad = user_uploads.content_of(Upload.objects.get()).rows[0]
            texts = [olga.get(reverse(PREVIEW)).content.decode(), file_of(olga, "refused"), str(bad)]
            created(olga)
            texts.append(str(upload_outcomes.rows_of(FinishedUpload.objects.get())))
            assert (bad.row.username, bad.fate) == ("" if text.startswith("email") else "sean", Fate.REFUSED)
            assert "because a password may stand in the wrong cell" in texts[0]
            assert User.objects.filter(created_by=CreatedBy.CSV).count() == 1
            for each in texts:
                assert SECRET not in each
            row.saw("refused, shown nowhere", wrongly_changed=0)


def file_of(client: Client, show: str) -> str:
    response: Any = client.get(reverse("users:upload-rows"), {"show": show})
    return b"".join(response.streaming_content).decode()


class TestTheFileWithReasons:
    def test_has_the_bad_rows_and_can_be_uploaded_again_as_it_is(
        self, olga: Client, left: Org, waiting: Upload
    ) -> None:
        text = file_of(olga, "refused")

        found = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert [each["username"] for each in found] == ["mia", "tom", "eva", "kim"]
        assert found[0]["problems"].startswith("email: nonsense is no email address")
        assert "password" not in found[0]
        assert uploaded(olga, left, text.encode()).status_code == 302
        assert fates()["mia"] == Fate.REFUSED

    def test_has_no_formulas_and_gives_back_what_was_in_the_file(self, olga: Client, left: Org) -> None:
        uploaded(olga, left, b'username,email,notes\n=1+1,x,"a\n=cmd"\n@mia,x,\'quoted\n')

        text = file_of(olga, "refused")
        uploaded(olga, left, text.encode())

        assert "'=1+1" in text
        assert "\n'=cmd" in text
        assert [(each.row.username, each.row.notes) for each in rows().values()] == [
            ("=1+1", "a\n=cmd"),
            ("@mia", "'quoted"),
        ]


class TestTheOutcome:
    def test_shows_every_row_to_the_uploader_and_is_in_the_audit_trail(self, olga: Client, waiting: Upload) -> None:
        page = on_the_page(created(olga).content)

        assert "1 user was created from 6 rows." in page
        assert "the username wendy is taken" in page
        finished = FinishedUpload.objects.get()
        entry = AuditEntry.objects.get(action="users uploaded")
        assert (entry.object_id, entry.after["created"], entry.after["refused"]) == (finished.pk, 1, 4)
        response: Any = olga.get(reverse("users:upload-outcome-rows", args=[finished.pk]))
        lines = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode().removeprefix("\ufeff"))))
        assert [each["result"] for each in lines].count("Refused") == 4

    def test_is_not_there_for_who_administers_another_part(self, olga: Client, waiting: Upload) -> None:
        created(olga)
        finished = FinishedUpload.objects.get()
        make_user("rob", org=Org.objects.get(name="Right"), roles=["Org Admin"])
        rob = signed_in(User.objects.get(username="rob"))

        for name in ("users:upload-outcome", "users:upload-outcome-rows"):
            assert rob.get(reverse(name, args=[finished.pk])).status_code == 404

    def test_hides_rows_of_orgs_that_the_uploader_administers_no_more(self, olga: Client, waiting: Upload) -> None:
        created(olga)
        finished = FinishedUpload.objects.get()
        user = User.objects.get(username="olga")
        org_moves.move(moves={user.pk: Org.objects.get(name="Right").pk}, by=SYSTEM, at=NOW)

        page = on_the_page(
            signed_in(User.objects.get(pk=user.pk)).get(reverse("users:upload-outcome", args=[finished.pk])).content
        )

        assert "sean" not in page
        assert "rows belong to orgs that you do not administer" in page

    def test_is_kept_when_a_file_creates_everybody(self, olga: Client, left: Org) -> None:
        uploaded(olga, left, b"username,org\nsean,\nmia,Left lower\n")
        created(olga)

        assert User.objects.filter(created_by=CreatedBy.CSV).count() == 2
        assert FinishedUpload.objects.get().total == 2
