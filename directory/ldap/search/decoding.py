"""Decodes attribute values to text: UTF-8, the usual form of GUIDs and SIDs, and base64 for all other values."""

from __future__ import annotations

import re
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

from directory.values.ldap import Encoded

Decoder = Callable[[Sequence[bytes]], tuple[str, ...]]

MIXED_ENDIAN_GUIDS = frozenset({"objectguid"})
BIG_ENDIAN_GUIDS = frozenset({"guid"})
SIDS = frozenset({"objectsid", "sidhistory", "securityidentifier", "tokengroups", "msexchmasteraccountsid"})
# Listed by name: 16 bytes may happen to be valid text, so the form of the values would differ from user to user.
BINARY = frozenset(
    {
        "attributecertificate", "audio", "authorityrevocationlist", "cacertificate", "certificaterevocationlist",
        "crosscertificatepair", "deltarevocationlist", "dsasignature", "javaserializeddata", "jpegphoto", "logonhours",
        "ms-ds-consistencyguid", "msexcharchiveguid", "msexchmailboxguid", "msexchmailboxsecuritydescriptor",
        "msds-generationid", "ntsecuritydescriptor", "photo", "replicationsignature", "replpropertymetadata",
        "repluptodatevector", "thumbnaillogo", "thumbnailphoto", "usercertificate", "userpkcs12",
        "usersmimecertificate",
    }
)  # fmt: skip
# A directory should not show these. If it does, they are dropped, so that no history or script contains them.
SECRETS = frozenset(
    {
        "dbcspwd", "krbprincipalkey", "lmpwdhistory", "ms-mcs-admpwd", "msds-managedpassword", "mslaps-encryptedpassword",
        "mslaps-encryptedpasswordhistory", "mslaps-password", "ntpwdhistory", "pwdhistory", "sambalmpassword",
        "sambantpassword", "sambapasswordhistory", "supplementalcredentials", "unicodepwd", "userpassword",
    }
)  # fmt: skip
# Line ends and tabs are text; NUL and the rest of C0 are not.
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def decoder(name: str) -> Decoder:
    """Return the function that decodes the values of the attribute with this name."""
    bare, *options = name.lower().split(";")
    if bare in SECRETS:
        return _nothing
    if bare in MIXED_ENDIAN_GUIDS:
        return _mixed_endian_guids
    if bare in BIG_ENDIAN_GUIDS:
        return _big_endian_guids
    if bare in SIDS:
        return _sids
    if bare in BINARY or "binary" in options:
        return _binaries
    return _texts


def values_of(name: str, text: str) -> list[str | bytes]:
    """Return the values that the attribute's decoder turns into this text; some servers store binary ids as text."""
    bare = name.lower().partition(";")[0]
    try:
        if bare in MIXED_ENDIAN_GUIDS:
            return [text, uuid.UUID(text).bytes_le]
        if bare in BIG_ENDIAN_GUIDS:
            return [text, uuid.UUID(text).bytes]
        if bare in SIDS:
            return [text, _sid_bytes(text)]
        return [b64decode(text, validate=True) if bare in BINARY else text]
    except (OverflowError, ValueError):
        return [text]


def text_of(value: bytes) -> str:
    """Return a value as text, or in base64 if it is not text."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return base64_of(value)
    if text.isprintable() or not CONTROL.search(text):
        return text
    return base64_of(value)


def base64_of(value: bytes) -> Encoded:
    """Return a value in base64."""
    return Encoded(b64encode(value).decode())


def guid_of(value: bytes) -> str:
    """Return Active Directory's GUID in its usual form, whose first three groups are little-endian."""
    return str(uuid.UUID(bytes_le=value)) if len(value) == 16 else text_of(value)


def sid_of(value: bytes) -> str:
    """Return a security identifier as S-1-... (MS-DTYP, 2.4.2)."""
    if len(value) < 8 or value[0] != 1 or len(value) != 8 + 4 * value[1]:
        return text_of(value)
    authority = int.from_bytes(value[2:8], "big")
    parts = (int.from_bytes(value[at : at + 4], "little") for at in range(8, len(value), 4))
    return "-".join(["S-1", str(authority), *map(str, parts)])


def _sid_bytes(text: str) -> bytes:
    _, revision, authority, *parts = text.split("-")
    head = bytes([int(revision), len(parts)]) + int(authority).to_bytes(6, "big")
    return head + b"".join(int(part).to_bytes(4, "little") for part in parts)


def _nothing(_values: Sequence[bytes]) -> tuple[str, ...]:
    return ()


def _texts(values: Sequence[bytes]) -> tuple[str, ...]:
    # Nearly all values pass through here, so the plain case has to be quick.
    try:
        if len(values) == 1:
            text = values[0].decode()
            return (text,) if text.isprintable() else (text_of(values[0]),)
        texts = tuple([value.decode() for value in values])
        if "".join(texts).isprintable():
            return texts
    except UnicodeDecodeError:
        pass
    return tuple(map(text_of, values))


def _binaries(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(base64_of, values))


def _mixed_endian_guids(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(guid_of, values))


def _big_endian_guids(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(str(uuid.UUID(bytes=value)) if len(value) == 16 else text_of(value) for value in values)


def _sids(values: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(sid_of, values))
