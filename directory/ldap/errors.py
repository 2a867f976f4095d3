"""What goes wrong with a directory, as one sentence for the administrator."""

from __future__ import annotations

from enum import StrEnum

# So many characters of a server's own words are passed on: another service at that address can show no more.
MOST_WORDS = 500


class Stage(StrEnum):
    """How far it got, in the order in which a directory is reached."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "TLS"
    BIND = "bind"
    BASE = "base"
    FILTER = "filter"
    GROUPS = "groups"
    SEARCH = "search"


class DirectoryUnavailable(Exception):
    """The directory could not be read to its end, so nothing may be concluded from what was read.

    ``server_message`` is what the server itself said, ``result_code`` its LDAP result (RFC 4511, 4.1.9) where it gave
    one, and ``matched_dn`` how much of the way to the base is there, as it came. The bind password is in none of them.
    ``broke_off`` says that the connection was lost, ``broke_off_sync`` that it was on a search for changes (RFC 4533).
    ``advice`` is what to do about it, a sentence without a full stop; the message ends in it, ``problem`` does not.
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
        """Return the failure of what this one has made fail."""
        return DirectoryUnavailable(
            message, stage=self.stage, server_message=self.server_message, result_code=self.result_code
        )


class Referred(DirectoryUnavailable):
    """The server has not got the base, and names ``urls`` where it is."""

    def __init__(self, message: str, urls: tuple[str, ...], *, advice: str = "") -> None:
        super().__init__(message, stage=Stage.BASE, result_code=10, advice=advice)
        self.urls = urls


def plain(text: str, *, secret: str = "") -> str:
    """Return a server's words on one line, no more than a few, without control characters and without the secret."""
    if secret:
        text = text.replace(secret, "***")
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    words = " ".join(printable.split())
    return words if len(words) <= MOST_WORDS else f"{words[: MOST_WORDS - 1]}…"
