"""Errors of python-ldap → one sentence for the administrator: what happened, the server's own words, what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

import ldap

from directory.ldap import error_advice
from directory.ldap.errors import DirectoryUnavailable, Referred, Stage, plain
from directory.ldap.transport import client_certificates
from directory.ldap.url import Url
from directory.values.ldap import Connection
from orgs.text import counted

_LIMITS = (ldap.SIZELIMIT_EXCEEDED, ldap.TIMELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED)


def failure_of(
    error: ldap.LDAPError,
    connection: Connection,
    url: Url,
    stage: Stage,
    *,
    trouble: str = "",
    after: int | None = None,
) -> DirectoryUnavailable:
    """Return the failure at this stage with the server of this URL.

    ``trouble`` is why the connection broke off, if that is known; ``after`` is how many entries a search had returned.
    """
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    lost = "" if after is None else f" after {counted(after, 'entry', 'entries')}"
    name = str(details.get("desc") or type(error).__name__)
    if isinstance(error, ldap.TIMEOUT):
        seconds = counted(connection.operation_timeout, "second", "seconds")
        return DirectoryUnavailable(f"{url}: no answer within {seconds}{lost}", stage=_unanswered(stage))
    if isinstance(error, ldap.SERVER_DOWN | ldap.CONNECT_ERROR):
        encrypted = connection.start_tls or url.scheme == "ldaps"
        return _broken_off(details, connection, f"{url}: {name}", stage, trouble, lost, encrypted=encrypted)
    if isinstance(error, ldap.REFERRAL) and stage is not Stage.BIND:
        urls = tuple(str(details.get("info") or "").splitlines()[1:])
        message = f"{url} has not got the base and refers to {plain(' '.join(urls))}"
        return Referred(message, urls, advice=error_advice.of_result(ldap.REFERRAL.errnum, ""))
    return _refused(error, details, connection, name + (lost if isinstance(error, _LIMITS) else ""), stage)


def _broken_off(
    details: Mapping[str, object],
    connection: Connection,
    message: str,
    stage: Stage,
    trouble: str,
    lost: str,
    *,
    encrypted: bool,
) -> DirectoryUnavailable:
    # libldap's error for an answer that is too long.
    garbled = "the answer can't be read" if details.get("errno") == errno.ERANGE else ""
    words = "" if details.get("errno") == errno.EAGAIN else _words(details, "info", connection)
    reason = trouble or garbled or words or client_certificates.LOST
    # In TLS 1.3 the handshake ends before the server checks our certificate.
    early = stage is Stage.BIND and encrypted
    to_do = client_certificates.advice(reason, shown=bool(connection.client_certificate)) if early else ""
    message = f"{message} ({reason}){lost}"
    failure = DirectoryUnavailable(message, stage=_unanswered(stage), server_message=words, advice=to_do)
    failure.broke_off = True
    return failure


def _refused(
    error: ldap.LDAPError, details: Mapping[str, object], connection: Connection, message: str, stage: Stage
) -> DirectoryUnavailable:
    words, matched = _words(details, "info", connection), _words(details, "matched", connection)
    number = details.get("errno")
    if isinstance(number, int) and words == os.strerror(number):
        # If the server sent no words, python-ldap puts the system's last error there, which may be an unrelated one.
        words = ""
    message += (f": {words}" if words else "") + (f": matched {matched}" if matched else "")
    code, reached = details.get("result"), _stage(error, stage)
    result = code if isinstance(code, int) else 0
    to_do = error_advice.of_result(result, words, binding=stage is Stage.BIND)
    if stage is Stage.BIND and connection.sasl_external:
        to_do = client_certificates.EXTERNAL_REFUSED
    if isinstance(error, ldap.NO_SUCH_OBJECT) and reached is Stage.BASE:
        to_do = error_advice.of_base(connection.search_base, matched)
    return DirectoryUnavailable(
        message,
        stage=reached,
        server_message=words,
        # libldap's own results are negative.
        result_code=result if result > 0 else None,
        matched_dn=str(details.get("matched") or ""),
        advice=to_do,
    )


def _words(details: Mapping[str, object], name: str, connection: Connection) -> str:
    return plain(str(details.get(name) or ""), secret=connection.bind_password)


def _unanswered(stage: Stage) -> Stage:
    return Stage.CONNECT if stage is Stage.BIND else stage


def _stage(error: ldap.LDAPError, stage: Stage) -> Stage:
    if stage is not Stage.SEARCH:
        return stage
    if isinstance(error, ldap.NO_SUCH_OBJECT | ldap.INVALID_DN_SYNTAX):
        return Stage.BASE
    return Stage.FILTER if isinstance(error, ldap.FILTER_ERROR) else stage
