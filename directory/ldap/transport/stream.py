"""Carries LDAP messages between a server and libldap, and takes the entries of searches out on the way.

libldap asks and gets to see everything else. What it asks is carried when its answer is waited for: by the one who
waits for the entries of a search, or by a thread while libldap itself waits.
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
# What is no entry goes through a pipe that nobody empties meanwhile, so it has to fit in there.
LONGEST_OTHER = 1 << 16
# A server writes entry by entry. To read each as soon as it comes takes twice the processor's time of reading some at once:
# where little has come, a moment (in seconds) is left for more, as long as the answer has not ended.
WORTH_READING, PAUSE = 1 << 15, 0.0003


class LdapStream:
    """Both ends of one connection; ``trouble`` is the reason why it broke off."""

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
        # Whoever waited here for libldap to make room could wait for ever: it reads nothing while we do.
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
        """Return the contents of the entries of one search's answer that come next.

        None means that libldap has something to read instead: another part of that answer, or that the connection has
        been closed. ``deadline`` is by the monotonic clock.

        Raises:
            TimeoutError: the answer has not ended until then, whatever may still come.
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
                # An endless answer would keep us for ever.
                raise TimeoutError

    def close(self) -> None:
        """Carry what libldap has left behind, such as its goodbye, and close all ends but libldap's."""
        try:
            while not self._ended:
                self._carry_request()
        except BlockingIOError:
            # Whoever waited for an answer has given up.
            pass
        finally:
            self._ready.close()
            for end in (self._outside, self._inside, self._wake, self._woken):
                end.close()

    def _carry_all(self) -> None:
        """Carry until woken up; entries of a search that nobody waits for any more are dropped."""
        while not self._ended:
            while self._others:
                self._pass_on(self._others.popleft())
            self._entries.clear()
            if self._carry(None):
                break
        while self._others:
            self._pass_on(self._others.popleft())

    def _carry(self, seconds: float | None) -> bool:
        """Carry what has arrived on either side, waiting so long for it; True when woken up.

        Raises:
            TimeoutError: nothing has arrived.
        """
        # What OpenSSL holds already decrypted never makes the socket readable again.
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
        """Receive all that has come: TLS returns no more at once than the server wrote at once."""
        came, over = 0, False
        while came < CHUNK and not over:
            try:
                part = self._outside.recv(CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                # Nothing more, a part of a record, or TLS talking to itself.
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
            # Else in the next round: libldap has to see what has come before.
            self._end()
        elif came < WORTH_READING and not self._others:
            time.sleep(PAUSE)

    def _take(self) -> None:
        """Take the messages that are complete by now."""
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
        """Let libldap read what is no entry; False when that is too long to be an answer."""
        if len(message) > LONGEST_OTHER:
            self._end("the answer can't be read")
            return False
        try:
            self._inside.sendall(message)
        except BlockingIOError:
            # Of what is no entry, nobody has to say so much.
            self._end("the answer can't be read")
        except OSError as error:
            self._end(why(error))
        return True

    def _end(self, trouble: str = "") -> None:
        """Let libldap see that the connection is closed."""
        self.trouble = self.trouble or trouble
        self._ended = True
        try:
            self._inside.shutdown(socket.SHUT_WR)
        except OSError:
            # libldap has closed its end first.
            return


def why(error: OSError, seconds: int = 0) -> str:
    """Return why a socket failed, in a few words; ``seconds`` is how long an answer was waited for."""
    if isinstance(error, TimeoutError):
        return f"no answer within {counted(seconds, 'second', 'seconds')}" if seconds else "no answer"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    # OpenSSL's words end in the line of Python's own source.
    return (error.strerror or "connection closed").partition(" (_ssl.c")[0]
