"""What Landlock is asked to take away, by the version of its ABI: all that this version knows, in a structure of its length."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.scripts.sandbox.child.landlock import covered, ruleset_attributes

# The ABI that brought each right, by its name and bit (Documentation/userspace-api/landlock.rst; linux/landlock.h).
FILES = {
    1: "EXECUTE WRITE_FILE READ_FILE READ_DIR REMOVE_DIR REMOVE_FILE MAKE_CHAR MAKE_DIR MAKE_REG MAKE_SOCK MAKE_FIFO "
    "MAKE_BLOCK MAKE_SYM",
    2: "REFER",
    3: "TRUNCATE",
    5: "IOCTL_DEV",
    9: "RESOLVE_UNIX",
}
PORTS = {4: "BIND_TCP CONNECT_TCP", 10: "BIND_UDP CONNECT_SEND_UDP"}
SCOPES = {6: "ABSTRACT_UNIX_SOCKET SIGNAL"}
LATEST = 10
# Up to the last part of struct landlock_ruleset_attr that has rights in it, as each version of the kernel has it.
SIZES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16, 6: 24, 7: 24, 8: 24, 9: 24, 10: 24}


def bits(rights: dict[int, str], abi: int) -> int:
    return (1 << sum(len(names.split()) for since, names in rights.items() if since <= abi)) - 1


@pytest.mark.parametrize(("abi", "size"), SIZES.items())
def test_each_version_is_asked_for_all_that_it_knows(abi: int, size: int) -> None:
    attributes = ruleset_attributes(abi)

    assert len(attributes) == size
    expected = [bits(FILES, abi), bits(PORTS, abi), bits(SCOPES, abi)][: size // 8]
    assert list(struct.unpack(f"<{size // 8}Q", attributes)) == expected
    assert len(covered(abi)) == size // 8


def test_what_is_covered_is_said() -> None:
    assert covered(3) == ["files"]
    assert covered(5) == ["files", "TCP ports"]
    assert covered(7) == ["files", "TCP ports", "abstract sockets and signals"]
    assert covered(10) == ["files", "TCP and UDP ports", "abstract sockets and signals"]


@given(st.integers(LATEST + 1, 2**31 - 1))
def test_a_version_to_come_is_asked_for_what_is_known_today(abi: int) -> None:
    assert ruleset_attributes(abi) == ruleset_attributes(LATEST)


@given(st.integers(1, LATEST), st.integers(1, LATEST))
def test_a_later_version_takes_no_less_away(one: int, other: int) -> None:
    older, newer = (ruleset_attributes(abi).ljust(24, b"\0") for abi in sorted((one, other)))

    for before, after in zip(struct.unpack("<3Q", older), struct.unpack("<3Q", newer), strict=True):
        assert before & after == before
