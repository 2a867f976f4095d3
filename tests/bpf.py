"""A small interpreter of classic BPF as seccomp has it: what the kernel would answer to a system call, or why it takes no program."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

# linux/bpf_common.h; the kernel's own limits of a program (BPF_MAXINSNS, sizeof(struct seccomp_data)).
LOAD_WORD, RETURN = 0x20, 0x06
EQUAL, GREATER, AT_LEAST, ANY_BIT = 0x15, 0x25, 0x35, 0x45
MOST_STEPS, DATA_SIZE = 4096, 64


class Refused(Exception):
    """The kernel would not take this program."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction (struct sock_filter)."""

    code: int
    yes: int
    no: int
    value: int


def parsed(program: bytes) -> list[Step]:
    """Return the steps of a program that passes the kernel's checks (seccomp_check_filter, bpf_check_classic)."""
    if not program or len(program) % 8 or len(program) > MOST_STEPS * 8:
        raise Refused("length")
    steps = [Step(*struct.unpack_from("=HBBI", program, at)) for at in range(0, len(program), 8)]
    for index, step in enumerate(steps):
        left = len(steps) - index - 1
        if step.code in {EQUAL, GREATER, AT_LEAST, ANY_BIT}:
            if max(step.yes, step.no) >= left:
                raise Refused(f"step {index} jumps out of the program")
        elif step.code == LOAD_WORD:
            if step.value % 4 or step.value >= DATA_SIZE:
                raise Refused(f"step {index} reads beside the data")
        elif step.code != RETURN:
            raise Refused(f"step {index} is none that this program should need")
    if steps[-1].code != RETURN:
        raise Refused("no end")
    return steps


def answer(steps: Sequence[Step], number: int, architecture: int, arguments: Sequence[int] = ()) -> int:
    """Return what the program says of one call; arguments that are not given are zero."""
    data = struct.pack("<IIQ6Q", number, architecture, 0x7F00_0000_0000, *(*arguments, *[0] * 6)[:6])
    word, at = 0, 0
    while True:
        step = steps[at]
        at += 1
        if step.code == RETURN:
            return step.value
        if step.code == LOAD_WORD:
            (word,) = struct.unpack_from("<I", data, step.value)
            continue
        held = {
            EQUAL: word == step.value,
            GREATER: word > step.value,
            AT_LEAST: word >= step.value,
            ANY_BIT: bool(word & step.value),
        }[step.code]
        at += step.yes if held else step.no
