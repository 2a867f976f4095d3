"""Decodes LDAP messages: their borders, and the content of entries, results and paging controls (RFC 4511, 5.1).

libldap would take a third of the time of a whole sync to convert entries to Python's values. Most entries are
unchanged, so a hash of their bytes is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SEQUENCE, SET, OCTETS, INTEGER = 0x30, 0x31, 0x04, 0x02
ENUMERATED = 0x0A
SEARCH_ENTRY, EXTENDED_RESPONSE = 0x64, 0x78
# The error in the control of password policies: the context's tag 1. Its tag 0 holds warnings.
POLICY_ERROR = 0x81
NAMED = 2 + 0x80
# A tag, one octet with the number of octets of the length, and four of those: enough for the longest message.
LONGEST_HEADER = 6
# An entry with a picture has some MB; a longer message does not come from a directory.
LONGEST_MESSAGE = 1 << 27
# No number in LDAP has more octets (maxInt, RFC 4511, 4.1.1).
LONGEST_NUMBER = 4


class Malformed(ValueError):
    """The bytes are not LDAP."""


@dataclass(slots=True)
class Taken:
    """The complete messages in the bytes so far; ``rest`` is where the first incomplete message begins.

    ``entries`` are SearchResultEntry messages as message id and content, ``others`` are whole messages.
    ``message_length`` is the length of the incomplete message, 0 if it is not known yet.
    """

    entries: list[tuple[int, bytes]]
    others: list[bytes]
    rest: int
    message_length: int = 0


def take(data: bytes) -> Taken:  # noqa: C901, PLR0912 - one loop, inlined to be quick in the common case
    """Return the complete messages at the beginning of these bytes.

    Raises:
        Malformed: the bytes are no LDAP messages.
    """
    taken, at, have = Taken([], [], 0), 0, len(data)
    entries = taken.entries
    while have - at >= 2:
        if data[at] != SEQUENCE:
            raise Malformed("the answer is not LDAP")
        length, start = data[at + 1], at + 2
        if length >= 0x80:
            if have < start + (length & 0x7F):
                break
            # Inlined for a length of two octets, as most entries have: a reading spends much of its time here.
            if length == 0x82:
                start, length = at + 4, data[at + 2] << 8 | data[at + 3]
            else:
                start, length = _long(data, start, length)
        end = start + length
        if length > LONGEST_MESSAGE:
            raise Malformed("the answer is too long")
        if end > have:
            taken.message_length = end - at
            break
        # An integer of one to four octets (RFC 4511, 4.1.1.1), then the operation.
        if length < 4 or data[start] != INTEGER or not 0 < data[start + 1] <= LONGEST_NUMBER:
            raise Malformed("the answer is not LDAP")
        operation = start + 2 + data[start + 1]
        if operation >= end:
            raise Malformed("the answer is not LDAP")
        if data[operation] == SEARCH_ENTRY:
            first = operation + 4
            if first <= end and data[operation + 1] == 0x82:
                last = first + (data[operation + 2] << 8 | data[operation + 3])
            else:
                first, last = element(data, operation, end)
            if last > end:
                raise Malformed("an element is longer than what holds it")
            entries.append((int.from_bytes(data[start + 2 : operation]), data[first:last]))
        else:
            taken.others.append(data[at:end])
        at = end
    taken.rest = at
    return taken


def message_id(message: bytes) -> int:
    """Return the id of a whole message; 0 is an unsolicited notification (RFC 4511, 4.4)."""
    start, _ = element(message, 0, len(message))
    first, last = element(message, start, len(message))
    return int.from_bytes(message[first:last])


def extended_result(message: bytes) -> tuple[int, int, bytes]:
    """Return message id, result code and the server's words of an extended response (RFC 4511, 4.12).

    Raises:
        Malformed: the message is no extended response.
    """
    start, end = _expected(SEQUENCE, message, 0, len(message))
    first, at = _expected(INTEGER, message, start, end)
    number = _number(message[first:at])
    at, limit = _expected(EXTENDED_RESPONSE, message, at, end)
    first, at = _expected(ENUMERATED, message, at, limit)
    code = _number(message[first:at])
    _, at = _expected(OCTETS, message, at, limit)
    first, at = _expected(OCTETS, message, at, limit)
    return number, code, message[first:at]


def paging_of(value: bytes) -> tuple[int, bytes]:
    """Return the server's estimate of all entries and its cookie, from the value of a paging control (RFC 2696, 2).

    Raises:
        Malformed: the value is not that of a paging control.
    """
    at, limit = _expected(SEQUENCE, value, 0, len(value))
    first, at = _expected(INTEGER, value, at, limit)
    size = _number(value[first:at])
    first, at = _expected(OCTETS, value, at, limit)
    return size, value[first:at]


def policy_error(value: bytes) -> int | None:
    """Return the error in the value of a password policy's control (draft-behera-ldap-password-policy, 6.2), or None.

    Raises:
        Malformed: the value is not that of such a control.
    """
    at, limit = _expected(SEQUENCE, value, 0, len(value))
    while at < limit:
        tag = value[at]
        first, at = element(value, at, limit)
        if tag == POLICY_ERROR:
            return _number(value[first:at])
    return None


def element(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return where the content of the BER element at ``at`` begins and ends.

    Raises:
        Malformed: the element reaches beyond ``limit``.
    """
    if limit - at < 2:
        raise Malformed("an element is cut off")
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        start, length = _long(data, start, length)
    if start + length > limit:
        raise Malformed("an element is longer than what holds it")
    return start, start + length


def _expected(tag: int, data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return the result of ``element``; raises Malformed if the element does not have this tag."""
    if at >= limit or data[at] != tag:
        raise Malformed("an element is not what has to be there")
    return element(data, at, limit)


def _number(octets: bytes) -> int:
    if not 0 < len(octets) <= LONGEST_NUMBER:
        raise Malformed("a number is not one")
    return int.from_bytes(octets, signed=True)


def _long(data: bytes, start: int, length: int) -> tuple[int, int]:
    """Return where the content begins, and its length, for a length in several octets (RFC 4511, 5.1)."""
    octets = length & 0x7F
    if not 0 < octets <= LONGEST_HEADER - 2:
        raise Malformed("an element has no definite length")
    return start + octets, int.from_bytes(data[start : start + octets])


def names_of(entries: Iterable[bytes]) -> list[bytes]:
    """Return the DNs of entries with these contents.

    Raises:
        Malformed: an entry does not begin with a name.
    """
    # The short way is for a name with a length of one octet, in an entry that is longer than any such name.
    return [e[2 : 2 + e[1]] if len(e) > NAMED and e[1] < 0x80 and e[0] == OCTETS else _name_of(e) for e in entries]


def _name_of(entry: bytes) -> bytes:
    first, last = _expected(OCTETS, entry, 0, len(entry))
    return entry[first:last]


def attributes_of(entry: bytes) -> dict[str, list[bytes]]:
    """Return the attributes of the entry with this content, in the server's order.

    Raises:
        Malformed: the content is not a SearchResultEntry.
    """
    _, after_name = _expected(OCTETS, entry, 0, len(entry))
    at, limit = _expected(SEQUENCE, entry, after_name, len(entry))
    try:
        return _attributes(entry, at, limit)
    except IndexError:
        raise Malformed("an element is cut off") from None


def _attributes(entry: bytes, at: int, limit: int) -> dict[str, list[bytes]]:  # noqa: C901 - one loop in another
    # The same as element(), but inlined: a first sync spends much of its time here.
    found: dict[str, list[bytes]] = {}
    while at < limit:
        if entry[at] != SEQUENCE:
            raise Malformed("an attribute is not one")
        length, at = entry[at + 1], at + 2
        if length >= 0x80:
            at, length = _long(entry, at, length)
        end = at + length
        if entry[at] != OCTETS:
            raise Malformed("an attribute has no name")
        length, at = entry[at + 1], at + 2
        if length >= 0x80:
            at, length = _long(entry, at, length)
        # RFC 4512 only allows ASCII; no mapping or script can name an attribute that is not text.
        name = entry[at : at + length].decode(errors="backslashreplace")
        at += length
        if entry[at] != SET:
            raise Malformed("an attribute has no values")
        length, at = entry[at + 1], at + 2
        if length >= 0x80:
            at, length = _long(entry, at, length)
        if at + length != end or end > limit:
            raise Malformed("an element is longer than what holds it")
        values = found.setdefault(name, [])
        while at < end:
            if entry[at] != OCTETS:
                raise Malformed("a value is not one")
            length, at = entry[at + 1], at + 2
            if length >= 0x80:
                at, length = _long(entry, at, length)
            values.append(entry[at : at + length])
            at += length
        if at != end:
            raise Malformed("a value is longer than what holds it")
    return found
