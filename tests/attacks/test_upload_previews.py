"""The preview of an uploaded CSV file and its form: for its uploader alone, for an hour, and exactly what was shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from directory.models import Upload
from orgs.actions import orgs as org_actions
from orgs.actions import roles
from orgs.actions.users import org_moves, role_grants
from orgs.models import AuditEntry, CreatedBy, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.attacks.bad_uploads import PAGE
from tests.attacks.ldap_pages import on_the_page
from tests.attacks.upload_pages import (
    CREATE,
    PREVIEW,
    UPLOAD,
    created,
    make_world,
    problems_on,
    unchanged,
    uploaded,
)
from tests.catalogue import noted
from tests.makers import NOW, make_sysadmin, make_user, signed_in
from tests.state import differences, snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def left(db: None) -> Org:
    return make_world()


@pytest.fixture
def olga(left: Org) -> Client:
    return signed_in(User.objects.get(username="olga"))


class TestThePreview:
    @pytest.fixture(autouse=True)
    def waiting(self, olga: Client, left: Org) -> Upload:
        """An upload of sean and mia that waits for olga."""
        uploaded(olga, left, b"username,email,org\nsean,s@example.com,\nmia,,Left lower\n")
        return Upload.objects.get()

    def test_shows_the_fate_of_every_row_and_the_button_says_how_many(self, olga: Client) -> None:
        text = on_the_page(olga.get(reverse(PREVIEW)).content)

        assert "2 sean" in text
        assert "Left lower" in text
        assert "Desktop User, PROe User" in text
        assert "Create 2 users" in text

    def test_is_carried_out_exactly_and_once(self, olga: Client, waiting: Upload) -> None:
        page = on_the_page(created(olga).content)
        again = olga.post(reverse(CREATE), {"upload": waiting.pk}, follow=True)

        assert "2 users are created." in page
        assert {(user.username, user.org.name) for user in User.objects.filter(created_by=CreatedBy.CSV)} == {
            ("sean", "Left"),
            ("mia", "Left lower"),
        }
        assert "Nobody was created" in on_the_page(again.content)
        assert AuditEntry.objects.filter(action="users uploaded", actor_label="olga").count() == 1
        assert AuditEntry.objects.filter(action="user created", actor_label="olga").count() == 2

    def test_is_for_its_uploader_alone(self, waiting: Upload) -> None:
        before = snapshot()
        expected = "another administrator, a SYSADMIN too, neither sees it nor can carry it out"
        with noted(
            "uploads", "another's preview", how="its page and its number by a SYSADMIN", expected=expected
        ) as row:
            ada = signed_in(make_sysadmin())
            before = snapshot()
            shown = on_the_page(ada.get(reverse(PREVIEW)).content)
            refused = on_the_page(ada.post(reverse(CREATE), {"upload": waiting.pk}, follow=True).content)
            assert "sean" not in shown
            assert "No upload is waiting" in shown
            assert "Nobody was created: this preview has expired" in refused
            unchanged(row, before, "No upload is waiting; Nobody was created")

    @pytest.mark.parametrize("number", ["", "0", "-1", "1e3", "9" * 40, "' OR 1=1 --"])
    def test_has_a_number_that_can_not_be_guessed_around(self, number: str, olga: Client) -> None:
        before = snapshot()

        page = olga.post(reverse(CREATE), {"upload": number}, follow=True)

        assert "Nobody was created" in on_the_page(page.content)
        assert differences(before, snapshot()) == []

    def test_expires(self, olga: Client, waiting: Upload) -> None:
        before = snapshot()
        expected = "it is shown no more and creates nobody"
        with noted("uploads", "a preview of 61 minutes ago", how=PAGE, expected=expected) as row:
            Upload.objects.update(uploaded_at=timezone.now() - timedelta(minutes=61))
            shown = on_the_page(olga.get(reverse(PREVIEW)).content)
            page = on_the_page(olga.post(reverse(CREATE), {"upload": waiting.pk}, follow=True).content)
            assert "No upload is waiting" in shown
            assert "this preview has expired" in page
            unchanged(row, before, "this preview has expired: upload the file again")

    def test_makes_way_for_the_next_one(self, olga: Client, left: Org, waiting: Upload) -> None:
        before = snapshot()
        expected = "the earlier one creates nobody, whatever page is still open"
        with noted("uploads", "the preview before the last", how=PAGE, expected=expected) as row:
            uploaded(olga, left, b"username\ntom\n")
            page = on_the_page(olga.post(reverse(CREATE), {"upload": waiting.pk}, follow=True).content)
            assert "another one has taken its place" in page
            unchanged(row, before, "another one has taken its place")

    @pytest.mark.parametrize(
        ("name", "fragment"),
        [
            ("the username was taken", "the username Sean is taken"),
            ("the org was renamed", "has changed since the preview"),
            ("the uploader was moved to another org", "have changed since the preview"),
            ("a role was deleted", "other roles"),
            ("the keys were lost", "can't be read any more"),
        ],
    )
    def test_creates_nobody_when_something_changed_meanwhile(
        self, name: str, fragment: str, olga: Client, left: Org, settings: Settings
    ) -> None:
        expected = "all or nothing: nobody is created, and the page says why"
        with noted("uploads", f"between preview and creation {name}", how=PAGE, expected=expected) as row:
            if name == "the username was taken":
                make_user("Sean", org=left)
            elif name == "the org was renamed":
                org_actions.change(org=Org.objects.get(name="Left lower"), name="Elsewhere", by=SYSTEM, at=NOW)
            elif name == "the uploader was moved to another org":
                org_moves.move(
                    moves={User.objects.get(username="olga").pk: Org.objects.get(name="Right").pk}, by=SYSTEM, at=NOW
                )
            elif name == "a role was deleted":
                extra = roles.save(role=None, name="Extra", permissions=[], by=SYSTEM, at=NOW)
                org_actions.change(org=left, own_default_roles=True, default_roles=[extra], by=SYSTEM, at=NOW)
                uploaded(olga, left, b"username\nsean\nmia\n")
                org_actions.change(org=left, default_roles=[], by=SYSTEM, at=NOW)
                Role.objects.filter(pk=extra.pk).delete()
            else:
                settings.SECRET_KEY = "another " * 8
                settings.SECRET_KEY_FALLBACKS = []
                olga.force_login(User.objects.get(username="olga"), backend="console.security.access.LocalBackend")
            before = snapshot()
            waiting = Upload.objects.get()
            page = on_the_page(olga.post(reverse(CREATE), {"upload": waiting.pk}, follow=True).content)
            assert "Nobody was created: " in page
            assert fragment in page
            unchanged(row, before, page[page.index("Nobody was created") :][:120])

    def test_needs_the_right_to_make_users_until_the_end(self, waiting: Upload) -> None:
        expected = "403, nobody is created"
        with noted("uploads", "a preview after the role was lost", how=PAGE, expected=expected) as row:
            user = User.objects.get(username="olga")
            role_grants.set_roles(
                roles={user.pk: frozenset({Role.objects.get(name="Org Manager").pk})}, by=SYSTEM, at=NOW
            )
            user.refresh_from_db()
            before = snapshot()
            refused = signed_in(User.objects.get(username="olga")).post(reverse(CREATE), {"upload": waiting.pk})
            assert refused.status_code == 403
            unchanged(row, before, "403")

    def test_is_forgotten_when_it_is_discarded(self, olga: Client) -> None:
        page = olga.post(reverse("users:upload-discard"), follow=True)

        assert "Nobody was created" in on_the_page(page.content)
        assert not Upload.objects.exists()

    def test_is_never_in_plain_text_in_the_database(self) -> None:
        with time_machine.travel(timezone.now(), tick=False):
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("SELECT decisions FROM directory_upload")
                assert "s@example.com" not in str(cursor.fetchall())


class TestTheForm:
    @pytest.mark.parametrize("org", ["Right", "ADMIN"])
    def test_takes_no_org_outside_the_uploaders_part(self, org: str, olga: Client, left: Org) -> None:
        before = snapshot()
        expected = "refused beside the field; nobody is created"
        with noted(
            "uploads", f"the chosen org exchanged for {org}", how=f"{PAGE}, its field changed", expected=expected
        ) as row:
            problems = problems_on(uploaded(olga, Org.objects.get(name=org), b"username\nsean\n"))
            assert any("not one of the available choices" in problem for problem in problems)
            unchanged(row, before, problems[0])

    def test_wants_a_file(self, olga: Client, left: Org) -> None:
        before = snapshot()
        with noted("uploads", "no file chosen", how=PAGE, expected="refused beside the field") as row:
            problems = problems_on(olga.post(reverse(UPLOAD), {"org": left.pk}))
            unchanged(row, before, problems[0])

    def test_takes_one_file_only(self, olga: Client, left: Org) -> None:
        before = snapshot()
        with noted("uploads", "three files at once", how=PAGE, expected="400, nobody is created") as row:
            files = [SimpleUploadedFile(f"{number}.csv", b"username\nsean\n") for number in range(3)]
            response = olga.post(reverse(UPLOAD), {"org": left.pk, "file": files})
            assert response.status_code == 400
            unchanged(row, before, "400")

    def test_shows_a_hostile_file_name_as_text(self, olga: Client, left: Org) -> None:
        expected = "shown as plain text without path and control characters, written nowhere"
        with noted(
            "uploads", "a file name with a path, markup and control characters", how=PAGE, expected=expected
        ) as row:
            before = snapshot()
            uploaded(olga, left, b"username\nsean\n", name="../../etc/<img src=x onerror=alert(1)>\u202ecsv.exe")
            shown = olga.get(reverse(PREVIEW)).content
            name = Upload.objects.get().file_name
            assert b"<img src=x" not in shown
            assert "\u202e" not in name
            assert "/" not in name
            unchanged(row, before, name)

    def test_needs_a_token(self, left: Org) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(User.objects.get(username="olga"), backend="console.security.access.LocalBackend")
        before = snapshot()
        with noted("uploads", "a form without a token", how=PAGE, expected="403, nobody is created") as row:
            response = uploaded(strict, left, b"username\nsean\n")
            assert response.status_code == 403
            unchanged(row, before, "403")

    def test_is_empty_for_who_has_no_org_to_fill(self, left: Org) -> None:
        org_actions.change(org=left, name="Left", by=SYSTEM, at=NOW)
        Org.objects.filter(path__startswith=left.path).update(active=False)

        page = on_the_page(signed_in(User.objects.get(username="olga")).get(reverse(UPLOAD)).content)

        assert "There is no active org whose users you administer." in page

    def test_the_button_stands_on_the_list_for_those_who_may(self, olga: Client, left: Org) -> None:
        make_user("mona", org=left, roles=["Org Manager"])

        assert reverse(UPLOAD) in olga.get(reverse("users:list")).content.decode()
        mona = signed_in(User.objects.get(username="mona"))
        assert reverse(UPLOAD) not in mona.get(reverse("users:list")).content.decode()
