"""The errors of a directory, each with one sentence for the administrator."""

from __future__ import annotations

from enum import StrEnum

# The most characters of a server's own words that are shown, so that another service at that address can't show more.
MOST_WORDS = 500


class Stage(StrEnum):
    """The stages of reaching a directory, in their order."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "TLS"
    BIND = "bind"
    BASE = "base"
    FILTER = "filter"
    GROUPS = "groups"
    PERSON = "person"
    PASSWORD = "password"  # noqa: S105  # no password
    SEARCH = "search"


class DirectoryUnavailable(Exception):
    """The directory could not be read to its end, so nothing may be concluded from the entries so far.

    ``server_message`` is the server's own message, ``result_code`` its LDAP result (RFC 4511, 4.1.9) or None, and
    ``matched_dn`` the server's matchedDN, unchanged. The bind password is in none of them. ``broke_off``: the
    connection was lost. ``broke_off_sync``: it was lost during a syncrepl search for changes (RFC 4533). ``advice`` is
    a sentence without a full stop; the message ends with it, ``problem`` has no advice.
    """

    def __init__(
        self,
        message: str,
        *,
        stage: Stage = Stage.SEARCH,
        server_message: str = "",
        result_code: int | None = None,
        matched_dn: str = "",
        advice: str = "",
        broke_off_sync: bool = False,
    ) -> None:
        super().__init__(f"{message.rstrip('.')}. {advice[:1].upper()}{advice[1:]}" if advice else message)
        self.problem = message
        self.advice = advice
        self.stage = stage
        self.server_message = server_message
        self.result_code = result_code
        self.matched_dn = matched_dn
        self.broke_off = False
        self.broke_off_sync = broke_off_sync

    def as_part_of(self, message: str) -> DirectoryUnavailable:
        """Return the failure of a larger task, with this message and the facts of this failure."""
        return DirectoryUnavailable(
            message, stage=self.stage, server_message=self.server_message, result_code=self.result_code
        )


class Referred(DirectoryUnavailable):
    """The server does not hold the base, and refers to ``urls``."""

    def __init__(self, message: str, urls: tuple[str, ...], *, advice: str = "") -> None:
        super().__init__(message, stage=Stage.BASE, result_code=10, advice=advice)
        self.urls = urls


def plain(text: str, *, secret: str = "") -> str:
    """Return a server's words on one line, shortened, without control characters and without the secret."""
    if secret:
        text = text.replace(secret, "***")
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    words = " ".join(printable.split())
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"
