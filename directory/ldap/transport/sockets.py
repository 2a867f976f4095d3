"""Opens a socket for libldap from a URL, with TLS if it is required.

The socket and TLS are Python's, not libldap's. If a server stops in the middle of a message or of the TLS handshake,
libldap 2.5 waits for ever, despite all its time-outs; here the kernel ends each wait. Also, TLS settings belong to one
connection and need no files, and errors explain why a certificate was refused.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from directory.ldap import error_advice
from directory.ldap.errors import DirectoryUnavailable, Stage, plain
from directory.ldap.transport import ber, client_certificates
from directory.ldap.transport.ber import Malformed
from directory.ldap.transport.stream import LdapStream, why
from directory.ldap.url import Url
from directory.ldap.validation.allowed_addresses import allowed
from directory.values.ldap import Connection

# RFC 4511, 4.14: message 1, extended request 1.3.6.1.4.1.1466.20037.
START_TLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
START_TLS_ID = 1
LONGEST_ANSWER = 1 << 16
NO_LDAP = "the answer is not LDAP"

Note = Callable[[Stage, str], None]


@dataclass(frozen=True, slots=True)
class Transport:
    """An open connection; ``fileno`` belongs to libldap, which closes it; ``stream`` carries its messages to the server.

    ``address`` is the server's IP address, one of several that its name may have.
    """

    fileno: int
    encrypted: bool
    stream: LdapStream
    address: str


def unnoted(_stage: Stage, _detail: str) -> None:
    """Ignore a stage that went well."""


def open_transport(connection: Connection, url: Url, note: Note = unnoted, *, address: str = "") -> Transport:
    """Connect to one server, with TLS by the connection's settings, and pass each stage that went well to ``note``.

    The given ``address`` is tried before the others of the name.

    Raises:
        DirectoryUnavailable: the name, the connection or TLS failed; nothing secret has been sent.
    """
    encrypt = url.scheme == "ldaps" or connection.start_tls
    trust = _trust(connection, url) if encrypt else None
    outside = _connect(connection, url, note, address)
    try:
        reached = str(outside.getpeername()[0])
        if trust is not None:
            outside = secure = _encrypt(outside, trust, connection, url)
            note(Stage.TLS, f"{secure.version()}, {_holder(secure, connection)}")
        outside.settimeout(connection.operation_timeout)
        for_libldap, inside = socket.socketpair()
    except BaseException:
        outside.close()
        raise
    _end_waits(for_libldap, connection.operation_timeout)
    return Transport(
        for_libldap.detach(), encrypted=trust is not None, stream=LdapStream(outside, inside), address=reached
    )


def _connect(connection: Connection, url: Url, note: Note, preferred: str) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", "") or "not a host name"
        raise DirectoryUnavailable(
            f"{url}: the name {url.host} can't be resolved ({reason})",
            stage=Stage.NAME,
            server_message=reason,
            advice=error_advice.of_name(error),
        ) from None
    # The sort is stable: the other addresses stay in the order of the name server.
    addresses = sorted(allowed(url, addresses), key=lambda each: each[4][0] != preferred)
    note(Stage.NAME, f"{url.host} is {', '.join(dict.fromkeys(str(address[4][0]) for address in addresses))}")
    trouble = to_do = ""
    for family, kind, protocol, _, address in addresses:
        outside = socket.socket(family, kind, protocol)
        try:
            outside.settimeout(connection.connect_timeout)
            outside.connect(address)
        except OSError as error:
            outside.close()
            trouble, to_do = why(error, connection.connect_timeout), error_advice.of_connecting(error)
            continue
        _keep_alive(outside)
        note(Stage.CONNECT, f"connected to {address[0]}, port {url.port}")
        return outside
    raise DirectoryUnavailable(
        f"{url}: Can't contact LDAP server ({trouble})", stage=Stage.CONNECT, server_message=trouble, advice=to_do
    )


def _keep_alive(outside: socket.socket) -> None:
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    outside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, name):
            outside.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)


def _end_waits(end: socket.socket, seconds: int) -> None:
    # libldap only checks its time-out between two reads, so each read has to end by itself.
    end.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        end.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))


def _trust(connection: Connection, url: Url) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if connection.client_certificate:
        try:
            client_certificates.present(context, connection.client_certificate, connection.client_key)
        except OSError as error:
            reason = why(error)
            raise DirectoryUnavailable(
                f"{url}: the client certificate can't be used ({reason})", stage=Stage.TLS, server_message=reason
            ) from None
    if not connection.verify_certificates:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # Allows to trust a server's own certificate, or an intermediate authority's, without its root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not connection.ca_certificate.strip():
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=connection.ca_certificate)
    except (ssl.SSLError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else "not PEM text"
        raise DirectoryUnavailable(
            f"{url}: the CA certificate can't be used ({reason})", stage=Stage.TLS, server_message=reason
        ) from None
    return context


def _encrypt(outside: socket.socket, trust: ssl.SSLContext, connection: Connection, url: Url) -> ssl.SSLSocket:
    try:
        if url.scheme == "ldap":
            _start_tls(outside, url, connection.connect_timeout)
        return trust.wrap_socket(outside, server_hostname=url.host)
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message.rstrip(".")
        message, to_do = (
            f"{url}: the server's certificate is refused ({reason})",
            error_advice.of_certificate(error.verify_code),
        )
    except OSError as error:
        reason = why(error, connection.connect_timeout)
        of_certificate = client_certificates.advice(reason, shown=bool(connection.client_certificate))
        # A closed connection has several possible reasons, so both kinds of advice are given.
        to_do = (
            "; ".join(filter(None, [error_advice.of_tls(error), of_certificate]))
            if client_certificates.is_silent(reason)
            else ""
        )
        message, to_do = f"{url}: TLS failed ({reason})", to_do or of_certificate or error_advice.of_tls(error)
    raise DirectoryUnavailable(message, stage=Stage.TLS, server_message=reason, advice=to_do)


def _start_tls(outside: socket.socket, url: Url, seconds: int) -> None:
    """Request StartTLS; the answer has to come within these ``seconds`` (RFC 4511, 4.14)."""
    outside.sendall(START_TLS)
    message = _message(outside, time.monotonic() + seconds)
    outside.settimeout(seconds)
    try:
        number, code, diagnostic = ber.extended_result(message)
    except Malformed:
        raise OSError(None, NO_LDAP) from None
    if code:
        reason = plain(diagnostic.decode("utf-8", "replace")) or f"result {code}"
        raise DirectoryUnavailable(
            f"{url}: the server refuses StartTLS ({reason})",
            stage=Stage.TLS,
            server_message=reason,
            advice=error_advice.of_start_tls(code),
        )
    if number != START_TLS_ID:
        raise OSError(None, NO_LDAP)


def _message(outside: socket.socket, ends: float) -> bytes:
    """Read one message and not a byte more, because TLS follows."""
    head = _exactly(outside, 2, ends)
    length, octets = head[1], 0
    if length >= 0x80:
        octets = length & 0x7F
        if not 0 < octets <= ber.LONGEST_HEADER - 2:
            raise OSError(None, NO_LDAP)
        head += _exactly(outside, octets, ends)
        length = int.from_bytes(head[2:])
    if head[0] != ber.SEQUENCE or length > LONGEST_ANSWER:
        raise OSError(None, NO_LDAP)
    return head + _exactly(outside, length, ends)


def _exactly(outside: socket.socket, count: int, ends: float) -> bytes:
    """Read ``count`` octets before ``ends``, by the monotonic clock; a time-out of each read would not stop a slow server."""
    received = b""
    while len(received) < count:
        if (left := ends - time.monotonic()) <= 0:
            raise TimeoutError
        outside.settimeout(left)
        more = outside.recv(count - len(received))
        if not more:
            raise OSError(None, "connection closed")
        received += more
    return received


def _holder(secure: ssl.SSLSocket, connection: Connection) -> str:
    if not connection.verify_certificates:
        return "certificate not checked"
    certificate = secure.getpeercert() or {}
    return f"certificate valid until {certificate.get('notAfter', 'an unknown day')}"
