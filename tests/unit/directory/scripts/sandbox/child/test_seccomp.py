"""The filter of system calls, run by an interpreter: exactly the calls of its list pass, on each architecture."""

from __future__ import annotations

import errno
import re
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.scripts.sandbox.child.seccomp import (  # fmt: skip
    ALLOW,
    ALLOWED,
    DEADLY,
    HEAP_END,
    KILL,
    LARGEST_PIECE,
    LOAD,
    MACHINES,
    NO_HEAP,
    NO_MEMORY,
    PIECES,
    PROTECTED,
    REFUSE,
    RETURN,
    program,
    step,
)
from tests import bpf

HEAP = 0x5555_5555_0000
MEMORY = {name: numbers[:2] for name, numbers in (PIECES | PROTECTED).items()} | {"brk": HEAP_END}
# A process on this machine may make calls of these kinds, too (linux/audit.h): i386 on x86_64, arm on aarch64.
OTHER_KINDS = {"x86_64": 0x40000003, "aarch64": 0x40000028}
X32 = 0x40000000
HIGHEST = 600
ARGUMENT = st.integers(0, 2**64 - 1) | st.integers(-3, 3).map(lambda near: (LARGEST_PIECE + near) % 2**64)
ARGUMENTS = st.lists(ARGUMENT, min_size=6, max_size=6)
NUMBER = st.integers(0, HIGHEST) | st.integers(0, 2**32 - 1) | st.integers(0, HIGHEST).map(lambda number: number | X32)
EACH_MACHINE = pytest.mark.parametrize("name", MACHINES)
# linux-libc-dev brings both wherever a compiler is: the numbers of x86_64, and those that new architectures share.
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+)\s+(\d+)"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
}


@cache
def steps(name: str) -> list[bpf.Step]:
    return bpf.parsed(program(MACHINES[name], HEAP))


def verdict(name: str, number: int, *arguments: int) -> int:
    return bpf.answer(steps(name), number, MACHINES[name].audit, arguments)


def numbers(name: str, calls: Mapping[str, tuple[int | None, int | None]]) -> set[int]:
    column = MACHINES[name].column
    return {number for both in calls.values() if (number := both[column]) is not None}


def meant(name: str, number: int, arguments: list[int]) -> int:
    """Return what the tables mean, said once more, without any step."""
    column = MACHINES[name].column
    by_number = {both[column]: call for call, both in (ALLOWED | MEMORY | DEADLY).items() if both[column] is not None}
    call = by_number.get(number, "")
    if (name == "x86_64" and number >= X32) or call in DEADLY:
        return KILL
    if call in ALLOWED:
        return ALLOW
    if call in {"mmap", "mprotect"} and arguments[2] & 4:
        return KILL
    limits = {"mmap": (arguments[1], LARGEST_PIECE, NO_MEMORY), "mremap": (arguments[2], LARGEST_PIECE, NO_MEMORY)}
    limits["brk"] = (arguments[0], HEAP + LARGEST_PIECE, NO_HEAP)
    if call in limits:
        requested, most, otherwise = limits[call]
        return ALLOW if requested <= most else otherwise
    return ALLOW if call == "mprotect" else REFUSE


@EACH_MACHINE
class TestOnEachMachine:
    def test_the_kernel_takes_the_program(self, name: str) -> None:
        assert 1 < len(steps(name)) < 300

    def test_exactly_the_calls_of_the_list_pass(self, name: str) -> None:
        passing = {number for number in range(HIGHEST) if verdict(name, number) == ALLOW}

        # With no argument but zeros, memory may be asked for as well.
        assert passing == numbers(name, ALLOWED) | numbers(name, MEMORY)

    def test_each_dangerous_call_ends_the_process_and_all_others_are_refused(self, name: str) -> None:
        answers = {number: verdict(name, number) for number in range(HIGHEST)}

        assert {number for number, answer in answers.items() if answer == KILL} == numbers(name, DEADLY)
        assert set(answers.values()) == {ALLOW, KILL, REFUSE}

    def test_no_call_is_in_two_lists(self, name: str) -> None:
        lists = [numbers(name, calls) for calls in (ALLOWED, MEMORY, DEADLY)]

        assert sum(map(len, lists)) == len(set().union(*lists))

    def test_no_call_of_another_architecture_passes(self, name: str) -> None:
        others = [machine.audit for machine in MACHINES.values() if machine is not MACHINES[name]]
        for audit in (*others, *OTHER_KINDS.values(), 0, MACHINES[name].audit ^ 1, MACHINES[name].audit ^ 0x80000000):
            assert {bpf.answer(steps(name), number, audit) for number in range(HIGHEST)} == {KILL}

    @given(number=NUMBER, audit=st.integers(0, 2**32 - 1), arguments=ARGUMENTS)
    def test_no_call_of_any_other_architecture_passes(
        self, name: str, number: int, audit: int, arguments: list[int]
    ) -> None:
        if audit != MACHINES[name].audit:
            assert bpf.answer(steps(name), number, audit, arguments) == KILL

    @given(number=NUMBER, arguments=ARGUMENTS)
    def test_any_call_gets_the_answer_that_the_tables_mean(self, name: str, number: int, arguments: list[int]) -> None:
        assert verdict(name, number, *arguments) == meant(name, number, arguments)

    @given(data=st.data(), arguments=ARGUMENTS)
    def test_a_call_for_memory_gets_the_answer_that_the_tables_mean(
        self, name: str, data: st.DataObject, arguments: list[int]
    ) -> None:
        number = data.draw(st.sampled_from(sorted(numbers(name, MEMORY))))

        assert verdict(name, number, *arguments) == meant(name, number, arguments)

    @pytest.mark.parametrize(("size", "answer"), [
        (0, ALLOW), (LARGEST_PIECE, ALLOW), (LARGEST_PIECE + 1, NO_MEMORY), (2**32, NO_MEMORY), (2**32 + 1, NO_MEMORY),
        (2**63, NO_MEMORY), (2**64 - 1, NO_MEMORY),
    ])  # fmt: skip
    def test_memory_comes_in_pieces_up_to_the_largest(self, name: str, size: int, answer: int) -> None:
        column = MACHINES[name].column

        assert verdict(name, PIECES["mmap"][column], 0, size, 3) == answer
        assert verdict(name, PIECES["mremap"][column], 0, 0, size) == answer

    @pytest.mark.parametrize("protection", range(8))
    def test_no_memory_may_be_run(self, name: str, protection: int) -> None:
        for call in PROTECTED.values():
            answer = verdict(name, call[MACHINES[name].column], 0, 4096, protection)

            assert answer == (KILL if protection & 4 else ALLOW)

    @pytest.mark.parametrize("heap", [0, HEAP, 2**32 - LARGEST_PIECE - 1, 2**32 - LARGEST_PIECE, 2**47])
    def test_the_heap_grows_by_one_piece(self, name: str, heap: int) -> None:
        machine = MACHINES[name]
        found = bpf.parsed(program(machine, heap))
        last = heap + LARGEST_PIECE

        answers = [
            bpf.answer(found, HEAP_END[machine.column], machine.audit, [end])
            for end in (0, heap, last, last + 1, 2**63)
        ]

        assert answers == [ALLOW, ALLOW, ALLOW, NO_HEAP, NO_HEAP]

    def test_the_numbers_are_those_of_the_kernel(self, name: str) -> None:
        header, pattern = HEADERS[name]
        if not header.exists():
            pytest.skip("the kernel's headers are not installed")
        known = {call: int(number) for call, number in re.findall(pattern, header.read_text())}
        ours = {call: both[MACHINES[name].column] for call, both in (ALLOWED | MEMORY | DEADLY).items()}

        assert ours == {call: known.get(call) for call in ours}


def test_calls_of_x32_end_the_process() -> None:
    every = [number | X32 for number in range(HIGHEST)] + [2**31, 2**32 - 1]

    assert {verdict("x86_64", number) for number in every} == {KILL}


def test_answers_are_what_the_kernel_calls_them() -> None:
    # linux/seccomp.h: SECCOMP_RET_KILL_PROCESS, _ERRNO with its number, and _ALLOW.
    assert (KILL, REFUSE, NO_MEMORY, ALLOW) == (0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOMEM, 0x7FFF0000)
    assert NO_HEAP == 0x50000


def test_a_step_is_laid_out_as_the_kernel_reads_it() -> None:
    assert step(LOAD, 4) == struct.pack("=HBBI", 0x20, 0, 0, 4)
    assert step(RETURN, ALLOW, yes=1, no=2) == struct.pack("=HBBI", 0x06, 1, 2, ALLOW)


def broken() -> Iterator[bytes]:
    whole = program(MACHINES["x86_64"], HEAP)
    yield from (b"", whole[:-1], whole[:-8] + step(LOAD), step(LOAD, 2) + step(RETURN), step(LOAD, 64) + step(RETURN))
    yield from (step(0x15, 1, yes=1) + step(RETURN), step(0x16) + step(RETURN), step(RETURN) * 4097)


@pytest.mark.parametrize("each", list(broken()))
def test_the_interpreter_refuses_what_the_kernel_would(each: bytes) -> None:
    with pytest.raises(bpf.Refused):
        bpf.parsed(each)
