"""Time zones, the menu for nobody, and fragments."""

from __future__ import annotations

from typing import cast

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from console.http import page_requests
from console.http.middleware import TimeZoneMiddleware
from console.http.page_requests import PageRequest, render_page
from console.presenters.navigation import navigation


@pytest.fixture
def request_from(rf: RequestFactory) -> HttpRequest:
    return rf.get("/runs/")


def zone_name(request: HttpRequest) -> HttpResponse:
    return HttpResponse(timezone.get_current_timezone_name())


class TestTheTimeZone:
    def test_is_the_viewers(self, request_from: HttpRequest) -> None:
        request_from.COOKIES["time_zone"] = "Europe/Madrid"

        assert TimeZoneMiddleware(zone_name)(request_from).content == b"Europe/Madrid"

    @pytest.mark.parametrize("name", ["", "Nowhere/Town", "../../etc/passwd", "/etc/localtime", "x" * 5000])
    def test_is_the_servers_when_the_cookie_names_none(self, request_from: HttpRequest, name: str) -> None:
        request_from.COOKIES["time_zone"] = name

        assert TimeZoneMiddleware(zone_name)(request_from).content == b"UTC"

    def test_does_not_stay_for_the_next_request(self, request_from: HttpRequest) -> None:
        request_from.COOKIES["time_zone"] = "Europe/Madrid"
        TimeZoneMiddleware(zone_name)(request_from)

        assert timezone.get_current_timezone_name() == "UTC"


class TestTheMenu:
    def test_is_empty_for_who_is_not_signed_in(self, request_from: HttpRequest) -> None:
        request_from.user = AnonymousUser()

        assert navigation(request_from) == {"menu": []}


class TestRenderPage:
    @pytest.fixture
    def rendered(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        names: list[str] = []

        def render(request: HttpRequest, name: str, context: dict[str, object]) -> HttpResponse:
            names.append(name)
            return HttpResponse()

        monkeypatch.setattr(page_requests, "render", render)
        return names

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, "runs/list.html"),
            ({"HX-Request": "true", "HX-Target": "run-table"}, "runs/list.html#run-table"),
            ({"HX-Request": "true", "HX-Target": "secret"}, "runs/list.html"),
            ({"HX-Request": "true"}, "runs/list.html"),
            (
                {"HX-Request": "true", "HX-Target": "run-table", "HX-History-Restore-Request": "true"},
                "runs/list.html",
            ),
        ],
    )
    def test_gives_the_fragment_that_the_view_allows_or_the_page(
        self, rf: RequestFactory, rendered: list[str], headers: dict[str, str], expected: str
    ) -> None:
        request = cast("PageRequest", rf.get("/runs/", headers=headers))
        request.htmx = HtmxDetails(request)

        response = render_page(request, "runs/list.html", {}, fragments=("run-table",))

        assert rendered == [expected]
        assert response["Vary"] == "HX-Request, HX-Target"
