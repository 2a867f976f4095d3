"""What ``make check`` says of templates, style sheets and scripts: ours are well, and each kind of fault is found."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tree import ROOT

CHECK = runpy.run_path(str(ROOT / ".ci" / "check_pages.py"))
PAGE = """\
{% load static %}
<link rel="stylesheet" href="{% static 'css/tokens.css' %}">
<link rel="stylesheet" href="{% static 'admin/css/forms.css' %}">
<script src="{% static 'js/theme.js' %}"></script>
<script type="module" src="{% static 'js/page.js' %}" nonce="{{ CSP_NONCE }}"></script>
{% if user.may %}<p class="{% if one == 'a' %}on{% endif %}">One = two, on all days.</p>{% endif %}
"""
STYLES = """\
/* Colours; "these" are two. */
:root { --ours: light-dark(oklch(46% 0 0deg), #fff); }
a:not(.btn, [href^="http://x;y"]) { color: var(--ours); margin: 0 !important }
@media (width < 30rem) {
  .line::after { content: "} ; {"; background: url("data:image/svg+xml;utf8,x"); }
}
"""
FILES = {
    "templates/users/list.html": PAGE,
    "static/css/tokens.css": STYLES,
    "static/js/theme.js": "(() => { document.title = 'x'; })();\n",
    "static/js/page.js": 'import { say } from "./words.js";\nexport const name = "page.js";\nsay(name);\n',
    "static/js/words.js": "export const say = (word) => word?.length ?? 0;\n",
}


@pytest.fixture
def problems_of(tmp_path: Path) -> Callable[[dict[str, str]], list[str]]:
    def problems_of(changed: dict[str, str]) -> list[str]:
        for name, text in (FILES | changed).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return [f"{path.relative_to(tmp_path)}:{line}: {what}" for path, line, what in CHECK["problems"](tmp_path)]

    return problems_of


def test_ours_are_well() -> None:
    assert list(CHECK["problems"](ROOT)) == []


def test_what_is_well_is_let_through(problems_of: Callable[[dict[str, str]], list[str]]) -> None:
    assert problems_of({}) == []


def _page(more: str) -> dict[str, str]:
    return {"templates/users/list.html": PAGE + more}


def _styles(more: str) -> dict[str, str]:
    return {"static/css/tokens.css": STYLES + more}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"templates/alone.html": ""}, "templates/alone.html:1: stands outside of the folder of its area"),
        (_page("\n" * 115), "templates/users/list.html:121: 121 lines, which is more than 120"),
        (_page("x" * 161), "templates/users/list.html:7: 161 characters, which is more than 160"),
        (_styles(f"/* {'x' * 155} */"), "static/css/tokens.css:7: 161 characters, which is more than 160"),
        (_page('<p style="color: red">'), "templates/users/list.html:7: inline style, which the policy refuses"),
        (
            _page("<style>p { color: red }</style>"),
            "templates/users/list.html:7: inline style, which the policy refuses",
        ),
        (_page("<p\n onclick='x()'>"), "templates/users/list.html:8: inline onclick, which the policy refuses"),
        (_page('<p hx-on:click="x()">'), "templates/users/list.html:7: inline hx-on:click, which the policy refuses"),
        (
            _page('<a href="javascript:x()">'),
            "templates/users/list.html:7: inline javascript:, which the policy refuses",
        ),
        (_page("<script>x()</script>"), "templates/users/list.html:7: inline script, which the policy refuses"),
        (
            _page("<script src=\"{% static 'js/words.js' %}\" defer></script>"),
            'templates/users/list.html:7: js/words.js is loaded without type="module"',
        ),
        (_page("{% static 'css/gone.css' %}"), "templates/users/list.html:7: css/gone.css is not there"),
        ({"static/css/spare.css": ""}, "static/css/spare.css:1: no template loads it"),
        ({"static/js/spare.js": ""}, "static/js/spare.js:1: no template loads it"),
        ({"static/js/words.js": 'import "./gone.js";\n'}, "static/js/words.js:1: js/gone.js is not there"),
        (
            {"static/js/words.js": "const say = ;\n"},
            "static/js/words.js:1: does not compile: SyntaxError: unexpected token in expression: ';'",
        ),
        (_styles("p { color: red;"), "static/css/tokens.css:7: “{” is not closed"),
        (_styles("p { color: red; } }"), "static/css/tokens.css:7: “}” closes nothing"),
        (_styles("p { color: var(--ours; }"), "static/css/tokens.css:7: “}” closes nothing"),
        (_styles("/* no end"), "static/css/tokens.css:7: a comment that does not end"),
        (_styles("p { color: var(--theirs); }"), "static/css/tokens.css:7: --theirs is set nowhere"),
        (
            _styles("p {\n  color: red\n  margin: 0;\n}"),
            "static/css/tokens.css:8: no declaration: color: red\n  margin: 0",
        ),
        (_styles("p { color }"), "static/css/tokens.css:7: no declaration: color"),
        (_styles("color: red;"), "static/css/tokens.css:7: no declaration: color: red"),
    ],
)
def test_a_fault_is_found(
    problems_of: Callable[[dict[str, str]], list[str]], changed: dict[str, str], expected: str
) -> None:
    assert expected in problems_of(changed)


def test_the_command_fails_and_names_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "alone.html").write_text("")

    assert CHECK["main"](tmp_path) == 1
    assert capsys.readouterr().err == "templates/alone.html:1: stands outside of the folder of its area\n"
