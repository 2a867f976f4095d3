"""Advice for administrators about errors of a directory, of TLS and of the network, as one sentence.

Each function returns a sentence without a full stop, or an empty text if there is no advice. The message puts it after
the server's own words. Result codes are those of RFC 4511, A.2. Sub-codes are those of Active Directory (MS-ADTS,
3.1.1.5.1 and winerror.h), codes of certificates those of OpenSSL (x509_vfy.h).
"""

from __future__ import annotations

import re
import socket
import ssl
from errno import ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH

import ldap

from directory.ldap.errors import DirectoryUnavailable

CANNOT_PAGE = (
    "If it can't send pages at all, tick \"This server can't page\" in its settings (cannot_page): it is asked for "
    "everything at once then, and counted a second time"
)
MORE_IN_PAGES = (
    "Its size limit holds for all pages together: raise it for the bind DN (OpenLDAP: limits ... size.prtotal=unlimited; 389 "
    "Directory Server: nsPagedSizeLimit; a proxy has a limit of its own, 500 unless sizelimit says otherwise)"
)
MORE_AT_ONCE = (
    "It sends no more at once: raise its size limit for the bind DN (OpenLDAP: limits ... size=unlimited; 389 Directory Server: "
    "nsSizeLimit; Active Directory: MaxPageSize; a proxy has a limit of its own, 500 unless sizelimit says otherwise)"
)
# "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 52e, v4563": the number is hexadecimal.
_SUB_CODE = re.compile(r"AcceptSecurityContext error, data ([0-9a-f]+)", re.IGNORECASE)
_LOCKED = "the account of the bind DN is locked after too many wrong passwords: unlock it"
_SUB_CODES = {
    "525": "Active Directory has no such account (525): correct the bind DN",
    "52e": "Active Directory says that the password is wrong, or the account's name (52e): enter bind DN and password again",
    "52f": "Active Directory does not let this account sign in (52f): lift its restrictions, such as an empty password",
    "530": "Active Directory does not let this account sign in at this time (530): change its logon hours",
    "531": "Active Directory does not let this account sign in from here (531): change the computers that it may log on to",
    "532": "the account's password has expired (532): set a new one, and let it never expire for this account",
    "533": "the account is disabled (533): enable it in Active Directory, or bind as another one",
    "534": "Active Directory does not grant this account this kind of sign-in (534): change its rights of logon",
    "568": "the account is in too many groups to sign in (568): take it out of some, or bind as another one",
    "701": "the account has expired (701): move the end of the account in Active Directory",
    "773": (
        "the account has to change its password first (773): set one without “User must change password at next logon”"
    ),
    "775": "the account is locked out after too many wrong passwords (775): unlock it, and correct the bind password",
}
_ENCRYPT = "use an ldaps:// URL, or turn StartTLS on"
_READ_RIGHTS = "give the bind account the right to read there, or bind as another one"
_BY_WORDS = (
    # Words of several servers, under several result codes; the first row whose words are in the server's message
    # counts.
    (
        "successful bind must be completed",
        "the server lets nobody search anonymously: enter a bind DN and its password",
    ),
    ("anonymous bind disallowed", "the server takes no anonymous bind: enter a bind DN and its password"),
    ("anonymous access is not allowed", "the server takes no anonymous bind: enter a bind DN and its password"),
    ("inappropriate authentication", "the server takes no anonymous bind: enter a bind DN and its password"),
    ("authentication required", "the server lets nobody search anonymously: enter a bind DN and its password"),
    ("unauthenticated bind", "the server takes no bind without a password: enter the bind password again"),
    ("password expired", "the password of the bind account has expired: set a new one, and let it never expire"),
    ("exceed password retry limit", _LOCKED),
    ("account locked", _LOCKED),
    ("account inactivated", "the bind account is locked: unlock it in the directory, or bind as another one"),
    ("entry permanently locked", _LOCKED),
    ("account disabled", "the bind account is disabled: enable it in the directory, or bind as another one"),
    ("minimum ssf", f"the server wants an encrypted connection: {_ENCRYPT}"),
    ("operation restricted", "the server wants a new password of the bind account first: set one in the directory"),
    ("must change", "the server wants a new password of the bind account first: set one in the directory"),
)
_BY_RESULT = {
    -7: "correct the search filter: a part of it can't be sent",
    2: "the server did not understand the question: see that it speaks LDAP version 3 at this port",
    3: (
        "the server gave the search no more time: raise its limit for the bind account (OpenLDAP olcTimeLimit, "
        "389 Directory Server nsslapd-timelimit, Active Directory MaxQueryDuration), or have it index what the filter asks for"
    ),
    7: "the server takes no sign-in by name and password: allow simple binds there for the bind account",
    8: f"the server takes the password over an encrypted connection only, as Active Directory's LDAP signing does: {_ENCRYPT}",
    10: "correct the search base or the URL, or turn on “follow referrals”",
    11: (
        "the server does not do that much for one search: raise its limit for the bind account (OpenLDAP olcLimits size.pr, 389 "
        "Directory Server nsLookThroughLimit and nsIDListScanLimit, Active Directory MaxResultSetSize), or set a smaller page size"
    ),
    13: f"the server answers over an encrypted connection only: {_ENCRYPT}",
    32: "see that the search base is spelled as in the directory, and that the bind account may see it",
    33: "an alias points to nothing, or in a circle: correct it, or turn “dereference aliases” off",
    34: "see that bind DN and search base are DNs as the directory has them",
    36: "the bind account may not see what an alias points to: give it the right to, or turn “dereference aliases” off",
    48: "the server does not take this kind of sign-in: enter a bind DN that has a password, and its password",
    49: "enter the bind DN as the directory has it, and its password again",
    50: f"the bind account may not read this: {_READ_RIGHTS}",
    51: "the server is busy: try again, or enter a second URL",
    52: "the server is not ready, as while it starts or is restored: try again, or enter a second URL",
    53: "the server refuses this of the bind account, by a rule of its own: look into its log for the reason",
    80: "something went wrong in the server itself: look into its log",
}
# Advice for a refused bind.
_OF_BIND = {
    10: "the server has not got the bind DN, and refers to another one: enter that one's URL, or another bind DN",
    32: "the directory has no such entry: correct the bind DN",
    34: "the bind DN is not one that the directory can have: correct it",
    50: "the server does not let this account sign in: give it the right to, or bind as another one",
}
_EXPIRED = "have the server's certificate renewed"
_AUTHORITY = (
    "paste the certificate of the authority that signed the server's certificate, as PEM text, into “CA certificate”; where there "
    "is an authority in between, paste both"
)
_BY_CERTIFICATE = {
    2: _AUTHORITY,
    9: "the certificate is not valid yet: compare the clock of this machine with that of the server",
    10: f"the certificate has expired: {_EXPIRED}; if it has not, the clock of this machine is wrong",
    18: "nobody but the server itself signed its certificate: paste just this certificate into “CA certificate” to trust it",
    19: f"the authority is not one that this machine trusts: {_AUTHORITY}",
    20: f"the authority is not one that this machine trusts, or the server does not send the one in between: {_AUTHORITY}",
    21: f"the authority is not one that this machine trusts, or the server does not send the one in between: {_AUTHORITY}",
    23: "the certificate has been revoked: have the server get another one",
    26: "the certificate is not one for servers: have the server get one with the purpose “server authentication”",
    62: "enter in the URL a name that stands in the certificate, or have it issued for this name",
    64: "enter in the URL the name that stands in the certificate instead of the address, or have it issued for the address",
    66: "the key of the certificate is too weak: have the server get one with a longer key",
    67: "the key of an authority's certificate is too weak: have another authority sign",
    68: "the certificate is signed with a method that is too weak, such as SHA-1: have it signed anew",
    79: "what signed the certificate is no certificate of an authority: have the server's certificate issued by one",
}
# Advice by OpenSSL's names of errors: the server has no TLS, or an old version.
_NO_TLS = "nothing at this port speaks TLS: use port 636 with ldaps://, or an ldap:// URL with StartTLS"
_OLD_TLS = "the server knows only versions of TLS that are not safe any more: turn TLS 1.2 on there"
_NO_COMMON = (
    "client and server have no way to encrypt in common: turn TLS 1.2 or newer, with usual ciphers, on at the server"
)
_WANTS_CERTIFICATE = "the server wants a client certificate: enter one with its key, or have the server not demand it"
_BY_TLS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "VERSION_TOO_LOW": _OLD_TLS,
    "WRONG_SSL_VERSION": _OLD_TLS,
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": _OLD_TLS,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": _OLD_TLS,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_COMMON,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_COMMON,
    "NO_SHARED_CIPHER": _NO_COMMON,
    "NO_CIPHERS_AVAILABLE": _NO_COMMON,
    "DH_KEY_TOO_SMALL": "the server's key for the exchange is too weak: give it parameters of 2,048 bits or more",
    "EE_KEY_TOO_SMALL": "the key of the server's certificate is too weak: have it get one with a longer key",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _WANTS_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the authority of the client certificate: enter one that it trusts",
    "TLSV1_UNRECOGNIZED_NAME": "the server has no certificate for the name in the URL: enter the name that it has",
    "TLSV1_ALERT_INTERNAL_ERROR": "something went wrong in the server, which may have no certificate: look into its log",
}
_CLOSED_IN_TLS = (
    "the server closed the connection instead of answering: it may have no certificate, as a new domain controller, or "
    "no TLS at this port"
)
_LISTENS = (
    "nothing listens at this port: see host and port (389 for ldap://, 636 for ldaps://) and that the server runs"
)
_BY_ERRNO = {
    ECONNREFUSED: _LISTENS,
    EHOSTUNREACH: "no way leads to this host from here: see the network and its firewalls",
    ENETUNREACH: "no way leads to this host from here: see the network and its firewalls",
    ECONNRESET: "the server, or a firewall before it, ended the connection at once: see that this machine may use it",
}
_SILENT = "a firewall may drop what is sent there: see host and port (389 for ldap://, 636 for ldaps://)"


def of_result(code: int, words: str, *, binding: bool = False) -> str:
    """Return the advice for a result code and the server's words; ``binding`` is True if the bind was refused.

    Negative codes are libldap's own.
    """
    if meant := _SUB_CODES.get(sub_code(words)):
        return meant
    lowered = words.lower()
    if by_words := next((advice for part, advice in _BY_WORDS if part in lowered), ""):
        return by_words
    return (_OF_BIND.get(code, "") if binding else "") or _BY_RESULT.get(code, "")


def sub_code(words: str) -> str:
    """Return the sub-code of Active Directory in the server's words, such as ``52e``; empty if there is none."""
    found = _SUB_CODE.search(words)
    return found[1].lower() if found is not None else ""


def of_base(base: str, matched: str) -> str:
    """Return the advice for a search base that does not exist; ``matched`` is the lowest DN above it that does."""
    if not base:
        return "enter a search base, such as dc=example,dc=com: only a Global Catalog (port 3268 or 3269) is searched without one"
    there = (
        f"the directory has nothing below {matched} on the way to it" if matched else "the directory has no part of it"
    )
    return f"{there}, as far as the bind account may see: correct the search base"


def of_certificate(code: int) -> str:
    """Return the advice for a server's certificate that was refused with this code of OpenSSL."""
    return _BY_CERTIFICATE.get(code, "have the server get a certificate that this machine can check")


def of_tls(error: OSError) -> str:
    """Return the advice for a failure of TLS."""
    # Python only knows the error names of the OpenSSL version that it was built with; else the words have to do.
    words = (error.strerror or "").partition(" (_ssl.c")[0].rpartition("] ")[2]
    reason = (isinstance(error, ssl.SSLError) and error.reason) or words.upper().replace(" ", "_")
    closed = isinstance(error, ssl.SSLZeroReturnError | ssl.SSLEOFError | ConnectionResetError)
    return _BY_TLS.get(reason, "") or (_CLOSED_IN_TLS if closed else "")


def of_connecting(error: OSError) -> str:
    """Return the advice for a failure to connect."""
    return _SILENT if isinstance(error, TimeoutError) else _BY_ERRNO.get(error.errno or 0, "")


def of_name(error: OSError | UnicodeError) -> str:
    """Return the advice for a host name without an address."""
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "the name service did not answer: see that this machine can ask it, and try again"
    return "see that the name in the URL is spelled right, and that the name service of this machine knows it"


def of_start_tls(result: int) -> str:
    """Return the advice for a server that answers StartTLS with this result code."""
    if result in {1, 52, 80}:
        return "the server has no certificate that it could use: see its TLS settings, or look into its log"
    return "the server does not know StartTLS, or does not allow it: use an ldaps:// URL"


def with_advice(refused: DirectoryUnavailable, *, paged: bool, untouched: bool) -> DirectoryUnavailable:
    """Return the failure of a search with advice.

    ``paged``: pages were requested. ``untouched``: no entry had come yet.
    """
    to_do = ""
    if refused.result_code == ldap.SIZELIMIT_EXCEEDED.errnum:
        to_do = MORE_IN_PAGES if paged else MORE_AT_ONCE
    elif paged and untouched:
        named = "paged" in refused.server_message.lower()
        if refused.result_code == ldap.UNAVAILABLE_CRITICAL_EXTENSION.errnum or named:
            to_do = CANNOT_PAGE
    if not to_do:
        return refused
    return DirectoryUnavailable(
        refused.problem,
        stage=refused.stage,
        server_message=refused.server_message,
        result_code=refused.result_code,
        matched_dn=refused.matched_dn,
        advice=to_do,
    )
