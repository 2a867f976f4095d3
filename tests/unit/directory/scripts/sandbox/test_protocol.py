"""Whatever the child process says, the parent takes an answer from it or calls it a bad one: a script may have got out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.scripts.sandbox.protections import read_layers
from directory.scripts.sandbox.protocol import BadAnswer, unpack_answers, unpack_failure, unpack_load
from directory.values.scripts import ACTIVE, ORG_NAME, ROLE_NAME, Script

SOURCES: Mapping[Script[Any], str] = {ACTIVE: "e => e.cn === 'x'", ORG_NAME: "e => e.o", ROLE_NAME: "e => e.roles"}
ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["TypeError: not a function", "ReferenceError: x is not defined", "\ud800", "TypeError: cannot read property 'cn' of undefined"]),
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "scripts",
        "distinct",
        "answers",
        "spoiled",
        "script",
        "message",
        "line",
        "memory",
        "absent",
        "error",
        "behind",
        "failed",
    ]
)
ANY = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
SCRIPT_NAMES = st.sampled_from(["active", "org name", "role name", "no such", 1])
ERRORS = st.fixed_dictionaries(
    {
        "script": SCRIPT_NAMES, "message": ATOMS, "line": st.integers() | ATOMS, "memory": st.booleans() | ATOMS,
        "absent": st.sampled_from(["cn", None, 1, ""]),
    }
)  # fmt: skip
VERDICTS = st.tuples(st.booleans() | ATOMS, st.booleans() | ATOMS, ATOMS, st.none() | st.lists(ATOMS, max_size=3))
RESULTS = VERDICTS | st.lists(st.booleans() | ATOMS, max_size=5)
ANSWERS = st.fixed_dictionaries(
    {
        "scripts": st.just(["active", "org name", "role name"]) | st.lists(SCRIPT_NAMES, max_size=4) | ATOMS,
        "distinct": st.lists(ERRORS | RESULTS | ANY, max_size=4),
        "answers": st.lists(st.integers(-1, 4) | ATOMS, max_size=4),
        "spoiled": st.booleans() | ATOMS,
    }
)
REPLIES = st.one_of(
    st.binary(max_size=40),
    (ANY | ANSWERS | st.fixed_dictionaries({"error": ANY}) | st.fixed_dictionaries({"failed": ANY})).map(
        lambda each: json.dumps(each).encode()
    ),
    st.sampled_from([b'{"failed"', b'{"failed": null}', b"\xff\xfe[\x00"]),
)
# Deeper than Python goes, and a number of more digits than it makes one of.
EXTREME = {"lists": b"[" * 100_000, "objects": b'{"failed":' * 100_000, "a number": b"1" * 5000}
READERS: dict[str, Callable[[bytes], object]] = {
    "a load": lambda reply: unpack_load(reply, ACTIVE, SOURCES[ACTIVE]),
    "answers": lambda reply: unpack_answers(reply, SOURCES, 3),
    "a failure": unpack_failure,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@given(reply=REPLIES)
def test_a_reply_is_taken_or_is_a_bad_answer(read: Callable[[bytes], object], reply: bytes) -> None:
    with suppress(BadAnswer):
        read(reply)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("reply", EXTREME.values(), ids=EXTREME)
def test_an_extreme_reply_is_a_bad_answer(read: Callable[[bytes], object], reply: bytes) -> None:
    if read is unpack_failure and not reply.startswith(b'{"failed"'):
        assert read(reply) is None
    else:
        with pytest.raises(BadAnswer):
            read(reply)


@pytest.mark.parametrize("greeting", EXTREME.values(), ids=EXTREME)
def test_an_extreme_greeting_is_none(greeting: bytes) -> None:
    with pytest.raises(ValueError, match=r"lists in lists|Exceeds the limit"):
        read_layers(greeting)


@given(ANSWERS)
def test_answers_that_are_taken_are_one_for_each_entry_and_of_their_kinds(body: dict[str, object]) -> None:
    try:
        answers, spoiled = unpack_answers(json.dumps(body).encode(), SOURCES, 3)
    except BadAnswer:
        return
    assert len(answers) == 3 or (spoiled and len(answers) < 3)
    for answer in answers:
        verdict = answer.verdict
        assert type(verdict.active) is bool
        assert verdict.active or (verdict.org_name is None and verdict.roles is None)
        assert verdict.org_name is None or type(verdict.org_name) is str
        assert verdict.roles is None or all(type(role) is str for role in verdict.roles)


@given(REPLIES)
def test_a_greeting_is_a_list_of_layers_or_none(greeting: bytes) -> None:
    with suppress(ValueError):
        assert read_layers(greeting) is not None
