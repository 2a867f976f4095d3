"""Keeps uploaded files in memory up to a maximum size, and stops reading larger ones."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from directory.provisioning.csv_files.csv_file import ON_THE_PAGE

LARGEST = ON_THE_PAGE.bytes
# Read and drop a little more than the maximum: a browser that is cut off while it sends shows its own error page.
MOST_READ = 10 * LARGEST


class LimitedUploadHandler(FileUploadHandler):
    """Keeps the files of a request in memory; drops a file that is too large, and sets the flag for ``too_large``."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._announced = 0
        self._received = 0
        self._file = io.BytesIO()

    def handle_raw_input(self, *arguments: Any, **_options: Any) -> None:
        """Check the length in the request's header."""
        self._announced = int(arguments[2])

    def new_file(self, *arguments: Any, **options: Any) -> None:
        """Begin a file."""
        super().new_file(*arguments, **options)
        self._file = io.BytesIO()
        if self._announced > MOST_READ:
            self._refuse()
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002  # Django's
        """Keep a chunk of the file, unless the file is too large."""
        self._received += len(raw_data)
        if self._received > MOST_READ:
            self._refuse()
            raise StopUpload(connection_reset=True)
        if self._received > LARGEST:
            self._refuse()
        else:
            self._file.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile | None:
        """Return the file."""
        if too_large(self.request):
            return None
        self._file.seek(0)
        return InMemoryUploadedFile(
            self._file, self.field_name, self.file_name or "", self.content_type or "", file_size, self.charset
        )

    def _refuse(self) -> None:
        self._file = io.BytesIO()
        self.request.META[_FLAG] = True  # type: ignore[union-attr]  # Django sets it before anything is received


_FLAG = "rollcall.upload_too_large"


def too_large(request: HttpRequest | None) -> bool:
    """Return whether a file of this request was too large."""
    return request is not None and bool(request.META.get(_FLAG))
