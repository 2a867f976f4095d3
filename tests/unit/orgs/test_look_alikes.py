"""Usernames that could be taken for others: refused at creation, shown where they exist; names in one script are not."""

from __future__ import annotations

import pytest
from django.urls import reverse

from orgs.actions.errors import Refused
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, User
from orgs.rules.actors import SYSTEM
from orgs.text import fold, misleading
from tests.makers import NOW, make_sysadmin, make_user, signed_in

LOOK_ALIKES = {
    "a Cyrillic letter among Latin ones": "\u0430dmin",
    "a Greek letter among Latin ones": "adm\u03b9n",
    "a Cherokee letter among Latin ones": "\u13aadmin",
    "an Armenian letter among Latin ones": "adm\u0578n",
    "Cyrillic and Greek": "\u0430\u03b1",
    "a variation selector": "admin\ufe0f",
    "a variation selector of the supplement": "admin\U000e0100",
    "a zero-width space": "ad\u200bmin",
    "a joiner between Latin letters": "ad\u200dmin",
    "a soft hyphen": "ad\u00admin",
    "a mark that reverses text": "\u202enimda",
    "a Hangul filler": "admin\u3164",
    "an empty Braille cell": "admin\u2800",
    "a tag": "admin\U000e0061",
    "a private character": "admin\ue000",
    "a control character": "admin\x07",
}
FINE = (
    "admin", "sean.o'brien-42@example.com", "KESTREL\\zoë", "müller", "łukasz", "иван.петров1", "γιώργος", "李明", "李ming",
    "田中たろう", "タナカ太郎", "김철수", "kim철수", "محمد", "דוד", "शर्मा", "क\u094d\u200dष", "สมชาย", "նարեկ", "Ａdmin",
)  # fmt: skip


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
def test_a_look_alike_is_told_with_its_reason(name: str) -> None:
    assert misleading(name)


@pytest.mark.parametrize("name", FINE)
def test_a_name_in_one_script_is_fine(name: str) -> None:
    assert misleading(name) == ""


@pytest.mark.django_db
def test_nobody_is_created_under_a_look_alike() -> None:
    org = Org.objects.get(name="Default")
    new = [NewUser(Profile("\u0430dmin"), org.pk)]

    with pytest.raises(
        Refused, match="could be taken for another one: it mixes letters that look alike: Cyrillic and Latin"
    ):
        user_creation.create(users=new, created_by=CreatedBy.HAND, by=SYSTEM, at=NOW)

    assert not User.objects.filter(username_key=fold("\u0430dmin")).exists()


@pytest.mark.django_db
def test_a_look_alike_that_is_there_is_shown_as_such() -> None:
    user = make_user("sean")
    User.objects.filter(pk=user.pk).update(username="se\u0430n", username_key="se\u0430n")
    client = signed_in(make_sysadmin())

    assert "look-alike" in client.get(reverse("users:list")).content.decode()
    page = client.get(reverse("users:detail", args=[user.pk])).content.decode()
    assert "This username could be taken for another one: it mixes letters that look alike" in page
