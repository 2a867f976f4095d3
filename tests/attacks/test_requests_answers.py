"""What every answer carries and gives away, and what Rollcall does with requests that are too big, too odd or elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.attacks.attempts import attack, body
from tests.attacks.forms import as_sent
from tests.attacks.urls import mostly_whole
from tests.attacks.world import ORG_ADMIN, SERVER_ADMIN, SYSADMIN, World
from tests.makers import PASSWORD

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "user-list"}
ALWAYS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = {
    "default-src": "'none'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def broken(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask for a page whose view has a bug."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug with a secret: bind-secret-4711 in /work/somewhere.py")

    monkeypatch.setattr("console.views.settings.audit.show_list", fail)
    client = world.client(SYSADMIN)
    client.raise_request_exception = False
    return client.get("/audit/")


MakeRequest = Callable[[World, pytest.MonkeyPatch], Any]
ANSWERS: dict[str, tuple[int, MakeRequest]] = {
    "a page": (200, lambda world, _: world.client(SYSADMIN).get("/users/")),
    "a fragment": (200, lambda world, _: world.client(SYSADMIN).get("/users/", headers=FRAGMENT)),
    "the sign-in": (200, lambda world, _: Client().get("/sign-in/")),
    "a redirect to the sign-in": (302, lambda world, _: Client().get("/users/")),
    "a CSV export": (200, lambda world, _: world.client(SYSADMIN).get("/users/users.csv")),
    "a JSON export": (
        200,
        lambda world, _: world.client(SYSADMIN).get(reverse("runs:json", args=[world.objects["run"].pk])),
    ),
    "a style sheet": (200, lambda world, _: Client().get("/static/css/tokens.css")),
    "a picture": (200, lambda world, _: Client().get("/static/favicon.svg")),
    "a file of the data fixes": (200, lambda world, _: Client().get("/static/admin/css/base.css")),
    "the data fixes": (200, lambda world, _: world.client(SYSADMIN).get("/data-fixes/")),
    "a data fix": (200, lambda world, _: world.client(SYSADMIN).get("/data-fixes/orgs/org/add/")),
    "an address that is not there": (404, lambda world, _: Client().get("/wp-login.php")),
    "a static file that is not there": (404, lambda world, _: Client().get("/static/nothing.js")),
    "an object of another company": (
        404,
        lambda world, _: world.client(ORG_ADMIN).get(f"/users/{world.foreign.worker.pk}/"),
    ),
    "a page that one may not open": (403, lambda world, _: world.client(ORG_ADMIN).get("/audit/")),
    "a forged form": (403, lambda world, _: Client(enforce_csrf_checks=True).post("/sign-in/", {"username": "x"})),
    "a method that is not taken": (405, lambda world, _: world.client(SYSADMIN).post("/users/")),
    "a foreign host name": (400, lambda world, _: Client().get("/", headers={"Host": "evil.example"})),
    "a bug": (500, broken),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_carries_the_headers(world: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    status, make_request = ANSWERS[what]

    with attack(
        f"framing, sniffing and scripts in {what}",
        how="the headers of one such answer",
        expected=f"{status}; {', '.join(ALWAYS)}, Permissions-Policy and a strict Content-Security-Policy",
    ) as attempt:
        response = make_request(world, monkeypatch)
        attempt.answer(response, status)
        for name, value in ALWAYS.items():
            assert response.headers.get(name) == value, name
        assert "camera=()" in response.headers["Permissions-Policy"]
        assert "Server" not in response.headers
        assert "X-Powered-By" not in response.headers
        policy = dict(
            part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";")
        )
        assert {name: policy[name] for name in POLICY} == POLICY
        for name in ("script-src", "style-src"):
            assert re.fullmatch(r"'self'( 'nonce-[\w+/=]+')?", policy[name]), name
        attempt.note("all headers")


KEPT = [what for what, (status, _) in ANSWERS.items() if status == 200 and what != "a file of the data fixes"]


def test_answers_for_some_are_kept_by_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with attack(
        "pages in a cache between, or behind “Back” after signing out",
        how=f"the header Cache-Control of {', '.join(KEPT)}",
        expected="public for static files; otherwise private and not stored",
    ) as attempt:
        for what in KEPT:
            response = ANSWERS[what][1](world, monkeypatch)
            attempt.answer(response, 200)
            kept = response.headers["Cache-Control"]
            static = what in {"a style sheet", "a picture"}
            attempt.note("public" if static else "not stored")
            assert "public" in kept if static else {"private", "no-store"} <= set(re.split(r",\s*", kept)), what


class TestOverHttps:
    @pytest.fixture
    def https(self, settings: Settings) -> Settings:
        """What HTTPS=1 and HSTS_SECONDS=31536000 make of the settings."""
        settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True
        settings.COOKIE_PREFIX = "__Host-"
        settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
        settings.SECURE_HSTS_SECONDS = 31536000
        return settings

    def test_cookies_stay_there(self, world: World, https: Settings) -> None:
        with attack(
            "cookies read on the way or set by a neighbour",
            how="a sign-in over HTTPS, with HTTPS=1",
            expected="each cookie Secure, HttpOnly, named __Host-…",
        ) as attempt:
            browser = Client()
            given = {"username": "ada", "password": PASSWORD}
            attempt.goes_to(browser.post("/sign-in/", given, secure=True), "/")
            browser.get("/", secure=True)
            browser.get("/settings/security/ldap/", secure=True)
            attempt.note(", ".join(sorted(browser.cookies)))
            assert set(browser.cookies) == {"__Host-session", "__Host-csrf", "__Host-known"}
            for cookie in browser.cookies.values():
                assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")

    def test_plain_requests_are_sent_there(self, world: World, https: Settings) -> None:
        with attack(
            "a page over plain HTTP", how="GET /users/ and POST /sign-in/", expected="301 to https://, nothing read"
        ) as attempt:
            for response in (
                Client().get("/users/"),
                Client().post("/sign-in/", {"username": "ada", "password": PASSWORD}),
            ):
                attempt.answer(response, 301)
                assert response.headers["Location"].startswith("https://testserver/")
                assert not response.cookies

    def test_browsers_are_told_to_stay_there(self, world: World, https: Settings) -> None:
        with attack(
            "a browser lured back to plain HTTP",
            how="the header Strict-Transport-Security, with HSTS_SECONDS=31536000",
            expected="max-age=31536000 over HTTPS",
        ) as attempt:
            response = Client().get("/sign-in/", secure=True)
            attempt.answer(response, 200)
            attempt.note(response.headers["Strict-Transport-Security"])
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


ELSEWHERE = {
    "two slashes": ("//evil.example", "///evil.example", " //evil.example", "\x00//evil.example", "/\t/evil.example"),
    "a whole address": (
        "https://evil.example/",
        "http:evil.example",
        "http:///evil.example",
        "http://testserver:8000/",
    ),
    "a script": ("javascript:alert(1)", "data:text/html,x", "vbscript:x"),
    "backslashes": ("\\\\evil.example", "/\\evil.example", "/\\/evil.example"),
    "a name like ours": (
        "https://testserver@evil.example/",
        "https://testserver.evil.example/",
        "//testserver@evil.example",
    ),
    "a line break": ("/users/\r\nSet-Cookie: evil=1", "/users/\nLocation: //evil.example"),
    "no slash": ("？//evil.example", "?next=//evil.example", "evil.example", "..//evil.example"),
}


@pytest.mark.parametrize("kind", mostly_whole(ELSEWHERE, {"two slashes", "backslashes", "a script"}))
def test_nobody_is_sent_elsewhere(world: World, kind: str) -> None:
    with attack(
        f"next= with {kind}",
        how=f"{ELSEWHERE[kind]} at the sign-in, at “Confirm it is you” and at the door of the data fixes",
        expected="this console, without a line break in the header",
    ) as attempt:
        given, signed = {"username": "ada", "password": PASSWORD}, world.client(SYSADMIN)
        for address in ELSEWHERE[kind]:
            answers = [
                Client().post("/sign-in/", given | {"next": address}),
                signed.post("/confirm/", {"password": PASSWORD, "next": address}),
            ]
            # In an address a NUL is refused outright.
            if "\x00" not in address:
                answers += [
                    signed.get("/sign-in/", {"next": address}),
                    Client().get("/data-fixes/login/", {"next": address}),
                ]
            for response in answers:
                attempt.goes_to(response, "/")
                leads = response.headers["Location"]
                assert not {"\r", "\n"} & set(leads)
                assert not leads.startswith(("//", "/\\", "/\t")), leads


HOSTS = (
    "evil.example",
    "testserver.evil.example",
    "testserver@evil.example",
    "evil.example:80",
    "",
    "[::1",
    "a b",
    "x" * 300,
)


@pytest.mark.whole
def test_a_foreign_host_name_is_refused(world: World) -> None:
    with attack(
        "a foreign host name",
        how=f"GET and POST of the sign-in with {', '.join(HOSTS)[:120]} as Host, and in X-Forwarded-Host",
        expected="400; in X-Forwarded-Host it counts for nothing",
    ) as attempt:
        given = {"username": "ada", "password": PASSWORD}
        for host in HOSTS:
            attempt.answer(Client().get("/sign-in/", headers={"Host": host}), 400, shows="Bad request")
            attempt.answer(Client().post("/sign-in/", given, headers={"Host": host}), 400, shows="Bad request")
            text = attempt.answer(Client().get("/sign-in/", headers={"X-Forwarded-Host": host}), 200)
            assert "evil.example" not in text


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


Send = Callable[[World], Any]
TOO_MUCH: dict[str, tuple[str, tuple[int, ...], Send]] = {
    "a form of 6 MB at the sign-in": (
        "400",
        (400,),
        lambda _: Client().post("/sign-in/", {"username": "x" * 6_000_000}),
    ),
    "a form of 6 MB in the settings": (
        "400",
        (400,),
        lambda world: world.client(SYSADMIN).post(
            "/settings/notifications/", {"notification_addresses": "x" * 6_000_000}
        ),
    ),
    "2,000 fields in a form": (
        "400",
        (400,),
        lambda _: Client().post("/sign-in/", {f"f{number}": "" for number in range(2000)}),
    ),
    "10,000 parameters in an address": (
        "400",
        (400,),
        lambda world: world.client(SYSADMIN).get("/users/", {f"f{number}": "" for number in range(10_000)}),
    ),
    "10,000 filters of the same name": (
        "400",
        (400,),
        lambda world: world.client(SYSADMIN).get("/users/", {"org": ["1"] * 10_000}),
    ),
    "900 columns to sort by": (
        "200",
        (200,),
        lambda world: world.client(SYSADMIN).get("/users/", {"sort": ["username"] * 900}),
    ),
    "the page 1,000,000,000": (
        "200",
        (200,),
        lambda world: world.client(SYSADMIN).get("/audit/", {"page": "1000000000"}),
    ),
    "1,000,000 rows a page": (
        "200",
        (200,),
        lambda world: world.client(SYSADMIN).get("/audit/", {"per_page": "1000000"}),
    ),
    "a search of %%%% and 1,000 words": (
        "200",
        (200,),
        lambda world: world.client(SYSADMIN).get("/users/", {"q": "%%%% " + "a " * 1000}),
    ),
    "a search of 1 MB": ("200", (200,), lambda world: world.client(SYSADMIN).get("/users/", {"q": "x" * 1_000_000})),
    "a username of 1 MB": (
        "200",
        (200,),
        lambda _: Client().post("/sign-in/", {"username": "x" * 1_000_000, "password": "x"}),
    ),
    "a password of 1 MB": (
        "200",
        (200,),
        lambda _: Client().post("/sign-in/", {"username": "x", "password": "x" * 1_000_000}),
    ),
    "JSON 100,000 deep": (
        "200",
        (200,),
        lambda _: Client().post("/sign-in/", deep(100_000), content_type="application/json"),
    ),
    "JSON 100,000 deep in a setting": (
        "200",
        (200,),
        lambda world: world.client(SYSADMIN).post("/settings/notifications/", {"notification_addresses": deep(1000)}),
    ),
    "an address of 100 KB": ("404", (404,), lambda world: world.client(SYSADMIN).get("/users/" + "x" * 100_000)),
    "200 folders deep": ("404", (404,), lambda world: world.client(SYSADMIN).get("/users/" + "../" * 200)),
    "a cookie of 100 KB": ("302", (302,), lambda _: Client(headers={"Cookie": "a=" + "x" * 100_000}).get("/")),
    "1,000 cookies": (
        "302",
        (302,),
        lambda _: Client(headers={"Cookie": "; ".join(f"c{n}=1" for n in range(1000))}).get("/"),
    ),
    "200 files in a form": (
        "400",
        (400,),
        lambda _: Client().post("/sign-in/", _multipart(200), content_type="multipart/form-data; boundary=x"),
    ),
    "a part that never ends": (
        "400 or the form again",
        (200, 400),
        lambda _: Client().post(
            "/sign-in/",
            b"--x\r\nContent-Disposition: form-data; name=a",
            content_type="multipart/form-data; boundary=x",
        ),
    ),
    "a form without a boundary": (
        "400",
        (400,),
        lambda _: Client().post("/sign-in/", b"a=b", content_type="multipart/form-data"),
    ),
}


def _multipart(files: int) -> bytes:
    part = '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n'
    return (part * files + "--x--\r\n").encode()


@pytest.mark.parametrize(
    "what", mostly_whole(TOO_MUCH, {"a form of 6 MB at the sign-in", "10,000 parameters in an address"})
)
def test_too_much_is_refused_or_cut(world: World, what: str) -> None:
    expected, statuses, send = TOO_MUCH[what]

    with attack(what, how="one such request", expected=expected) as attempt:
        attempt.answer(send(world), *statuses)


FIELDS = ("name", "urls", "bind_dn", "search_base", "search_filter", "canary", "ca_certificate", "active_script")


@pytest.mark.whole
def test_a_setting_of_a_megabyte_is_refused_by_name(world: World) -> None:
    server = world.objects["server"]
    client, address = world.client(SERVER_ADMIN), reverse("ldap_servers:edit", args=[server.pk])
    given = as_sent(client.get(address).context["form"])

    with attack(
        "1 MB in a setting of an LDAP server",
        how=f"POST {address} with it in {', '.join(FIELDS)}, one after the other",
        expected="the form again, with a message at that field",
    ) as attempt:
        for field in FIELDS:
            response = client.post(address, given | {field: "x" * 1_000_000})
            attempt.answer(response, 200, shows="Nothing is saved yet", what=field)
            assert field in response.context["form"].errors


CONTENT_TYPES = {
    "application/json": json.dumps({"username": "ada", "password": PASSWORD}),
    "text/plain": f"username=ada&password={PASSWORD}",
    "text/xml": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "application/x-yaml": "!!python/object/apply:os.system ['id']",
    "application/x-www-form-urlencoded; charset=utf-7": "username=+AGE-&password=x",
    "application/x-www-form-urlencoded; charset=bogus": "username=ada&password=x",
    "application/x-python-serialize": "cos\nsystem\n(S'id'\ntR.",
    "": "username=ada",
}


@pytest.mark.whole
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_body_of_another_kind_is_no_form(world: World, content_type: str) -> None:
    with attack(
        f"a body that calls itself {content_type or 'nothing'}",
        how="POST /sign-in/ with right names in it, and settings, a data fix and a plan as a SYSADMIN",
        expected="the form again or 400: nothing is read from it",
    ) as attempt:
        given = CONTENT_TYPES[content_type].encode()
        response = Client().generic("POST", "/sign-in/", given, content_type)
        attempt.answer(response, 200, 400)
        assert "session" not in response.cookies
        client = world.client(SYSADMIN)
        for address in ("/settings/security/ldap/add/", "/data-fixes/orgs/org/add/"):
            attempt.answer(client.generic("POST", address, given, content_type), 200, 400)


STATIC = {
    "folders above": (
        "/static/../console/settings.py",
        "/static/..%2fconsole/settings.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/%252e%252e/console/settings.py",
        "/static/..\\console\\settings.py",
        "/static/....//....//etc/passwd",
        "/static/./css/tokens.css/../../../README.md",
        "/static/admin/../../manage.py",
    ),
    "other roots": ("/static//etc/passwd", "/static/file:///etc/passwd", "//etc/passwd"),
    "folders themselves": ("/static/", "/static/vendor/", "/static/css/tokens.css/"),
    "cut names": ("/static/css/tokens.css%00.png", "/static/%00", "/static/css/tokens.css%20"),
    "files of Rollcall's own": (
        "/.git/config",
        "/var/secret_key",
        "/README.md",
        "/manage.py",
        "/.env",
        "/rollcall.sqlite3",
    ),
}


@pytest.mark.parametrize("kind", STATIC)
def test_no_file_of_ours_is_served(world: World, kind: str) -> None:
    with attack(
        f"{kind} below the static files",
        how=f"GET and HEAD of {', '.join(STATIC[kind])}",
        expected="404, or 400 for a NUL; no file, no folder",
    ) as attempt:
        for address in STATIC[kind]:
            text = attempt.answer(Client().get(address), 404, 400, what=address)
            assert "SECRET" not in text
            assert "root:" not in text
            assert Client().head(address).status_code in {404, 400}


LEAKY: dict[str, tuple[int, MakeRequest]] = {
    "a bug": (500, broken),
    "a page that is not there": (404, lambda world, _: world.client(SYSADMIN).get("/nothing/")),
    "an object that is not there": (404, lambda world, _: world.client(SYSADMIN).get("/users/99999999/")),
    "a forged form": (
        403,
        lambda world, _: Client(enforce_csrf_checks=True).post("/sign-in/", {"password": "hunter2"}),
    ),
    "a page that one may not open": (403, lambda world, _: world.client(ORG_ADMIN).get("/audit/")),
    "a foreign host name": (400, lambda world, _: Client().get("/", headers={"Host": "evil.example"})),
    "too much": (400, lambda world, _: Client().post("/sign-in/", {"username": "x" * 6_000_000})),
}


@pytest.mark.parametrize("what", LEAKY)
def test_an_error_page_gives_nothing_away(world: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    status, make_request = LEAKY[what]

    with attack(
        f"the error page of {what}",
        how="one such request",
        expected=f"{status} in plain words with a way back; no traceback, version, path, setting or password",
    ) as attempt:
        text = attempt.answer(make_request(world, monkeypatch), status, shows="To the dashboard")
        for word in ("hunter2", "RuntimeError", "Django", "Python", "settings", "evil.example", "csrfmiddlewaretoken"):
            assert word not in text, word
        attempt.note("a page of the console's own")


def test_the_address_for_load_balancers_tells_no_more_than_they_need(world: World) -> None:
    with attack(
        "/healthz, which anybody may ask",
        how="GET, POST, a foreign host name, a session, 10,000 parameters",
        expected="“ok” and nothing else; 405 for what it does not take",
    ) as attempt:
        answers = [
            Client().get("/healthz"),
            Client().get("/healthz", headers={"Host": "evil.example"}),
            world.client(SYSADMIN).get("/healthz"),
            Client().get("/healthz?" + "a=1&" * 10_000),
        ]
        for response in answers:
            assert attempt.answer(response, 200) == "ok"
            assert not response.cookies
        assert attempt.answer(Client().post("/healthz", {"x": "y"}), 405) == ""


def test_error_pages_for_one_user_name_no_other(world: World) -> None:
    with attack(
        "somebody else's data in an error page",
        how="the 404 of a foreign user, device and org as an org admin",
        expected="the same page for each, to the letter",
    ) as attempt:
        client = world.client(ORG_ADMIN)
        there = world.foreign
        addresses = (
            f"/users/{there.worker.pk}/",
            f"/devices/{there.device.pk}/",
            f"/orgs/{there.org.pk}/",
            "/users/98765/",
        )
        answers = {body(client.get(address)) for address in addresses}
        attempt.note(f"{len(answers)} page")
        assert len(answers) == 1
