"""What to do where a server ends a search before its end: the limits that it has, and pages that it does not send."""

from __future__ import annotations

import ldap

from directory.sync.source.failures import DirectoryUnavailable

CANNOT_PAGE = (
    "If it can't send pages at all, tick \"This server can't page\" in its settings (cannot_page): it is asked for "
    "everything at once then, and counted a second time"
)
MORE_IN_PAGES = (
    "Its size limit holds for all pages together: raise it for the bind DN (OpenLDAP: limits ... size.prtotal=unlimited; a "
    "proxy has a limit of its own, 500 unless sizelimit says otherwise)"
)
MORE_AT_ONCE = (
    "It sends no more at once: raise its size limit for the bind DN (OpenLDAP: limits ... size=unlimited; a proxy has a "
    "limit of its own, 500 unless sizelimit says otherwise)"
)


def with_advice(refused: DirectoryUnavailable, *, paged: bool, untouched: bool) -> DirectoryUnavailable:
    """Return why the server ended a search, with what to do about that.

    ``paged`` says that pages were asked for, ``untouched`` that nothing had come yet.
    """
    advice = ""
    if refused.result_code == ldap.SIZELIMIT_EXCEEDED.errnum:
        advice = MORE_IN_PAGES if paged else MORE_AT_ONCE
    elif paged and untouched:
        named = "paged" in refused.server_message.lower()
        if refused.result_code == ldap.UNAVAILABLE_CRITICAL_EXTENSION.errnum or named:
            advice = CANNOT_PAGE
    if not advice:
        return refused
    return DirectoryUnavailable(
        f"{str(refused).rstrip('.')}. {advice}",
        stage=refused.stage,
        server_message=refused.server_message,
        result_code=refused.result_code,
        matched_dn=refused.matched_dn,
    )
