"""Finds probable mistakes in scripts, and describes them in sentences for the page and the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from directory.models import LdapServer

# Attributes with the texts TRUE and FALSE in every directory that has them: in JavaScript both texts count as true.
TEXTS_OF_TRUTH = (
    "nsAccountLock", "loginDisabled", "ds-pwp-account-disabled", "lockedByIntruder", "pwdReset", "pwdLockout",
    "ibm-pwdAccountLocked", "nsAccountInactive", "krbAccountLocked", "zimbraAccountDisabled", "loginAllowed",
    "isDeleted", "isCriticalSystemObject", "msExchHideFromAddressLists",
)  # fmt: skip
_SPELLINGS = {name.lower(): name for name in TEXTS_OF_TRUTH}
# A regular expression literal: a slash after something that can't be a value to divide.
_REGULAR_EXPRESSION = re.compile(
    r"(?:[=(,:;!&|?{}\[]|\breturn)\s*/(?![/*])[^/\n]+/|\bnew\s+RegExp\b|\.match\(|\.replace\(\s*/"
)
_TEXT = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_COMMENTS_AND_TEXTS = re.compile(rf"//[^\n]*|/\*.*?\*/|{_TEXT}", re.DOTALL)
_PARAMETER = re.compile(r"\bfunction\s*\w*\s*\(\s*(\w+)|\(\s*(\w+)\s*\)\s*=>|\b(\w+)\s*=>")
_ATTRIBUTE = r"(?:\s*\??\.\s*(?P<bare>[A-Za-z]\w*)|\s*(?:\?\.)?\[\s*[\"'`](?P<text>[A-Za-z][\w-]*)[\"'`]\s*\])"
_ALIAS = re.compile(r"\b(?:var|let|const)\s+(\w+)\s*=\s*$")
# entry.groups and entry["groups"].
_GROUPS = re.compile(r"\w\s*\??\.\s*groups\b(?!\s*\()|\w\s*\[\s*[\"'`]groups[\"'`]\s*\]", re.IGNORECASE)
_ENDS = r"\s*(?:[;})\n,:]|$)"


def of_server(server: LdapServer) -> dict[str, list[str]]:
    """Return hints about a server's scripts, by field."""
    resolved = server.resolve_groups
    return {
        script.column: found
        for script, source in server.scripts.items()
        if (found := [*hints(source), *_of_groups(source, resolved=resolved)])
    }


def _of_groups(source: str, *, resolved: bool) -> Iterator[str]:
    if not resolved and _GROUPS.search(_COMMENTS_AND_TEXTS.sub(_without_texts, source)):
        yield _(
            "This script looks at the groups of the entry, which this server does not resolve: they are undefined unless "
            "the directory itself has an attribute of that name. Turn “resolve groups” on, or use memberOf."
        )


def hints(source: str) -> Iterator[str]:
    """Yield a sentence for each thing that is allowed in a script but probably not meant."""
    code = _COMMENTS_AND_TEXTS.sub('""', source)
    if _REGULAR_EXPRESSION.search(code):
        yield _("This script uses a regular expression, which takes much longer than indexOf or includes.")
    if code.strip() and "return" not in code and "=>" not in code:
        yield _("This script returns nothing, so it never decides anything.")
    if (name := _lost_entry(code)) is not None:
        yield _(
            "%(name)s stands there without “entry.” before it: it reads the attribute where the entry has it, and "
            "is a script error where not."
        ) % {"name": name}
    for attribute in texts_taken_for_truth(source):
        yield _(
            "%(name)s holds the text TRUE or FALSE, and each text counts as true: compare it, as in "
            'String(entry["%(name)s"]).toUpperCase() === "TRUE".'
        ) % {"name": attribute}


def _lost_entry(code: str) -> str | None:
    """Return an attribute that a script reads both with and without ``entry.`` before it, a common mistake."""
    attributes = {name.lower() for name in re.findall(r"\bentry\.(\w+)", code)}
    declared = set(re.findall(r"\b(?:var|let|const|function)\s+(\w+)", code))
    for name in re.findall(r"(?<![\w.$])([A-Za-z_]\w*)\s*(?=[.\[])", code):
        if name.lower() in attributes and name not in declared and name != "entry":
            return str(name)
    return None


def texts_taken_for_truth(source: str) -> list[str]:
    """Return the attributes with the texts TRUE or FALSE that a script uses only as conditions.

    An attribute that the script also compares is left out: it may test first whether the attribute exists.
    """
    code = _COMMENTS_AND_TEXTS.sub(_without_texts, source)
    uses: dict[str, list[bool]] = {}
    for name, start, end in _uses(code):
        uses.setdefault(name, []).append(_is_condition(code[:start], code[end:]))
    return [_SPELLINGS[name] for name, conditions in sorted(uses.items()) if all(conditions)]


def _without_texts(found: re.Match[str]) -> str:
    """Return a text that names an attribute, as in entry["mail"], unchanged; other texts empty, and a comment as a blank."""
    is_name = found.string[: found.start()].rstrip().endswith("[")
    return found[0] if is_name else '""' if found[0][0] in "\"'" else " "


def _uses(code: str) -> Iterator[tuple[str, int, int]]:
    """Yield each use of such an attribute, or of a variable with its value: name, begin and end."""
    parameters = {next(filter(None, found.groups())) for found in _PARAMETER.finditer(code)} | {"entry"}
    reading = re.compile(rf"(?<![\w.$])(?:{'|'.join(map(re.escape, sorted(parameters)))}){_ATTRIBUTE}")
    aliases: Mapping[str, str] = {}
    for found in reading.finditer(code):
        if (name := (found["bare"] or found["text"]).lower()) not in _SPELLINGS:
            continue
        alias = _ALIAS.search(code[: found.start()])
        if alias and re.match(_ENDS, code[found.end() :]):
            aliases = {**aliases, alias[1]: name}
        else:
            yield name, found.start(), found.end()
    for alias_name, name in aliases.items():
        for use in re.finditer(rf"(?<![\w.$])(?<!var )(?<!let )(?<!const ){re.escape(alias_name)}\b", code):
            yield name, use.start(), use.end()


def _is_condition(before: str, after: str) -> bool:
    """Return whether the value between ``before`` and ``after`` is used only as a condition."""
    before, after = before.rstrip(), after.lstrip()
    if after.startswith((".", "[", "?.", "(", "==", "!=", "+", "<", ">", "??")):
        return False
    if before.endswith("!"):
        return True
    if after.startswith(("?", "&&")):
        return True
    tested = re.search(r"(?:\b(?:if|while)\s*\(|\bBoolean\(|&&|\breturn|=>)$", before) is not None
    return tested and re.match(r"(?:[;})\n]|\|\||$)", after) is not None
