"""Distinguished names as keys: texts that are equal for the spellings of one DN, quickly made. Pure."""

from __future__ import annotations

import re

FIRST = re.compile(r"(?:[^\\,]|\\.)*,", re.DOTALL)
# An escaped sign, and escaped octets that are no ASCII (RFC 4514, 2.4).
ESCAPED_SIGN = re.compile(r"\\([^0-9A-Fa-f])")
ESCAPED_OCTETS = re.compile(r"(?:\\[89A-Fa-f][0-9A-Fa-f])+")


def parent(dn: str) -> str:
    """Return the DN above one, as it is spelled there; empty at the top."""
    found = FIRST.match(dn)
    return dn[found.end() :].strip() if found else ""


def folded(dn: str) -> str:
    """Return what is equal for spellings that differ in case and in spaces only; quicker than ``parsed``."""
    separated = ",".join([part.strip() for part in dn.lower().split(",")])
    return "=".join([part.strip() for part in separated.split("=")]) if " " in separated else separated


def key(dn: str) -> str:
    """Return what is equal for spellings that differ in case, spaces, escapes and the order of an RDN's parts.

    It is a text that can be kept, and quicker to make than ``parsed``.
    """
    if "\\" in dn:
        dn = ESCAPED_OCTETS.sub(_utf8, dn)
        dn = ESCAPED_SIGN.sub(lambda found: f"\\{ord(found[1]):02x}", dn)
    text = folded(dn)
    if "+" not in text:
        return text
    return ",".join(["+".join(sorted(part.strip() for part in rdn.split("+"))) for rdn in text.split(",")])


def _utf8(found: re.Match[str]) -> str:
    octets = bytes.fromhex(found[0].replace("\\", ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return found[0]
