"""Checks names and folders of the product's modules beyond the linters; prints each problem and exits with 1.

A module begins with one sentence about its job. It has at most 300 lines, or a line of its docstring that begins with
"Long because" and gives the reason. A folder has at most 15 modules. A class name is used once, so that it means one
thing; names given by a framework are left out. No name contains a retired word: each has a better word of the field now
(docs/glossary.md).
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("console", "directory", "orgs")
# Programs of the product whose names do not end as a module's.
PROGRAMS = ("static/agent/rollcall-agent",)
MOST_MODULES = 15
MOST_LINES = 300
WHY_LONG = "Long because "
# Django requires these class names.
GIVEN = {"Command", "Meta", "Migration"}

# Retired as a name and as a part of one (``rivals``, ``_rivals_of``, ``RivalList``), with the words to use instead. A
# plural with an s counts as its singular.
RETIRED_PARTS = {
    "apart": "isolated, or in a process of its own",
    "asked": "requested, or servers",
    "backwards": "inverse",
    "belongings": "devices and archives",
    "contested": "ambiguous",
    "crew": "evaluation dispatcher",
    "doubled": "duplicate usernames",
    "draft": "change builder",
    "got_ahead": "prefetched",
    "grave": "needs confirmation",
    "ground": "match fingerprint",
    "hear": "receive, read, or what is done with it",
    "heard": "received, or the time that it is: last_beat_at, lease_renewed_at",
    "helpers": "worker pool, or workers",
    "house": "plan context",
    "inquiry": "absence check",
    "made_alike": "evaluation fingerprint",
    "made_by": "evaluation fingerprint",
    "name_chain": "rename chain",
    "patience": "timeout, extra time-out, or absence grace",
    "relay": "stream",
    "rival": "competing users",
    "said": "sentence, message, verdict, or what else it is",
    "say": "write, log, report, or sentence",
    "script_page": "evaluation batch",
    "second_look": "confirmation",
    "shelf": "entry store",
    "shelve": "entry stores",
    "sighting": "lookup result",
    "sought": "missing users",
    "standing": "cached decision",
    "tally": "plan counts",
    "tell": "write, send, report, or return",
    "told": "sentence, rows, digest, payload, or what else it is",
    "traces": "side effects",
    "whereabouts": "absence check result",
    "wire": "transport",
}
# Retired only as a whole name (without underscores around it): as a part of a name they have a plain meaning. A word
# with a capital is a class name.
RETIRED_NAMES = {
    "Directory": "DirectoryView",
    "Extent": "ReadScope",
    "Follow": "the attribute rules by their subject",
    "History": "CursorKind",
    "Job": "RunContext",
    "Moment": "SideEffectSnapshot",
    "Position": "SyncCursor",
    "Times": "RunTiming",
    "ahead": "prefetched, or the unit that is fetched",
    "asks": "needs_evaluation, or servers",
    "held": "on_hold, locked, taken, or lease",
    "knows": "has, or stored",
    "memberships": "group_changes, or what is counted",
    "opened": "decoded, or decrypted",
    "place": "entry_key, target_org, position, or what else it is",
    "seen": "dn_hashes, or what was found",
    "sent": "raw",
    "settle": "decide_deferred",
    "stands": "can_skip",
    "want": "add",
}


def modules(root: Path) -> list[Path]:
    """Return the paths of the product's modules, relative to ``root``, without migrations."""
    found = [path.relative_to(root) for name in PRODUCT for path in (root / name).rglob("*.py")]
    found += [Path(name) for name in PROGRAMS if (root / name).exists()]
    return sorted(path for path in found if "migrations" not in path.parts)


def problems(root: Path) -> Iterator[str]:
    """Yield the problems of the product's modules below ``root``, as sentences."""
    folders, classes = defaultdict[Path, int](int), defaultdict[str, list[str]](list)
    for path in modules(root):
        if path.name != "__init__.py":
            folders[path.parent] += 1
        tree = ast.parse((root / path).read_text("utf-8"))
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        if tree.body and not first.endswith("."):
            yield f"{path}: the first line has to say in one sentence what the module does."
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name not in GIVEN:
                classes[node.name].append(path.as_posix())
        yield from _retired(path, tree)
    for folder, count in folders.items():
        if count > MOST_MODULES:
            yield f"{folder}: {count} modules are more than {MOST_MODULES}: give some a folder of their own."
    for name, paths in classes.items():
        if len(paths) > 1:
            yield f"{name}: the class name stands in {' and in '.join(paths)}: one name, one class."
    yield from _long_modules(root)


def _long_modules(root: Path) -> Iterator[str]:
    for path in modules(root):
        text = (root / path).read_text("utf-8")
        lines, docstring = text.count("\n"), ast.get_docstring(ast.parse(text)) or ""
        if lines > MOST_LINES and not any(line.startswith(WHY_LONG) for line in docstring.splitlines()):
            yield (
                f"{path}: {lines} lines are more than {MOST_LINES}: split it by subject, or begin a line of its docstring "
                f"with {WHY_LONG.strip()!r} and say why."
            )


def _retired(path: Path, tree: ast.Module) -> Iterator[str]:
    """Yield a problem for each name in a module, and the module's own name, that contains a retired word."""
    for line, name in sorted({(1, path.stem), *_names(tree)}):
        if (found := retired_word(name)) is not None:
            word, instead = found
            yield f"{path}:{line}: {name}: `{word}` is retired: use {instead}"


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module defines, with their lines; names of other modules are left out."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)):
                # A keyword argument of our own functions, or a column in a query.
                yield node.lineno, name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield node.lineno, name


def retired_word(name: str) -> tuple[str, str] | None:
    """Return the retired word in a name with the words to use instead; None if there is none."""
    whole = name.strip("_")
    for spelled in (whole, whole.lower(), whole.lower().removesuffix("s")):
        if spelled in RETIRED_NAMES:
            return spelled, RETIRED_NAMES[spelled]
    # Parts of a name begin with an underscore or a capital.
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", whole).lower().split("_")
    for start in range(len(parts)):
        for end in range(start + 1, len(parts) + 1):
            part = "_".join(parts[start:end])
            for word in (part, part.removesuffix("s")):
                if word in RETIRED_PARTS:
                    return word, RETIRED_PARTS[word]
    return None


def main() -> int:
    """Print all problems; return the exit status."""
    found = list(problems(ROOT))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
