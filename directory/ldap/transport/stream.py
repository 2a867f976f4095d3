"""Carries LDAP messages between a server and libldap, and takes out the entries of searches.

libldap sends the requests and reads all other messages. Its requests are carried while a caller waits for the answer:
by ``entries``, which waits for those of a search, or by a thread while libldap itself waits.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from directory.ldap.transport import ber
from directory.ldap.transport.ber import Malformed
from orgs.text import counted

CHUNK = 1 << 18
# A message that is no entry is written to libldap's socket while nobody reads from it, so it has to fit into the
# buffer.
LONGEST_OTHER = 1 << 16
# A server writes entry by entry, and to read each one at once takes twice the CPU time of reading several. So if less
# than WORTH_READING bytes have come, the stream waits PAUSE seconds for more, unless the answer has ended.
WORTH_READING, PAUSE = 1 << 15, 0.0003


class LdapStream:
    """Both ends of one connection; ``trouble`` is why it broke off, empty while it has not."""

    def __init__(self, outside: socket.socket, inside: socket.socket) -> None:
        self.trouble = ""
        self._outside = outside
        self._inside = inside
        self._seconds = outside.gettimeout()
        self._wake, self._woken = socket.socketpair()
        self._parts: list[bytes] = []
        self._have = self._message_length = 0
        self._entries: list[tuple[int, bytes]] = []
        self._others: deque[bytes] = deque()
        self._ended = False
        outside.settimeout(0)
        # A blocking write to libldap could wait for ever, because libldap reads nothing meanwhile.
        inside.settimeout(0)
        self._ready = selectors.DefaultSelector()
        for end in (outside, inside):
            self._ready.register(end, selectors.EVENT_READ)

    @contextmanager
    def carried(self) -> Iterator[None]:
        """Carry in a thread, so that libldap may wait for an answer meanwhile."""
        self._ready.register(self._woken, selectors.EVENT_READ)
        thread = threading.Thread(target=self._carry_all, name="ldap-stream", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._wake.send(b"x")
            thread.join()
            self._woken.recv(1)
            self._ready.unregister(self._woken)

    def entries(self, number: int, deadline: float) -> list[bytes] | None:
        """Return the contents of the next entries of one search's answer; ``number`` is its message id.

        None means that libldap has something to read: another part of that answer, or the end of the connection.
        ``deadline`` is by the monotonic clock.

        Raises:
            TimeoutError: the answer has not ended before the deadline.
        """
        while True:
            entries, self._entries = self._entries, []
            if mine := [entry for of, entry in entries if of == number]:
                return mine
            if self._others:
                other = self._others.popleft()
                if self._pass_on(other) and ber.message_id(other) == number:
                    return None
            elif self._ended:
                return None
            elif (left := deadline - time.monotonic()) > 0:
                self._carry(left)
            else:
                # The deadline is for the whole answer, because an endless one would never stop.
                raise TimeoutError

    def close(self) -> None:
        """Carry the last requests of libldap, such as its unbind, and close all ends but libldap's."""
        try:
            while not self._ended:
                self._carry_request()
        except BlockingIOError:
            # libldap has no more requests.
            pass
        finally:
            self._ready.close()
            for end in (self._outside, self._inside, self._wake, self._woken):
                end.close()

    def _carry_all(self) -> None:
        """Carry until woken up, and drop the entries of abandoned searches."""
        while not self._ended:
            while self._others:
                self._pass_on(self._others.popleft())
            self._entries.clear()
            if self._carry(None):
                break
        while self._others:
            self._pass_on(self._others.popleft())

    def _carry(self, seconds: float | None) -> bool:
        """Carry what has arrived on either side within these ``seconds``; return True if woken up.

        Raises:
            TimeoutError: nothing has arrived.
        """
        # The socket does not become readable for data that OpenSSL has decrypted already.
        pending = isinstance(self._outside, ssl.SSLSocket) and self._outside.pending() > 0
        readable = {key.fileobj for key, _ in self._ready.select(0 if pending else seconds)}
        if not readable and not pending:
            raise TimeoutError
        if self._inside in readable:
            self._carry_request()
        if not self._ended and (pending or self._outside in readable):
            self._carry_answer()
        return self._woken in readable

    def _carry_request(self) -> None:
        try:
            request = self._inside.recv(CHUNK)
            if not request:
                return self._end()
            self._outside.settimeout(self._seconds)
            self._outside.sendall(request)
            self._outside.settimeout(0)
        except BlockingIOError:
            raise
        except TimeoutError:
            self._end("the server fell silent")
        except OSError as error:
            self._end(why(error))

    def _carry_answer(self) -> None:
        """Receive all that has come: one read of TLS returns no more than one write of the server."""
        came, over = 0, False
        while came < CHUNK and not over:
            try:
                part = self._outside.recv(CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                # No more data, a part of a TLS record, or a message of TLS itself.
                break
            except OSError as error:
                over, self.trouble = True, self.trouble or why(error)
            else:
                self._parts.append(part)
                came, over = came + len(part), not part
        self._have += came
        if came and self._have >= self._message_length:
            self._take()
        if over and not came:
            # If data have come as well, the next round ends the connection: libldap has to read these first.
            self._end()
        elif came < WORTH_READING and not self._others:
            time.sleep(PAUSE)

    def _take(self) -> None:
        """Take all complete messages out of the received bytes."""
        data = b"".join(self._parts)
        try:
            taken = ber.take(data)
        except Malformed:
            return self._end("the answer can't be read")
        rest = data[taken.rest :]
        self._parts, self._have, self._message_length = [rest], len(rest), taken.message_length
        self._entries += taken.entries
        self._others += taken.others
        return None

    def _pass_on(self, message: bytes) -> bool:
        """Write a message that is no entry to libldap; return False if it is too long."""
        if len(message) > LONGEST_OTHER:
            self._end("the answer can't be read")
            return False
        try:
            self._inside.sendall(message)
        except BlockingIOError:
            # The buffer is full: a normal answer has few messages that are no entries.
            self._end("the answer can't be read")
        except OSError as error:
            self._end(why(error))
        return True

    def _end(self, trouble: str = "") -> None:
        """Show libldap the end of the connection."""
        self.trouble = self.trouble or trouble
        self._ended = True
        try:
            self._inside.shutdown(socket.SHUT_WR)
        except OSError:
            # libldap has closed its own end first.
            return


def why(error: OSError, seconds: int = 0) -> str:
    """Return why a socket failed, in a few words; ``seconds`` is the time-out of the answer."""
    if isinstance(error, TimeoutError):
        return f"no answer within {counted(seconds, 'second', 'seconds')}" if seconds else "no answer"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    # Cut off the end of OpenSSL's words, which is a line number of Python's own source.
    return (error.strerror or "connection closed").partition(" (_ssl.c")[0]
