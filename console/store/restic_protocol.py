"""Speaks restic's REST protocol: who may, by the gate; where, by the address; append-only but for locks."""

from __future__ import annotations

import base64
import binascii
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.db import Error, close_old_connections
from django.utils import timezone

from console.store import addresses, device_limit, downloads, refusal_log, uploads
from console.store.addresses import RequestedFile
from console.store.answers import (
    INITIALIZING,
    NO_DATABASE,
    NO_SUCH_METHOD,
    NOT_FOUND,
    NOT_OFFERED,
    NOT_THERE,
    NOTHING_HERE,
    TOO_MANY,
    Answer,
    Unacceptable,
    of_error,
    refused,
)
from console.store.timed_socket import TimedSocket
from orgs.actions.backups import repository_folders
from orgs.backups import folders, gate, initialization
from orgs.backups.durable_files import sync_folder
from orgs.backups.folders import StorageRoot
from orgs.backups.gate import BackupAct, BackupState, Refusal

log = logging.getLogger("rollcall.store")

HEALTH = "/healthz"
# A request may take minutes. The gate is asked again after so many seconds in which something came or went.
GATE_SECONDS = 15
LOCKS, SNAPSHOTS = "locks", "snapshots"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    close_old_connections()
    ended = ExitStack()
    try:
        answer = _answered(environ, ended)
    except Error as error:
        log.warning("the database did not answer: %s", error)
        answer = NO_DATABASE
    except OSError as error:
        log.exception("the disk of the store did not work")
        answer = of_error(error)
    except BaseException:
        ended.close()
        raise
    finally:
        close_old_connections()
    body = _Body(answer.body, ended)
    try:
        start_response(answer.status_line, answer.all_headers())
    except BaseException:
        body.close()
        raise
    return body


class _Body:
    """The body of an answer; the server closes it once it is out, or has broken off."""

    def __init__(self, blocks: Iterable[bytes], ended: ExitStack) -> None:
        self._blocks, self._ended = blocks, ended

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)

    def close(self) -> None:
        with self._ended:
            if isinstance(self._blocks, downloads.Blocks):
                self._blocks.close()


def _answered(environ: WSGIEnvironment, ended: ExitStack) -> Answer:
    # The raw address: PATH_INFO is decoded, and would turn %2e%2e into dots.
    address: str = environ["RAW_URI"]
    if address == HEALTH:
        return Answer(200, "ok")
    file = addresses.parsed(address)
    if file is None:
        return NOTHING_HERE
    return _Request(environ, file).answer(ended)


class _Request:
    """A request about a repository."""

    def __init__(self, environ: WSGIEnvironment, file: RequestedFile) -> None:
        self._environ, self._file = environ, file
        self._method: str = environ["REQUEST_METHOD"]
        self._token = _token(environ.get("HTTP_AUTHORIZATION", ""))
        self._repository = StorageRoot(settings.ARCHIVES).repository(file.guid)
        self._gate_time = time.monotonic()

    def answer(self, ended: ExitStack) -> Answer:
        """Return the answer, after the gate has let the device in; ``ended`` is closed after the last byte of it."""
        if (closed := self._refused()) is not None:
            return closed
        if not device_limit.begin(self._file.guid):
            return TOO_MANY
        ended.callback(device_limit.end, self._file.guid)
        if self._file.is_config or self._file.name:
            answers = {"GET": self._download, "HEAD": self._download, "POST": self._upload, "DELETE": self._delete}
        elif self._file.kind:
            answers = {"GET": self._list}
        else:
            answers = {"DELETE": lambda: NOT_OFFERED} | ({"POST": self._create} if self._file.creates else {})
        return answers.get(self._method, lambda: NO_SUCH_METHOD)()

    def _list(self) -> Answer:
        accept = self._environ.get("HTTP_ACCEPT", "")
        return downloads.listing(self._repository, self._file.kind, accept=accept)

    def _refused(self, act: BackupAct = BackupAct.USE) -> Answer | None:
        """Ask the gate; log a refusal."""
        state = gate.of_token(self._token) if self._token else None
        refusal = gate.refusal(state, guid=self._file.guid, act=act)
        return None if refusal is None else self._logged(refusal, state)

    def _refused_meanwhile(self) -> Answer | None:
        """Ask the gate again, if it was not for some seconds; without a database the request goes on."""
        if time.monotonic() - self._gate_time < GATE_SECONDS:
            return None
        self._gate_time = time.monotonic()
        try:
            return self._refused()
        except Error as error:
            log.warning("the database did not answer during a request: %s", error)
            return None
        finally:
            close_old_connections()

    def _go_on_sending(self) -> None:
        """End an answer that is on its way to a device that was cut off; its status is out, so that it only breaks off."""
        if self._refused_meanwhile() is not None:
            raise ConnectionResetError(errno.ECONNRESET, "the device was cut off")

    def _go_on_receiving(self) -> None:
        """End an upload of a device that was cut off.

        Raises:
            Unacceptable: with the reason.
        """
        if (closed := self._refused_meanwhile()) is not None:
            raise Unacceptable(closed)

    def _logged(self, refusal: Refusal, state: BackupState | None) -> Answer:
        refusal_log.note(refusal, state, meta=self._environ, at=timezone.now())
        return refused(refusal)

    def _download(self) -> Answer:
        file = self._file
        path = (
            self._repository / folders.CONFIG
            if file.is_config
            else folders.file_path(self._repository, file.kind, file.name)
        )
        if settings.STORE_BEHIND_NGINX and self._method == "GET":
            answer = downloads.by_nginx(path, archives=settings.ARCHIVES)
        else:
            requested_range = self._environ.get("HTTP_RANGE", "")
            answer = downloads.file(path, requested_range=requested_range, head=self._method == "HEAD")
        self._watch(self._go_on_sending)
        # What is missing may be on its way since the gate was asked.
        return self._refused() or answer if answer is NOT_FOUND else answer

    def _upload(self) -> Answer:
        body: Any = self._environ["wsgi.input"]
        length = self._environ.get("CONTENT_LENGTH", "")
        chunked = self._environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        self._watch(self._go_on_receiving)
        try:
            answer = uploads.store(
                body,
                None if chunked else int(length or 0),
                repository=self._repository,
                file=self._file,
                refused=self._refused,
            )
        finally:
            self._watch(None)
        if answer.status == 200 and self._file.kind == SNAPSHOTS:
            repository_folders.note_snapshot(self._file.guid)
        return answer

    def _watch(self, go_on: Callable[[], None] | None) -> None:
        """Have this called after each piece that comes or goes from here on."""
        connection = self._environ.get("gunicorn.socket")
        if isinstance(connection, TimedSocket):
            connection.begin(go_on)

    def _delete(self) -> Answer:
        if self._file.kind != LOCKS:
            return self._refused(BackupAct.DELETE) or NO_SUCH_METHOD
        path = folders.file_path(self._repository, LOCKS, self._file.name)
        try:
            path.unlink()
            sync_folder(path.parent)
        except FileNotFoundError:
            return self._refused() or NOT_FOUND
        return Answer(200)

    def _create(self) -> Answer:
        made = repository_folders.make(token=self._token, guid=self._file.guid)
        if made is not None:
            return self._logged(made, gate.of_token(self._token))
        try:
            initialization.prepare(self._repository, at=timezone.now())
        except initialization.Initializing:
            return INITIALIZING
        except FileNotFoundError:
            return self._refused() or NOT_THERE
        return Answer(200)


def _token(authorization: str) -> str:
    """Return the password of HTTP's basic authentication, which is the token; empty without one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        user_and_token = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return user_and_token.partition(":")[2]
