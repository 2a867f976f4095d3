"""Normalizes pasted text: line ends, blanks around it, and blanks between the parts of filters and DNs. Pure.

Values are normalized before they are tested or stored, and again when a stored value is used, because old databases have
filters on several lines. Normalizing twice changes nothing more. To a directory, a normalized filter or DN means what the
pasted one was meant to mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from directory.values import server_fields
from directory.values.server_field_kinds import FieldKind

# Text copied from a page or document may have a byte order mark, zero-width blanks and no-break blanks.
_UNSEEN = "\ufeff\u200b\u2060"
_AROUND = f" \t\n\v\f\r\x85\u00a0\u2028\u2029{_UNSEEN}"
_BLANK = rf"[\s{_UNSEEN}]"
_ENDS = r"\r\n\v\f\x85\u2028\u2029"
_LINE_END = re.compile(rf"[ \t\u00a0{_UNSEEN}]*[{_ENDS}][ \t\u00a0{_UNSEEN}{_ENDS}]*")
# Parentheses within a value are escaped (RFC 4515), so an unescaped one, and a line end before it, is between parts.
_BETWEEN_PARTS = re.compile(rf"(?<=\(){_BLANK}+|(?<=\)){_BLANK}+(?=[()])|\n(?=\))")
_AFTER_OPERATOR = re.compile(rf"(?<=\([&|!]){_BLANK}+(?=[()])")
# The line end before a value, and those between the RDNs of a DN as value.
_BEFORE_VALUE = re.compile(r"(\([^()=\n]*=)\n")
_BEFORE_RDN = re.compile(r",\n(?=[A-Za-z][A-Za-z0-9-]*=)")
# The tokens of a DN: escaped signs, quoted values (RFC 2253, 4), separators, blanks, and all other signs.
_DN_TOKEN = re.compile(rf'\\.|"(?:[^"\\]|\\.)*"|[,;+=]|(?:{_BLANK}|[{_ENDS}])+|.', re.DOTALL)

# A certificate or key (RFC 7468); pure base64 in it is put on lines of 64 signs.
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PEM_LINE = 64


def text(value: str) -> str:
    """Return a script with one kind of line end and nothing around it."""
    return value.replace("\r\n", "\n").replace("\r", "\n").strip(_AROUND)


def pem(value: str) -> str:
    """Return certificates and keys without pasted blanks around and between their lines, with which TLS can't read them."""
    clean = "\n".join(line(each) for each in text(value).split("\n"))
    return re.sub(r"\n{2,}(?=-----BEGIN)|(?<=-----)\n{2,}", "\n", _PEM_BLOCK.sub(_pem_block, clean)).strip(_AROUND)


def _pem_block(found: re.Match[str]) -> str:
    label, content = found[1], found[2]
    joined = re.sub(_BLANK, "", content)
    if _BASE64.fullmatch(joined):
        content = "\n" + "".join(f"{joined[at : at + _PEM_LINE]}\n" for at in range(0, len(joined), _PEM_LINE))
    begin, end = (f"-----{word} {label}-----" for word in ("BEGIN", "END"))
    return f"\n{begin}{content}{end}\n"


def line(value: str) -> str:
    """Return text of one line without blanks around it."""
    return value.strip(_AROUND)


def dn(value: str) -> str:
    """Return a DN on one line, without blanks beside its separators; escaped and quoted blanks stay.

    A line end within a value becomes a blank.
    """
    parts: list[str] = []
    in_value, after_separator = False, True
    for sign in _DN_TOKEN.findall(value):
        if not sign.strip(_AROUND):
            parts += [] if after_separator else [_blank(sign)]
            continue
        # Within a value, an equals sign does not separate (RFC 4514, 2.4).
        after_separator = sign in {",", ";", "+"} or (sign == "=" and not in_value)
        if after_separator:
            in_value = sign == "="
            _drop_blank(parts)
        parts.append(sign)
    _drop_blank(parts)
    return "".join(parts)


def _blank(sign: str) -> str:
    return " " if re.search(rf"[\t{_ENDS}]", sign) else sign


def _drop_blank(parts: list[str]) -> None:
    if parts and not parts[-1].strip(_AROUND):
        parts.pop()


def name_of_entry(value: str) -> str:
    """Return a DN normalized by ``dn``, and any other name, such as reader@corp.example, by ``line``."""
    return dn(value) if "=" in value else line(value)


def ldap_filter(value: str) -> str:
    """Return a filter on one line, without blanks between its parts; blanks within a value stay."""
    joined = _LINE_END.sub("\n", line(value))
    parts = _AFTER_OPERATOR.sub("", _BETWEEN_PARTS.sub("", joined))
    return _BEFORE_RDN.sub(",", _BEFORE_VALUE.sub(r"\1", parts)).replace("\n", " ")


def dns(value: list[Any]) -> list[Any]:
    """Return a list of DNs, each normalized by ``dn``, without empty ones; items that are no text stay."""
    return [each for item in value if (each := dn(item) if isinstance(item, str) else item) != ""]


def lines(value: list[Any]) -> list[Any]:
    """Return a list of texts without blanks around each, and without empty ones; items that are no text stay."""
    return [each for item in value if (each := line(item) if isinstance(item, str) else item) != ""]


_TEXTS: Mapping[FieldKind, Callable[[str], str]] = {
    FieldKind.PEM: pem,
    FieldKind.SCRIPT: text,
    FieldKind.FILTER: ldap_filter,
    FieldKind.DN: dn,
    FieldKind.ENTRY: name_of_entry,
    FieldKind.ATTRIBUTE: line,
}
_LISTS: Mapping[FieldKind, Callable[[list[Any]], list[Any]]] = {
    FieldKind.LINES: lines,
    FieldKind.DNS: dns,
    FieldKind.ATTRIBUTE_NAMES: lines,
}
# Other texts are names, chosen from a list, or passwords, in which each blank counts.
NORMALIZED = frozenset(server_fields.of_kinds({*_TEXTS, *_LISTS}))
_KINDS = {field.name: field.kind for field in server_fields.FIELDS}


def normalized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an LDAP server's settings as they are tested and stored; a value of a wrong type stays, to be refused later."""
    return {name: _normalized(name, value) for name, value in values.items()}


def _normalized(name: str, value: Any) -> Any:
    kind = _KINDS.get(name, FieldKind.CHOICE)
    if kind in _TEXTS and isinstance(value, str):
        return _TEXTS[kind](value)
    return _LISTS[kind](value) if kind in _LISTS and isinstance(value, list) else value


def same(name: str, one: Any, other: Any) -> bool:
    """Return whether two values of a setting mean the same."""
    return one == other or normalized({name: one}) == normalized({name: other})
