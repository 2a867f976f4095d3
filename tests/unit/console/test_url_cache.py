"""Addresses of many things are those that Django's own look-up gives."""

from __future__ import annotations

import pytest
from django.urls import reverse, set_script_prefix

from console.elements.url_cache import address_of


class TestTheAddressOfAThing:
    @pytest.mark.parametrize(
        ("page", "ids"), [("users:detail", [7]), ("runs:change", [12, 345]), ("runs:list", []), ("alerts:dismiss", [1])]
    )
    def test_is_the_one_of_the_url_map(self, page: str, ids: list[int]) -> None:
        assert address_of(page, *ids) == reverse(page, args=ids)

    def test_begins_where_the_console_is(self) -> None:
        address_of("users:detail", 7)
        set_script_prefix("/rollcall/")

        try:
            assert address_of("users:detail", 7) == "/rollcall/users/7/" == reverse("users:detail", args=[7])
        finally:
            set_script_prefix("/")
