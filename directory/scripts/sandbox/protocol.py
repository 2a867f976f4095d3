"""Packs requests to a child in a compact form, and checks its answers."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from directory.scripts.sandbox.error_messages import clean, closest_line, explained
from directory.scripts.sandbox.resource_limits import MEMORY_MESSAGE
from directory.values.ldap import Entry
from directory.values.scripts import SCRIPTS, RequestedAttributes, Script, ScriptError, Verdict

# The groups of an entry are a list even when there are none.
GROUPS = "groups"


class BadAnswer(Exception):
    """The child sent an answer that the prelude never sends."""


@dataclass(frozen=True, slots=True)
class EntryAnswer:
    """The verdict on one entry in one request; ``limit``: a script used up its memory."""

    verdict: Verdict
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """An encoded request with some entries."""

    body: bytes
    count: int


class EntryText(NamedTuple):
    """One entry as stored: ``attributes`` is the text of a JSON object of lists of texts."""

    dn: str
    attributes: str


class PackedEntry(NamedTuple):
    """One entry in the form for requests, and the names of its attributes."""

    names: tuple[str, ...]
    text: str


def with_line_feeds(source: str) -> str:
    """Return a script with line feeds, the line ends that the engine counts."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True, slots=True)
class _Shape:
    """The common form of entries with the same names: the indexes of values that are always ``lists``, and the row's template."""

    names: tuple[str, ...]
    lists: tuple[int, ...]
    template: str

    @classmethod
    def of(cls, names: tuple[str, ...], always: Sequence[bool]) -> Self:
        """Return the shape of entries whose only lists are those that always are lists."""
        placeholders = ",".join('["%s"]' if is_list else '"%s"' for is_list in always)
        return cls(names, tuple(index for index, is_list in enumerate(always) if is_list), f"[%s,{placeholders}]")


def _shown(name: str, values: Sequence[str]) -> bool:
    """Return whether scripts see an attribute: only the groups, which Rollcall adds itself, are shown without values."""
    return bool(values) or name == GROUPS


class Packer:
    """Turns entries into requests; names are sent once for all entries of a batch with the same names."""

    def __init__(self, always_lists: Collection[str], batch_bytes: int) -> None:
        self._always = frozenset(name.lower() for name in always_lists)
        self._batch_bytes = batch_bytes
        self._lists: dict[tuple[str, ...], tuple[bool, ...]] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    def row(self, entry: Entry | EntryText) -> PackedEntry:
        """Return one entry in the form for requests."""
        if isinstance(entry, EntryText):
            return self._row_of_text(*entry)
        attributes = entry.attributes
        if not all(attributes.values()):
            attributes = {name: values for name, values in attributes.items() if _shown(name, values)}
        names = tuple(attributes)
        row: list[str | tuple[str, ...]] = [entry.dn]
        for values, is_list in zip(attributes.values(), self._always_lists(names), strict=True):
            row.append(values if is_list or len(values) != 1 else values[0])
        return PackedEntry(names, _encoded(row))

    def fitting(self, rows: Sequence[PackedEntry]) -> int:
        """Return how many of the first entries fit into one request, at least one."""
        size = 0
        for count, row in enumerate(rows):
            size += len(row.text)
            if count and size > self._batch_bytes:
                return count
        return len(rows)

    def request(self, rows: Sequence[PackedEntry], scripts: Collection[Script[Any]] = SCRIPTS) -> Request:
        """Return the request for all these entries; those of these scripts that have a source run."""
        shapes: dict[tuple[str, ...], int] = {}
        kinds = [shapes.setdefault(row.names, len(shapes)) for row in rows]
        names = [script.name for script in scripts]
        head = json.dumps({"shapes": list(shapes), "kinds": kinds, "scripts": names})
        body = f'{head[:-1]},"rows":[{",".join([row.text for row in rows])}]}}'
        return Request(body.encode("utf-8"), len(rows))

    def _row_of_text(self, dn: str, text: str) -> PackedEntry:
        """Return the row of an entry by cutting its JSON text, which is much faster than parsing and encoding it."""
        # Attributes without values have to be left out, and quotes in names and values can't be told from those around them.
        if "[]" in text or '\\"' in text or not text.startswith('{"'):
            return self._row_of_json(dn, text)
        # The separators between a list and the next name, and between a name and its list.
        parts = text[2:-3].replace('"], "', '": ["').split('": ["')
        names, values = tuple(parts[::2]), parts[1::2]
        if len(names) != len(values) or ("\\" in text and any("\\" in name for name in names)):
            return self._row_of_json(dn, text)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = _Shape.of(names, self._always_lists(names))
        # The separator between two values. When only attributes that always are lists have several, the template fits.
        if text.count('", "') == sum([values[index].count('", "') for index in shape.lists]):
            return PackedEntry(shape.names, shape.template % (_quoted(dn), *values))
        shown = [
            f'["{value}"]' if is_list or '", "' in value else f'"{value}"'
            for value, is_list in zip(values, self._always_lists(names), strict=True)
        ]
        return PackedEntry(shape.names, f"[{_quoted(dn)},{','.join(shown)}]")

    def _row_of_json(self, dn: str, text: str) -> PackedEntry:
        return self.row(Entry(dn, {name: tuple(values) for name, values in json.loads(text).items()}))

    def _always_lists(self, names: tuple[str, ...]) -> tuple[bool, ...]:
        always = self._lists.get(names)
        if always is None:
            always = tuple(name.lower() in self._always for name in names)
            self._lists[names] = always
        return always


_encoded = json.JSONEncoder(separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring_ascii


def pack_source(script: Script[Any], source: str, requested: RequestedAttributes | None = None) -> bytes:
    """Return the request that loads one script, with what it may return, and which attributes were requested."""
    returns = {"reader": script.returns.reader, "words": dict(script.returns.words), "gate": script.gate}
    payload: dict[str, object] = {"script": script.name, "source": source, **returns, "requested": None}
    if requested is not None:
        payload |= {"requested": [name.lower() for name in requested.names], "advice": requested.advice}
    return json.dumps(payload).encode("ascii")


class Loaded(NamedTuple):
    """The result of loading a script: why it can't run (None if it can), and whether it could leave work behind."""

    error: ScriptError | None
    leaves_work_behind: bool = False


def unpack_load(reply: bytes, script: Script[Any], source: str) -> Loaded:
    """Return the result of loading a script; raises BadAnswer."""
    match _parse(reply):
        case {"error": None, "behind": bool(behind)}:
            return Loaded(None, behind)
        case {"failed": str(text)}:
            return Loaded(ScriptError(script, clean(text)))
        case {"error": [str(message), int() | None as line]}:
            return Loaded(ScriptError(script, clean(message), closest_line(source, line, message)))
        case _:
            raise BadAnswer


def unpack_answers(reply: bytes, sources: Mapping[Script[Any], str], expected: int) -> tuple[list[EntryAnswer], bool]:
    """Return the answers, perhaps only to the first entries, and whether the realm is spoiled; raises BadAnswer.

    ``sources`` are the scripts that the child has loaded.
    """
    match _parse(reply):
        case {
            "scripts": list(names),
            "distinct": list(distinct),
            "answers": list(numbers),
            "spoiled": bool(spoiled),
        }:
            scripts = _scripts(names, sources)
            complete = len(numbers) == expected or (spoiled and len(numbers) < expected)
            if complete and all(type(number) is int and 0 <= number < len(distinct) for number in numbers):
                answers = [_answer(answer, scripts, sources) for answer in distinct]
                return [answers[number] for number in numbers], spoiled
        case _:
            pass
    raise BadAnswer


def _scripts(names: Sequence[object], sources: Mapping[Script[Any], str]) -> list[Script[Any]]:
    """Return the scripts that ran, each at most once; raises BadAnswer for unknown names or another order."""
    found = [script for script in sources if script.name in names]
    if [script.name for script in found] != names:
        raise BadAnswer
    return found


def unpack_failure(reply: bytes) -> str | None:
    """Return why a whole request failed in the child, such as by a late promise; None for a request with answers."""
    if not reply.startswith(b'{"failed"'):
        return None
    match _parse(reply):
        case {"failed": str(text)}:
            first = clean(text.partition("\n")[0])
            # The engine throws null when no memory is left for an error.
            return MEMORY_MESSAGE if first in {"null", "InternalError: out of memory"} else first
        case _:
            raise BadAnswer


def _parse(reply: bytes) -> object:
    try:
        parsed: object = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise BadAnswer from error
    return parsed


def _answer(answer: object, scripts: Sequence[Script[Any]], sources: Mapping[Script[Any], str]) -> EntryAnswer:
    match answer:
        case [bool(varies), *results]:
            return EntryAnswer(Verdict(varies=varies, **_results(results, scripts)))
        case {
            "script": str(name),
            "message": str(message),
            "line": int() | None as line,
            "memory": bool(memory),
            "absent": str() | None as absent,
        }:
            [script] = _scripts([name], sources)
            helpful, near = explained(message, sources[script], line, absent)
            shown = MEMORY_MESSAGE if memory else clean(helpful)
            return EntryAnswer(Verdict(error=ScriptError(script, shown, near)), limit=memory)
        case _:
            raise BadAnswer


def _results(results: Sequence[object], scripts: Sequence[Script[Any]]) -> dict[str, Any]:
    """Return the checked results of the scripts; when a gate returned false, its result is the last one."""
    checked: dict[str, Any] = {}
    is_open = True
    for script, result in zip(scripts, results, strict=False):
        if not is_open:
            raise BadAnswer
        try:
            checked[script.result] = script.returns.check(result)
        except ValueError as error:
            raise BadAnswer from error
        is_open = not script.gate or bool(checked[script.result])
    if len(results) > len(scripts) or (is_open and len(results) < len(scripts)):
        raise BadAnswer
    return checked
