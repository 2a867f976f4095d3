"""Passes the client certificate to TLS, and gives advice if a server refuses it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

# TLS alerts of servers about our certificate (RFC 8446, 6), in OpenSSL's words, with their meanings.
REFUSALS = {
    "unknown ca": "it does not know the authority that signed it; intermediate certificates belong below it",
    "certificate expired": "it has expired",
    "certificate revoked": "it has been revoked",
    "unsupported certificate": "it is of a kind that the server does not take, such as not for client authentication",
    "bad certificate": "it is damaged, or its signature can't be verified",
    "certificate unknown": "the server says no more",
    "certificate required": "the server got none that it could use",
    "access denied": "its holder may not connect",
    "handshake failure": "the server says no more",
}
SILENT_DEMAND = "a server that demands a client certificate may end it so, and none is set"
SILENT_REFUSAL = (
    "a server that refuses the client certificate may end it so: it may not know the authority that signed it"
)
# The possible reasons of a server that refuses SASL EXTERNAL.
EXTERNAL_REFUSED = (
    "the server asks its clients for no certificate, or knows nobody by this one: see its settings for TLS and SASL EXTERNAL "
    "(OpenLDAP: TLSVerifyClient, authz-regexp)"
)
# The errors of connections that end without a reason.
LOST = "connection lost"
WITHOUT_A_WORD = (LOST, "connection reset by peer", "connection closed", "closed (eof)", "eof occurred", "broken pipe")
DEMANDS = ("certificate required", "handshake failure", "bad certificate")


def present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Let TLS send the certificate to servers that request one; raises OSError if it can't be used."""
    with _in_memory(f"{certificate}\n{key}\n") as path:
        # Without this function OpenSSL would ask for a passphrase on the terminal.
        context.load_cert_chain(path, password=lambda: "")


def is_silent(reason: str) -> bool:
    """Return whether this error shows that a connection ended without a reason."""
    return any(words in reason.lower() for words in WITHOUT_A_WORD)


def advice(reason: str, *, shown: bool) -> str:
    """Return the advice for a refusal in TLS that may concern the client certificate; else an empty text.

    ``shown`` is whether a client certificate is set.
    """
    if is_silent(reason):
        return SILENT_REFUSAL if shown else SILENT_DEMAND
    if not shown:
        certainly = "demands" if "certificate required" in reason else "may demand"
        demands = any(each in reason for each in DEMANDS)
        return f"the server {certainly} a client certificate, and none is set" if demands else ""
    found = next((words for each, words in REFUSALS.items() if f"alert {each}" in reason), "")
    return f"the server refuses the client certificate: {found}" if found else ""


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Yield the path of a file that exists only in this process's memory: Python's TLS reads keys from files."""
    number = os.memfd_create("client certificate")
    try:
        with os.fdopen(os.dup(number), "wb") as file:
            file.write(text.encode())
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)
