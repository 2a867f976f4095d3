"""Sets up logging to one file and stderr, in the format that operators grep; no value can forge a line."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from console.process.data_folder import full
from console.process.env import BadSetting
from orgs.log_lines import LogLines

# Control characters, line separators, and the marks that reverse the direction of text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text: str) -> str:
    """Return the text on one line, with escapes for characters that could start a new line or hide text."""
    return _UNSAFE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    character = found.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


# Loggers whose name is not written, as in the original's lines about a whole run.
_WITHOUT_COLUMN = "rollcall.sync"
# The widths of the original's columns for thread and logger; a longer logger's name is cut at its start.
_THREAD_WIDTH, _LOGGER_WIDTH = 20, 40
# The security log has refused sign-ins, with more detail.
_LOGGED_ELSEWHERE = "django_auth_ldap"
# Loggers that write a line for each tick: warnings only.
_TICKING = ("celery.beat", "celery.worker.strategy", "celery.app.trace")


class OneLineFormatter(logging.Formatter):
    """Writes one line for each record in the original's form, and indents tracebacks below it.

    ``[07.10.14 13:27:33.207 INFO    MainThread] DIRSYNC:: ...`` for lines about a whole run; lines of other loggers
    have the thread in 20 columns and the logger in 40.
    """

    default_time_format = "%m.%d.%y %H:%M:%S"
    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("[%(asctime)s %(levelname)-7s %(origin)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, LogLines):
            return self._several(record, record.msg)
        return super().format(record)

    def _several(self, record: logging.LogRecord, lines: LogLines) -> str:
        """Return the lines, each formatted like a record of its own."""
        record.message, record.asctime = "", self.formatTime(record, self.datefmt)
        record.origin = _origin(record)
        beginning = super().formatMessage(record)
        return "\n".join(beginning + escape(line) for line in lines)

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escape(record.message)
        record.origin = _origin(record)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        return _indented(super().formatException(ei))  # type: ignore[arg-type]  # the base class's own type is private

    def formatStack(self, stack_info: str) -> str:
        return _indented(super().formatStack(stack_info))


def _origin(record: logging.LogRecord) -> str:
    thread = record.threadName or "-"
    if record.name == _WITHOUT_COLUMN:
        return thread
    return f"{thread:<{_THREAD_WIDTH}} {record.name[-_LOGGER_WIDTH:]:<{_LOGGER_WIDTH}}"


def _indented(text: str) -> str:
    return "\n".join(f"    {escape(line)}" for line in text.splitlines())


class DroppingStream(logging.StreamHandler[TextIO]):
    """Writes to standard error; drops a line that can't be written (such as on a full disk), without an error."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class DroppingFile(logging.handlers.WatchedFileHandler):
    """Writes to a file, and to a new one after logrotate has moved it; drops records that can't be written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record or drop it; do not keep a half-written record for later."""
        try:
            super().emit(record)
        except OSError:
            self._start_over()

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            self._start_over()
        else:
            super().handleError(record)

    def _start_over(self) -> None:
        stream, self.stream = self.stream, None
        # Closing flushes the rest, which fails again; the file is closed even so.
        if stream is not None:
            with suppress(OSError):
                stream.close()


def configure(config: Mapping[str, str]) -> None:
    """Set up logging from Django's LOGGING: ``file`` and ``level``; only the owner may read the file's folder.

    Raises:
        BadSetting: when the file can't be written, unless the reason is a full disk.
    """
    file = Path(config["file"]).absolute()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.open("ab").close()
    except OSError as error:
        if not full(error):
            raise BadSetting(f"LOG_FILE can't be written ({file}): {error.strerror}.") from error
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": OneLineFormatter}},
            "handlers": {
                "stderr": {"()": DroppingStream, "formatter": "line"},
                # Opens a new file after logrotate has moved the old one.
                "file": {
                    "()": DroppingFile,
                    "filename": str(file),
                    "delay": True,
                    "encoding": "utf-8",
                    "formatter": "line",
                },
            },
            "loggers": {name: {"level": "WARNING"} for name in _TICKING} | {_LOGGED_ELSEWHERE: {"level": "CRITICAL"}},
            "root": {"level": config["level"], "handlers": ["stderr", "file"]},
        }
    )
