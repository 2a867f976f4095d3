"""What counts as an email address is what Django takes, and of Exchange's addresses the primary one goes first."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st

from directory.sync.plan.rules.email_addresses import Addresses, addresses, is_address, spelled_as

SIGNS = st.text("abZ019.-_@\"\\\\[]:+' äßé\u2028\n%", max_size=24)


@given(st.one_of(SIGNS, st.emails(), st.builds("{}@{}.{}".format, SIGNS, SIGNS, SIGNS)))
def test_an_address_is_what_django_takes(text: str) -> None:
    try:
        validate_email(text)
    except ValidationError:
        assert not is_address(text)
    else:
        assert is_address(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a@b.example", True),
        ("A.B+c@Bücher.example", True),
        ("a@xn--bcher-kva.example", True),
        ("a@[192.0.2.1]", True),
        ("root@localhost", True),
        ('"a b"@example.com', False),
        ("jürgen@example.com", False),
        ("a@b", False),
        ("a b@example.com", False),
        ("a@example.com ", False),
        ("@example.com", False),
        ("", False),
        ("a@example.com\n", False),
        (f"{'a' * 309}@example.com", False),
    ],
)
def test_known_ones_are_told_apart(text: str, good: bool) -> None:
    assert is_address(text) is good


def test_types_of_addresses_are_understood() -> None:
    values = (
        "smtp:b@x.example",
        "SMTP: a@x.example",
        "SMTP:c@x.example",
        "X400:c=GB",
        "plain@x.example",
        "smtp:x",
        "y",
    )

    assert addresses(values) == Addresses(
        primary="a@x.example",
        others=("b@x.example", "c@x.example", "plain@x.example"),
        wrong=("smtp:x", "y"),
    )


def test_the_spelling_in_use_goes_before_another_letter_case() -> None:
    assert spelled_as("a@x", ("A@x", "a@x")) == "a@x"
    assert spelled_as("a@x", ("b@x", "A@x")) == "A@x"
    assert spelled_as("a@x", ("b@x",)) == ""
