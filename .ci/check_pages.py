"""Checks templates, style sheets and scripts beyond the linters; prints each problem and exits with 1.

Each template is in a folder, has at most 120 lines, and nothing inline that the Content Security Policy would refuse.
No line has more than 160 characters. A template loads each style sheet and script of ours, and every file that it
loads exists. Scripts are modules and compile. Style sheets have balanced brackets and all semicolons, and use only
custom properties that are set.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import dukpy

LINES = 120
CHARACTERS = 160
# The only script that is not a module: it runs before the page is drawn.
BLOCKING = {"js/theme.js"}
# Folders of static files in this repository; others, such as admin/, belong to packages.
OURS = ("css/", "js/", "vendor/")

DJANGO = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
STATIC = re.compile(r"""\{%\s*static\s+['"]([^'"]+)['"]""")
SCRIPT = re.compile(r"<script\b((?:\{%.*?%\}|\{\{.*?\}\}|[^>])*)>(.*?)</script>", re.DOTALL)
INLINE = re.compile(r"""\s(style|on[a-z]+|hx-on[\w:.-]*)\s*=\s*["']|<(style)\b|=\s*["'](javascript:)""", re.IGNORECASE)
FROM = r"""[^'";]*?\bfrom\s*"""
IMPORT = re.compile(rf"""^\s*(?:import\s*(?:{FROM})?|export\b{FROM})["']([^"']+)["'];?\s*$""", re.MULTILINE)
EXPORT = re.compile(r"^export (?:default )?", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
STRING = re.compile(r"""(["'])(?:\\.|(?!\1).)*\1""")
USED = re.compile(r"var\(\s*(--[\w-]+)")
SET = re.compile(r"(?<![\w-])(--[\w-]+)\s*:")
DECLARATION = re.compile(r"-{0,2}[a-z][\w-]*\s*:\s*[^:]+", re.IGNORECASE)
PAIRS = {"}": "{", ")": "(", "]": "["}

Problem = tuple[Path, int, str]


def problems(root: Path) -> Iterator[Problem]:
    """Yield the problems below ``root``, each with file and line."""
    templates = sorted((root / "templates").rglob("*.html"))
    static = root / "static"
    files = [path for path in sorted(static.rglob("*")) if path.suffix in {".css", ".js"} and path.is_file()]
    ours = [path for path in files if not path.is_relative_to(static / "vendor")]
    for path in templates:
        yield from _of_template(root / "templates", path)
    for path in (*templates, *ours):
        yield from _long_lines(path)
    yield from _loaded(static, templates, files)
    known = {name for path in files if path.suffix == ".css" for name in SET.findall(_bare(path.read_text("utf-8")))}
    for path in ours:
        yield from _of_style_sheet(path, known) if path.suffix == ".css" else _of_script(path)


def _long_lines(path: Path) -> Iterator[Problem]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if len(line) > CHARACTERS:
            yield path, number, f"{len(line)} characters, which is more than {CHARACTERS}"


def _of_template(folder: Path, path: Path) -> Iterator[Problem]:
    text = path.read_text("utf-8")
    if path.parent == folder:
        yield path, 1, "stands outside of the folder of its area"
    if (lines := len(text.splitlines())) > LINES:
        yield path, lines, f"{lines} lines, which is more than {LINES}"
    # Remove template tags, but keep line breaks, so that line numbers stay.
    html = DJANGO.sub(lambda found: "\n" * found[0].count("\n"), text)
    for found in INLINE.finditer(html):
        group = found.lastindex or 0
        yield path, _line(html, found.start(group)), f"inline {found[group]}, which the policy refuses"
    for found in SCRIPT.finditer(text):
        yield from _of_script_tag(path, _line(text, found.start()), found[1], found[2])


def _of_script_tag(path: Path, line: int, attributes: str, content: str) -> Iterator[Problem]:
    if content.strip() or not re.search(r"\bsrc\s*=", attributes):
        yield path, line, "inline script, which the policy refuses"
    for name in STATIC.findall(attributes):
        if name.startswith("js/") and name not in BLOCKING and 'type="module"' not in attributes:
            yield path, line, f'{name} is loaded without type="module"'


def _loaded(static: Path, templates: list[Path], files: list[Path]) -> Iterator[Problem]:
    """Compare the files that templates load and scripts import with the existing files."""
    waiting: list[tuple[Path, int, str]] = []
    for path in templates:
        text = path.read_text("utf-8")
        waiting += [(path, _line(text, found.start()), found[1]) for found in STATIC.finditer(text)]
    loaded: set[Path] = set()
    while waiting:
        path, line, name = waiting.pop()
        file = (static / name).resolve()
        if not name.startswith(OURS) and "/" in name:
            continue
        if not file.is_file():
            yield path, line, f"{name} is not there"
        elif file not in loaded:
            loaded.add(file)
            waiting += _imports(static, file)
    for path in files:
        if path.resolve() not in loaded:
            yield path, 1, "no template loads it"


def _imports(static: Path, file: Path) -> list[tuple[Path, int, str]]:
    if file.suffix != ".js" or file.is_relative_to((static / "vendor").resolve()):
        return []
    text = file.read_text("utf-8")
    return [
        (file, _line(text, found.start(1)), (file.parent / found[1]).resolve().relative_to(static.resolve()).as_posix())
        for found in IMPORT.finditer(text)
    ]


def _of_script(path: Path) -> Iterator[Problem]:
    body = EXPORT.sub("", IMPORT.sub("", path.read_text("utf-8")))
    try:
        # The script is only compiled: nothing calls the function.
        dukpy.evaljs("new Function(dukpy.body); 0", body=f'"use strict";{body}')
    except dukpy.JSRuntimeError as error:
        yield path, 1, f"does not compile: {str(error).strip().splitlines()[0]}"


def _bare(css: str) -> str:
    """Return a style sheet without comments and contents of strings; line numbers stay."""
    css = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), css)
    return STRING.sub('""', css)


def _of_style_sheet(path: Path, known: set[str]) -> Iterator[Problem]:
    css = _bare(path.read_text("utf-8"))
    if "/*" in css:
        yield path, _line(css, css.index("/*")), "a comment that does not end"
    if unpaired := _unpaired(css):
        yield path, *unpaired
        return
    yield from ((path, *wrong) for wrong in _wrong_declarations(css))
    for found in USED.finditer(css):
        if found[1] not in known:
            yield path, _line(css, found.start()), f"{found[1]} is set nowhere"


def _unpaired(css: str) -> tuple[int, str] | None:
    opened: list[tuple[str, int]] = []
    for position, sign in enumerate(css):
        if sign in PAIRS.values():
            opened.append((sign, position))
        elif sign in PAIRS and (not opened or opened.pop()[0] != PAIRS[sign]):
            return _line(css, position), f"“{sign}” closes nothing"
    return (_line(css, opened[-1][1]), f"“{opened[-1][0]}” is not closed") if opened else None


def _wrong_declarations(css: str) -> Iterator[tuple[int, str]]:
    """Yield each part of a style sheet that is neither a declaration nor a rule."""
    start, depth, within = 0, 0, 0
    for position, sign in enumerate(css):
        within += (sign in "([") - (sign in ")]")
        if within or sign not in "{};":
            continue
        part = css[start:position].strip()
        if sign != "{" and part and not part.startswith("@"):
            flat = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", part))
            if depth == 0 or not DECLARATION.fullmatch(flat):
                yield (
                    _line(css, start + len(css[start:position]) - len(css[start:position].lstrip())),
                    f"no declaration: {part[:40]}",
                )
        depth += (sign == "{") - (sign == "}")
        start = position + 1
    if css[start:].strip():
        yield _line(css, start), f"no rule: {css[start:].strip()[:40]}"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def main(root: Path) -> int:
    """Print all problems below ``root``; return the exit code."""
    found = sorted(problems(root))
    for path, line, what in found:
        print(f"{path.relative_to(root)}:{line}: {what}", file=sys.stderr)
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
