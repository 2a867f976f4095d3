"""Forms that wait for a confirmation: what is kept, for whom, and that no secret ever is."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import RequestFactory

import console.forms
from console.security import kept_forms
from directory.values import server_fields
from orgs.models import User


def sent(given: dict[str, Any], *, pk: int = 1) -> HttpRequest:
    request = RequestFactory().post("/users/3/roles/", given)
    request.user = User(pk=pk)
    return request


def test_a_form_comes_back_as_it_was_sent() -> None:
    request = sent({"role": ["3", "5"], "note": "Ünder way", "csrfmiddlewaretoken": "x" * 64})

    kept = kept_forms.read(request, kept_forms.keep(request, "/users/3/roles/"))

    assert kept == kept_forms.KeptForm("/users/3/roles/", [("role", "3"), ("role", "5"), ("note", "Ünder way")])


def test_its_sender_reads_it_in_words_without_what_was_left_empty() -> None:
    kept = kept_forms.KeptForm("/users/3/roles/", [("new_role", "Org Admin"), ("note", ""), ("confirm-block", "yes")])

    assert kept.shown() == [("New role", "Org Admin"), ("Confirm block", "yes")]


def test_it_is_for_its_sender_alone() -> None:
    text = kept_forms.keep(sent({"role": "3"}), "/users/3/roles/")

    assert kept_forms.read(sent({}, pk=2), text) is None
    assert kept_forms.read(sent({}), f"{text}x") is None
    assert kept_forms.read(sent({}), "") is None


@pytest.mark.parametrize(
    "given",
    [
        {"new_password1": "a horse eats hay"},
        {"code": "123456"},
        {"client_key": "-----BEGIN PRIVATE KEY-----"},
        {"file": SimpleUploadedFile("users.csv", b"username")},
        {"note": "x" * 300_000},
    ],
)
def test_secrets_files_and_very_long_forms_are_not_kept(given: dict[str, Any]) -> None:
    assert not kept_forms.can_be_kept(sent(given))


def test_a_secret_that_is_empty_keeps_nothing_from_being_kept() -> None:
    assert kept_forms.can_be_kept(sent({"bind_password": "", "name": "Head office"}))


def test_every_field_of_a_password_is_known_as_a_secret() -> None:
    for module in pkgutil.walk_packages(console.forms.__path__, "console.forms."):
        importlib.import_module(module.name)
    waiting: list[Any] = [forms.BaseForm]
    found = set(server_fields.secrets())
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        fields = getattr(form, "base_fields", {})
        found |= {name for name, field in fields.items() if isinstance(field.widget, forms.PasswordInput)}

    assert {"password", "new_password1", "bind_password"} <= found
    assert [name for name in found if not kept_forms.is_secret(name)] == []
