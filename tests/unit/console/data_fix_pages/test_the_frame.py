"""The pages of Data fixes stand in the console's own frame, and each says what is mended there."""

from __future__ import annotations

from html import escape

import pytest
from django.test import Client
from django.urls import reverse

from console.admin import data_fixes
from console.data_fix_pages.help_lines import HELP_LINES
from tests.makers import make_sysadmin, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def browser() -> Client:
    return signed_in(make_sysadmin())


def test_every_model_has_a_line_of_help_and_no_other_has() -> None:
    assert HELP_LINES.keys() == data_fixes._registry.keys()


def test_the_first_page_shows_each_model_with_its_line(browser: Client) -> None:
    page = browser.get(reverse("data-fixes:index")).content.decode()

    for line in HELP_LINES.values():
        assert escape(str(line)) in page


@pytest.mark.parametrize("model", data_fixes._registry, ids=lambda model: model.__name__)
def test_each_list_has_its_name_its_line_and_the_menu(browser: Client, model: type) -> None:
    meta = model._meta  # type: ignore[attr-defined]  # every model has it
    page = browser.get(reverse(f"data-fixes:{meta.app_label}_{meta.model_name}_changelist")).content.decode()

    assert escape(str(HELP_LINES[model])) in page
    assert f'<h1 class="row-flow">{escape(str(meta.verbose_name_plural)[0].upper())}' in page
    assert 'id="menu"' in page
    assert "css/data_fixes.css" in page


def test_a_form_shows_the_line_and_whose_it_is(browser: Client) -> None:
    user = make_user("mia")

    page = browser.get(reverse("data-fixes:orgs_user_change", args=[user.pk])).content.decode()

    assert "Change any field of a user" in page
    assert '<p class="soft">mia</p>' in page
