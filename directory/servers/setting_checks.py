"""Checks an LDAP server's settings, field by field, before they are saved or tried out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from directory.ldap.attributes.computed_attributes import EXCEPT
from directory.ldap.validation.allowed_addresses import check_ldap_url
from directory.ldap.validation.dn_and_attribute_syntax import check_attribute, check_certificate, check_dn
from directory.ldap.validation.filter_syntax import check_filter
from directory.models import LdapServer
from directory.models.servers.connection_settings import Scope
from directory.scripts import server_sandbox
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.scripts.sandbox.sandbox import compile_errors
from directory.values import server_fields
from directory.values.pem_certificates import check_client_certificate
from directory.values.scripts import SCRIPTS
from directory.values.server_field_kinds import LISTS as LIST_KINDS
from directory.values.server_field_kinds import LONG_TEXTS, OF_ONE_LINE, FieldKind
from orgs.models.encrypted_text import Sealed
from orgs.text import counted, fold

BY_COLUMN = {script.column: script for script in SCRIPTS}
MAPPING = server_fields.of_kinds({FieldKind.ATTRIBUTE})
# Texts of one line, which lists, logs and mails show.
ONE_LINE = server_fields.of_kinds(OF_ONE_LINE)
LONG = server_fields.of_kinds(LONG_TEXTS)
LISTS = server_fields.of_kinds(LIST_KINDS)
ENCRYPTED = frozenset(server_fields.secrets())
MOST_URLS = 20
MOST_ATTRIBUTES = 500
MOST_CONTEXTS = 100
LONGEST_PASSWORD = 4096
LONGEST_CERTIFICATE = 256 * 1024
# The message of the field bind_password.
UNBOUND = (
    "a bind DN needs a password (a changed URL, TLS setting or bind DN needs it again); with an empty one "
    "a directory would take you for anonymous"
)
# The message of the field search_scope.
UNROOTED = "without a search base the whole subtree is searched: nobody stands at the root, or directly below it"
# The message of each field into which a private key was pasted.
MISPLACED_KEY = "that holds a private key: it belongs into the field of the key, which is encrypted; the key of an authority is wanted nowhere"
# The message of the field client_key.
UNKEYED = "a client certificate needs its private key (a changed URL or TLS setting needs it again)"


def wrong(
    stored: LdapServer,
    *,
    given: Mapping[str, Any],
    old_urls: Collection[str] = (),
    may_use_any_address: bool = False,
) -> dict[str, str]:
    """Return the errors of the server as it would be saved, by field; ``given`` are the new values.

    URLs in ``old_urls`` stay allowed. ``may_use_any_address`` allows any port, and this machine itself.
    """
    # Check this first: other messages repeat the entered text on screens and in logs.
    errors = _holding_a_key(stored)
    errors |= _only_new(errors, _wrong_fields(stored))
    errors |= _only_new(errors, {"urls": _wrong_urls(stored, old_urls, may_use_any_address=may_use_any_address)})
    errors |= _only_new(errors, _wrong_bind(stored, given))
    errors |= _only_new(errors, _wrong_client_certificate(stored, given))
    errors |= _only_new(errors, _wrong_syntax(stored))
    if LdapServer.objects.filter(name_key=fold(stored.name)).exclude(pk=stored.pk).exists():
        errors.setdefault("name", f"the name {stored.name} is taken (letter case does not count)")
    if any(field in given for field in BY_COLUMN) and not errors.keys() & BY_COLUMN.keys():
        errors |= _wrong_scripts(stored)
    return errors


def _holding_a_key(stored: LdapServer) -> dict[str, str]:
    """Return errors for settings that are not encrypted, but into which a private key was pasted."""
    texts = {
        field: "\n".join(map(str, value)) if isinstance(value := getattr(stored, field), list) else str(value)
        for field in (*ONE_LINE, *LONG, *LISTS)
        if field not in ENCRYPTED
    }
    return {field: MISPLACED_KEY for field, text in texts.items() if "PRIVATE KEY-----" in text}


def _wrong_scripts(stored: LdapServer) -> dict[str, str]:
    try:
        found = compile_errors(stored.scripts, server_sandbox.limits())
    except SandboxBroken as error:
        return {field: str(error) for field in BY_COLUMN if getattr(stored, field).strip()}
    return {script.column: str(error) for script, error in found.items()}


def _only_new(errors: Mapping[str, str], found: Mapping[str, str | None]) -> dict[str, str]:
    return {field: message for field, message in found.items() if message and field not in errors}


def _wrong_fields(stored: LdapServer) -> dict[str, str]:
    """Return the errors of values that do not fit their column: length, range, empty, or characters that can't be stored."""
    errors = {
        field: "control characters, and characters that change the direction of text, are not allowed"
        for field in ONE_LINE
        if not str(getattr(stored, field)).isprintable()
    }
    for field in LONG:
        text = str(getattr(stored, field))
        if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            errors[field] = "holds a character that can't be stored (NUL, or half of a surrogate pair)"
    try:
        stored.clean_fields(exclude=[*LISTS, "name_key", *errors])
    except ValidationError as error:
        errors |= {field: " ".join(messages) for field, messages in error.message_dict.items()}
    return errors


def _wrong_urls(stored: LdapServer, old: Collection[str], *, may_use_any_address: bool) -> str | None:
    if not isinstance(stored.urls, list) or not stored.urls:
        return "a list of at least one URL, such as ldaps://dc1.example.com:636"
    if len(stored.urls) > MOST_URLS:
        return f"{counted(len(stored.urls), 'URL', 'URLs')}: {MOST_URLS} are the most"
    for url in map(str, stored.urls):
        if problem := check_ldap_url(url, anywhere=may_use_any_address or url in old):
            return problem if len(stored.urls) == 1 else f"{url[:255]}: {problem}"
    return None


def _wrong_bind(stored: LdapServer, given: Mapping[str, Any]) -> dict[str, str | None]:
    errors: dict[str, str | None] = {}
    if stored.start_tls and any(str(url).lower().startswith("ldaps:") for url in stored.urls):
        errors["start_tls"] = "StartTLS is for ldap:// URLs; ldaps:// is encrypted from the start"
    if len(stored.bind_password) > LONGEST_PASSWORD:
        errors["bind_password"] = (
            f"{counted(len(stored.bind_password), 'character', 'characters')}: {LONGEST_PASSWORD} are the most"
        )
    if stored.bind_dn and not stored.bind_password.strip():
        errors["bind_password"] = UNBOUND
    if given.get("bind_password") and not stored.bind_dn:
        errors["bind_dn"] = "a bind password needs a bind DN; leave both empty to bind anonymously"
    return errors


def _wrong_client_certificate(stored: LdapServer, given: Mapping[str, Any]) -> dict[str, str]:
    if not stored.client_certificate:
        missing = {
            "client_certificate": "a client key needs its certificate" if given.get("client_key") else "",
            "sasl_external": "SASL EXTERNAL needs a client certificate" if stored.sasl_external else "",
        }
        return {field: message for field, message in missing.items() if message}
    if stored.sasl_external and stored.bind_dn:
        return {"sasl_external": "the certificate says who connects: leave the bind DN and its password empty"}
    if not stored.start_tls and any(not str(url).lower().startswith("ldaps:") for url in stored.urls):
        return {"client_certificate": "a client certificate is shown in TLS: use ldaps:// URLs or StartTLS"}
    if len(stored.client_certificate) > LONGEST_CERTIFICATE or len(stored.client_key) > LONGEST_CERTIFICATE:
        return {"client_certificate": f"{LONGEST_CERTIFICATE} characters are the most, for certificate and key each"}
    # A stored key that can't be decrypted is reported where it is used.
    unread = not stored.client_key or isinstance(stored.client_key, Sealed)
    # With the key pasted beside the certificate, its own field may be empty.
    if unread and "PRIVATE KEY" not in stored.client_certificate:
        return {} if stored.client_key else {"client_key": UNKEYED}
    return check_client_certificate(stored.client_certificate, stored.client_key)


def _wrong_syntax(stored: LdapServer) -> dict[str, str | None]:
    values = {field: getattr(stored, field.name) for field in server_fields.FIELDS if field.kind in _SYNTAX}
    certificate, bind_dn = stored.ca_certificate, stored.bind_dn
    return {field.name: _SYNTAX[field.kind](value) for field, value in values.items() if value != ""} | {
        "search_scope": None if stored.search_base or stored.search_scope == Scope.SUBTREE else UNROOTED,
        # Active Directory also takes reader@corp.example.com and CORP\\reader.
        "bind_dn": check_dn(bind_dn) if "," in bind_dn or "=" in bind_dn else None,
        "ca_certificate": _wrong_certificate(certificate) if certificate.strip() else None,
        "unmarked_attributes": _wrong_attributes(stored.unmarked_attributes, may_begin_with=EXCEPT),
    }


def _wrong_contexts(names: Any) -> str | None:
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        return "a list of DNs"
    if len(names) > MOST_CONTEXTS:
        return f"{len(names)} DNs: {MOST_CONTEXTS} are the most"
    return next(filter(None, map(check_dn, names)), None)


def _wrong_certificate(text: str) -> str | None:
    if len(text) > LONGEST_CERTIFICATE:
        return f"{counted(len(text), 'character', 'characters')}: {LONGEST_CERTIFICATE} are the most"
    return check_certificate(text)


def _wrong_attributes(names: Any, *, may_begin_with: str = "") -> str | None:
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        return "a list of attribute names"
    if len(names) > MOST_ATTRIBUTES:
        return f"{counted(len(names), 'attribute', 'attributes')}: {MOST_ATTRIBUTES} are the most"
    bare = (name.strip().removeprefix(may_begin_with) for name in names)
    return next(filter(None, map(check_attribute, bare)), None)


# The check of the syntax for each kind of value; the column decides whether a text may be empty.
_SYNTAX: Mapping[FieldKind, Callable[[Any], str | None]] = {
    FieldKind.ATTRIBUTE: check_attribute,
    FieldKind.DN: check_dn,
    FieldKind.FILTER: check_filter,
    FieldKind.DNS: _wrong_contexts,
    FieldKind.ATTRIBUTE_NAMES: _wrong_attributes,
}
