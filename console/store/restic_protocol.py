"""Speaks restic's REST protocol: who may, by the gate; where, by the address; append-only but for locks."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.db import Error, close_old_connections
from django.utils import timezone

from console.store import addresses, downloads, refusal_log, uploads
from console.store.addresses import RequestedFile
from console.store.answers import (
    NO_DATABASE,
    NO_SUCH_METHOD,
    NOT_FOUND,
    NOT_OFFERED,
    NOTHING_HERE,
    Answer,
    of_error,
    refused,
)
from orgs.actions.backups import repository_folders
from orgs.backups import folders, gate
from orgs.backups.durable_files import sync_folder
from orgs.backups.folders import StorageRoot
from orgs.backups.gate import BackupAct, BackupState, Refusal

log = logging.getLogger("rollcall.store")

HEALTH = "/healthz"
LOCKS, SNAPSHOTS = "locks", "snapshots"


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    close_old_connections()
    try:
        answer = _answered(environ)
    except Error as error:
        log.warning("the database did not answer: %s", error)
        answer = NO_DATABASE
    except OSError as error:
        log.exception("the disk of the store did not work")
        answer = of_error(error)
    finally:
        close_old_connections()
    start_response(answer.status_line, answer.all_headers())
    return answer.body


def _answered(environ: WSGIEnvironment) -> Answer:
    # The raw address: PATH_INFO is decoded, and would turn %2e%2e into dots.
    address: str = environ["RAW_URI"]
    if address == HEALTH:
        return Answer(200, "ok")
    file = addresses.parsed(address)
    if file is None:
        return NOTHING_HERE
    return _Request(environ, file).answer()


class _Request:
    """A request about a repository."""

    def __init__(self, environ: WSGIEnvironment, file: RequestedFile) -> None:
        self._environ, self._file = environ, file
        self._method: str = environ["REQUEST_METHOD"]
        self._token = _token(environ.get("HTTP_AUTHORIZATION", ""))
        self._repository = StorageRoot(settings.ARCHIVES).repository(file.guid)

    def answer(self) -> Answer:
        """Return the answer, after the gate has let the device in."""
        if (closed := self._refused()) is not None:
            return closed
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
        return downloads.file(path, requested_range=self._environ.get("HTTP_RANGE", ""), head=self._method == "HEAD")

    def _upload(self) -> Answer:
        body: Any = self._environ["wsgi.input"]
        length = self._environ.get("CONTENT_LENGTH", "")
        chunked = self._environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        answer = uploads.store(
            body,
            None if chunked else int(length or 0),
            repository=self._repository,
            file=self._file,
            refused=self._refused,
        )
        if answer.status == 200 and self._file.kind == SNAPSHOTS:
            repository_folders.note_snapshot(self._file.guid)
        return answer

    def _delete(self) -> Answer:
        if self._file.kind != LOCKS:
            return self._refused(BackupAct.DELETE) or NO_SUCH_METHOD
        path = folders.file_path(self._repository, LOCKS, self._file.name)
        try:
            path.unlink()
        except FileNotFoundError:
            return NOT_FOUND
        sync_folder(path.parent)
        return Answer(200)

    def _create(self) -> Answer:
        made = repository_folders.make(token=self._token, guid=self._file.guid, root=StorageRoot(settings.ARCHIVES))
        return Answer(200) if made is None else self._logged(made, gate.of_token(self._token))


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
