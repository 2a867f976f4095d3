"""Text that wants to be more than text: in filters, searches, sorting, page numbers, headers, log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.attacks.attempts import attack
from tests.attacks.urls import GROUPS, OF_ONE_PERSON, PAGES, SHOWN, mostly_whole, of_area
from tests.attacks.world import ORG_ADMIN, SYSADMIN, World, question_of

pytestmark = pytest.mark.django_db

PARAMETERS = (
    *("q", "org", "role", "state", "source", "hold", "kind", "trigger", "outcome", "action", "archive", "locked"),
    *("since", "until", "run", "who", "object_type", "sort", "page", "per_page", "next"),
)
TEXTS = {
    "SQL": (
        "' OR '1'='1",
        "1; DROP TABLE orgs_user; --",
        "' UNION SELECT password FROM orgs_user --",
        "1) OR 1=1 --",
        "%' ESCAPE '%",
        "\\",
        "username_key DESC, (SELECT 1)",
    ),
    "LDAP": ("*", "*)(uid=*", "admin)(|(uid=*", "\\2a", "(&(objectClass=*))"),
    "templates": (
        "{{ 7*7 }}",
        "{% debug %}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
        "{{ request.session }}",
        "%(name)s",
        "%s%s%n",
    ),
    "line breaks": ("a\r\nSet-Cookie: x=1", "a\nb", "a\u2028b", "a\x0bb", "\x1b[2J", "\u202egnp.exe"),
    "odd letters": (
        "\ud83d".encode("utf-8", "surrogatepass"),
        b"\xff\xfe",
        "\x00",
        "ǅ",
        "İ",
        "ß",
        "🙂" * 50,
        "\ufffe",
        "%",
    ),
    "numbers": (
        "1e9",
        "-1",
        "0",
        "9" * 40,
        "1.5",
        "nan",
        "inf",
        "١٢",
        "0x10",
        "1e400",
        "2026-13-45",
        "0001-01-01",
        "9999-12-31",
    ),
    "other columns": (
        "password",
        "-password",
        "user__password",
        "bind_password",
        "id__gt",
        "org__path__startswith",
        "?",
        "-",
    ),
}


@pytest.mark.parametrize("area", mostly_whole(sorted({PAGES[name].area for name in SHOWN}), {"notifications"}))
def test_pages_take_hostile_parameters_as_text(world: World, area: str) -> None:
    pages = of_area(area, SHOWN)

    with attack(
        f"hostile parameters at {area}",
        how=f"GET of {len(pages)} pages with {len(PARAMETERS)} parameters of {', '.join(TEXTS)}, together and one by one",
        expected="the page as ever, or 400 for a NUL; of another company nothing",
    ) as attempt:
        for page in pages:
            caller = ORG_ADMIN if ORG_ADMIN in page.admitted and not page.arguments else SYSADMIN
            address = question_of(world, caller) if page.name in OF_ONE_PERSON else page.address(world)
            for query in _queries():
                response = world.client(caller).get(address, query)
                text = attempt.answer(response, 200, 400, 302, what=f"{page.name} {query}")
                if caller == ORG_ADMIN:
                    assert world.foreign.worker.username not in text
                    assert world.foreign.device.guid not in text


def _queries() -> Iterator[dict[str, Any]]:
    for texts in TEXTS.values():
        for text in texts:
            yield dict.fromkeys(PARAMETERS, text)
    for parameter in PARAMETERS:
        for text in (TEXTS["SQL"][0], TEXTS["numbers"][3]):
            yield {parameter: text}


@pytest.mark.whole
@pytest.mark.parametrize("group", GROUPS)
def test_data_fixes_take_hostile_parameters_as_text(world: World, group: str) -> None:
    with attack(
        f"hostile parameters at the data fixes of {group}",
        how=f"GET of {len(GROUPS[group])} lists with search, sorting, page and filters of {', '.join(TEXTS)}",
        expected="the list, or 400",
    ) as attempt:
        client = world.client(SYSADMIN)
        parameters = ("q", "o", "p", "all", "e", "id__exact", "pk__in", "_popup", "_to_field", "_facets")
        queries: list[dict[str, Any]] = [
            dict.fromkeys(("q", "o", "p"), each) for texts in TEXTS.values() for each in texts
        ]
        queries += [{name: texts[place]} for name in parameters for texts in TEXTS.values() for place in (0, 3)]
        for model in GROUPS[group]:
            for query in queries:
                response = client.get(reverse(f"data-fixes:{model}_changelist"), query, follow=True)
                attempt.answer(response, 200, 400, what=f"{model} {query}")


@pytest.mark.whole
@pytest.mark.parametrize("payload", ["{{ 7*7 }}", "${7*7}", "{% debug %}", "#{7*7}", "<%= 7*7 %>"])
def test_a_template_in_a_search_is_shown_as_it_is(world: World, payload: str) -> None:
    with attack(
        f"the search {payload}", how="GET /users/ with it", expected="the same characters in the search field"
    ) as attempt:
        response = world.client(SYSADMIN).get("/users/", {"q": payload})
        shown = payload.replace("<", "&lt;").replace(">", "&gt;")
        attempt.answer(response, 200, shows=f'value="{shown}"')


class Log:
    """The log file of the console, from now on."""

    def __init__(self) -> None:
        self.path = Path(settings.LOG_FILE)
        self.start = self.path.stat().st_size if self.path.exists() else 0

    def lines(self) -> list[str]:
        """Return what was written since."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read().decode().split("\n")[:-1]


FORGED = "x\r\n[03.02.26 09:30:00.000 INFO    MainThread] DIRSYNC:: Summary for orgIds:, [1], users:0"
HOSTILE_NAMES = {
    "a line of a sync": FORGED,
    "a line feed alone": "x\nDIRSYNC:: forged",
    "a line separator": "x\u2028DIRSYNC:: forged\u2029DIRSYNC:: forged\x85DIRSYNC:: forged",
    "terminal commands": "x\x1b[2J\x1b[31mDIRSYNC:: forged\x07",
    "letters that turn the direction": "x\u202eforged ::CNYSRID\u2066",
    "another field of the line": 'x", address:"10.0.0.1", user:"ada',
    "a vertical tab and a form feed": "x\x0bDIRSYNC:: forged\x0cDIRSYNC:: forged",
}


class TestTheLog:
    @pytest.mark.parametrize("what", HOSTILE_NAMES)
    def test_is_not_forged_by_a_username(self, world: World, what: str) -> None:
        with attack(
            f"{what} in the username of a sign-in",
            how="POST /sign-in/ with it",
            expected="one line that says who was refused, with everything odd written out",
        ) as attempt:
            log = Log()
            attempt.answer(Client().post("/sign-in/", {"username": HOSTILE_NAMES[what], "password": "x"}), 200)
            refused = [line for line in log.lines() if "SECURITY:: sign-in refused" in line]
            attempt.note("1 log line")
            assert len(refused) == 1
            self.holds(log)
            assert 'address:"127.0.0.1"' in refused[0]
            assert 'address:"10.0.0.1"' not in refused[0]

    @pytest.mark.whole
    @pytest.mark.parametrize("place", ["an address", "a search", "a foreign object", "a forged form", "a host"])
    def test_is_not_forged_by(self, world: World, place: str) -> None:
        line = "%0d%0a%5b03.02.26%5d%20DIRSYNC::%20forged%0aDIRSYNC::%20forged%1b%5b2J"
        client = world.client(ORG_ADMIN)
        requests = {
            "an address": lambda: client.get(f"/users/{line}/"),
            "a search": lambda: client.get(f"/users/?q={line}"),
            "a foreign object": lambda: client.get(f"/users/{world.foreign.worker.pk}/?x={line}"),
            "a forged form": lambda: Client(enforce_csrf_checks=True).post(f"/sign-in/?next={line}", {"username": "x"}),
            "a host": lambda: client.get("/", headers={"Host": "evil.example\\nDIRSYNC:: forged"}),
        }

        with attack(
            f"a line of a sync in {place}", how="a request with it", expected="no line of the log begins with it"
        ) as attempt:
            log = Log()
            attempt.answer(requests[place](), 200, 302, 400, 403, 404)
            self.holds(log)

    def test_quotes_an_address_that_a_proxy_passed_on(self, world: World, settings: Settings) -> None:
        settings.BEHIND_PROXY = True

        with attack(
            "a line of a sync in X-Forwarded-For",
            how="POST /sign-in/ behind a proxy that passes on what it gets",
            expected="one line, with it in quotation marks",
        ) as attempt:
            log = Log()
            headers = {"X-Forwarded-For": 'x", user:"ada"\x0bDIRSYNC:: forged'}
            attempt.answer(Client().post("/sign-in/", {"username": "x", "password": "x"}, headers=headers), 200)
            self.holds(log)

    @staticmethod
    def holds(log: Log) -> None:
        """Every line is one of ours: it begins with the time, or is the indented rest of a traceback."""
        for line in log.lines():
            assert line.startswith(("[", "    ")), line
            assert not line.startswith("[03.02.26"), line
            assert line.isprintable(), repr(line)


SECURITY: dict[str, tuple[str, Callable[[World], Any]]] = {
    "a wrong password": (
        "sign-in refused",
        lambda world: Client().post("/sign-in/", {"username": "ada", "password": "x"}),
    ),
    "a page that one may not open": ("not allowed", lambda world: world.client(ORG_ADMIN).get("/audit/")),
    "an object of another company": (
        "not there, or outside what this user may see",
        lambda world: world.client(ORG_ADMIN).get(f"/users/{world.foreign.worker.pk}/"),
    ),
    "a data fix by another than a SYSADMIN": (
        "not allowed",
        lambda world: world.client(ORG_ADMIN).get("/data-fixes/", follow=True),
    ),
    "a forged form": (
        "form refused",
        lambda world: Client(enforce_csrf_checks=True).post("/sign-in/", {"username": "ada"}),
    ),
    "a foreign host name": ("request refused", lambda world: Client().get("/", headers={"Host": "evil.example"})),
    "a NUL in the address": ("request refused", lambda world: Client().get("/users/%00/")),
}


@pytest.mark.parametrize("what", SECURITY)
def test_one_log_line_tells_of(world: World, what: str) -> None:
    event, send = SECURITY[what]

    with attack(
        f"{what}, unnoticed",
        how="one such request",
        expected=f"one line “SECURITY:: {event} …” with who and from where",
    ) as attempt:
        log = Log()
        send(world)
        lines = [line for line in log.lines() if "SECURITY::" in line]
        assert len(lines) == 1, lines
        assert f'SECURITY:: {event} address:"127.0.0.1"' in lines[0]
        attempt.note(f"“SECURITY:: {event} …”")


HEADERS = {
    "htmx": {"HX-Target": "../../etc/passwd#x", "HX-Current-URL": "javascript:alert(1)", "HX-Prompt": "{{7*7}}"},
    "what a browser prefers": {
        "Accept-Language": "../../../etc/passwd," + "x" * 500,
        "Accept": "*/*;q=" + "9" * 300,
        "Range": "bytes=0-1,2-3,4-5,-1",
        "If-None-Match": '"x"' * 200,
        "If-Modified-Since": "Thu, 99 Foo 9999 99:99:99 GMT",
        "User-Agent": "<script>alert(1)</script>\x01",
        "Referer": "javascript:alert(1)",
    },
    "other addresses": {
        "X-Original-URL": "/data-fixes/",
        "X-Rewrite-URL": "/data-fixes/",
        "X-Forwarded-Host": "evil.example",
    },
    "other users": {
        "X-Forwarded-User": "ada",
        "X-Remote-User": "ada",
        "Remote-User": "ada",
        "Authorization": "Basic YWRhOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",
    },
    "settings": {"Cookie": "time_zone=../../etc/passwd; language=xx; messages=x", "X-Forwarded-Proto": "javascript"},
}


@pytest.mark.whole
@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_changes_nothing(world: World, kind: str) -> None:
    with attack(
        f"hostile headers about {kind}",
        how=f"{', '.join(HEADERS[kind])}, one by one, at a list, the sign-in and a page of nobody",
        expected="the answer of a request without it; nobody is signed in by it",
    ) as attempt:
        for header, value in HEADERS[kind].items():
            given = {header: value}
            attempt.goes_to(Client().get("/users/", headers=given), "/sign-in/?next=/users/")
            text = attempt.answer(Client().get("/sign-in/", headers=given), 200, shows="Sign in")
            assert "evil.example" not in text
            if header != "Cookie":
                text = attempt.answer(world.client(ORG_ADMIN).get("/users/", headers=given), 200)
                assert world.foreign.worker.username not in text
