"""Reads typed settings from the environment; an error is one sentence that names the variable."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MOST = 10**9

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_ADDRESS_OF_MAIL = re.compile(r"[^\s<>]+@[^\s<>]+|[^<>\r\n]*<[^\s<>]+@[^\s<>]+>")
_SECRET_KEY_LEAST = 32


class BadSetting(ImproperlyConfigured):
    """A variable is missing or malformed; the message is one sentence that names it and what to do."""


def given(name: str, *, default: str = "") -> str:
    """Return a variable unchanged; an empty one counts as not set.

    Nothing is substituted: a password may begin with a dollar sign.
    """
    return os.environ.get(name) or default


def text(name: str, *, default: str = "") -> str:
    """Return a text on one line, without blanks around it.

    Raises:
        BadSetting: when the text has a line break or another control character.
    """
    value = given(name, default=default).strip()
    if any(not character.isprintable() for character in value):
        raise BadSetting(f"{name} must be one line without control characters.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Return a yes-or-no setting: 1, 0, true or false.

    Raises:
        BadSetting: when the variable holds anything else.
    """
    value = text(name, default="true" if default else "false").lower()
    if value in {"1", "true"}:
        return True
    if value in {"0", "false"}:
        return False
    raise BadSetting(f"{name} must be true or false, not {value!r}.")


def debug(hosts: Collection[str], *, https: bool) -> bool:
    """Return ``DEBUG``; with it, error pages show code and settings.

    Raises:
        BadSetting: when it is on and other machines could load such a page.
    """
    on = flag("DEBUG", default=False)
    if on and (https or not set(hosts) <= set(THIS_MACHINE)):
        raise BadSetting(
            f"DEBUG shows code and settings on error pages: it needs ALLOWED_HOSTS={','.join(THIS_MACHINE)} and no HTTPS."
        )
    return on


def number(name: str, *, default: int, least: int = 0, most: int = MOST) -> int:
    """Return a whole number between ``least`` and ``most``.

    Raises:
        BadSetting: when the variable is no whole number, or too small or too large.
    """
    value = text(name, default=str(default))
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        raise BadSetting(f"{name} must be a whole number, not {value[:40]!r}.")
    if not least <= int(value) <= most:
        raise BadSetting(f"{name} must be a whole number from {least} to {most}, not {int(value)}.")
    return int(value)


def port(name: str, *, default: int) -> int:
    """Return the number of a TCP port; the default may be 0, for any port.

    Raises:
        BadSetting: when the variable is not a port.
    """
    return default if not given(name) else number(name, default=default, least=1, most=65535)


def one_of(name: str, choices: Collection[str], *, default: str) -> str:
    """Return one of the choices, in capitals.

    Raises:
        BadSetting: when the variable is not one of them.
    """
    value = text(name, default=default).upper()
    if value not in choices:
        raise BadSetting(f"{name} must be one of {', '.join(choices)}, not {value[:40]!r}.")
    return value


def words(name: str, *, default: list[str]) -> list[str]:
    """Return a comma-separated setting as a list, without empty items."""
    listed = [word.strip() for word in given(name).split(",") if word.strip()]
    return listed or default


def hosts(name: str, *, default: list[str]) -> list[str]:
    """Return a comma-separated list of host names and addresses; a leading dot stands for all names below.

    Raises:
        BadSetting: when one of them is not a host name, but for example a URL.
    """
    listed = words(name, default=default)
    for host in listed:
        if host != "*" and not _HOST.fullmatch(host.removeprefix(".")):
            raise BadSetting(f"{name} must list host names without scheme, port and path, not {host[:80]!r}.")
    return listed


def origins(name: str) -> list[str]:
    """Return a comma-separated list of origins, such as ``https://rollcall.example.com``.

    Raises:
        BadSetting: when one of them is not an origin.
    """
    return [_web_address(name, each, path=False) for each in words(name, default=[])]


def web_address(name: str, *, default: str) -> str:
    """Return the address of a website, without a slash at its end.

    Raises:
        BadSetting: when the variable is not such an address.
    """
    return _web_address(name, text(name, default=default).rstrip("/"), path=True)


def _web_address(name: str, value: str, *, path: bool) -> str:
    parts = split(name, value)
    # A star stands for all names below a domain.
    host = (parts.hostname or "").removeprefix("*.")
    host = f"[{host}]" if ":" in host else host
    rest = parts.query or parts.fragment or (parts.path.strip("/") and not path)
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or parts.username or rest:
        raise BadSetting(f"{name} must be an address such as https://rollcall.example.com, not {value[:80]!r}.")
    return value


def split(name: str, address: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        BadSetting: when the address is not a URL; the message leaves it out, as it may contain a password.
    """
    try:
        parts = urlsplit(address)
        _ = parts.port, parts.hostname
    except ValueError as error:
        raise BadSetting(f"{name} is no valid address: {_without_secrets(str(error), address)}.") from error
    return parts


def _without_secrets(problem: str, address: str) -> str:
    # Python's message may quote a password: one with an unquoted slash or hash is parsed as the port.
    return "write % signs, slashes and the like in the password as %XX" if "@" in address else problem


def ports(name: str, *, default: Collection[int]) -> frozenset[int]:
    """Return a comma-separated list of ports and of ranges such as ``1024-65535``.

    Raises:
        BadSetting: when one of them is no port.
    """
    listed: set[int] = set()
    for word in words(name, default=[str(port) for port in default]):
        first, _, last = word.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 65535):
            raise BadSetting(f"{name} must list ports from 1 to 65535, not {word[:40]!r}.")
        listed.update(range(int(first), int(last or first) + 1))
    return frozenset(listed)


def encryption_keys(name: str) -> list[str]:
    """Return Fernet keys, newest first; ``secret-key`` stands for the key that is derived from SECRET_KEY.

    Raises:
        BadSetting: when one of them is not a key; the message has its number, not its value, as it may be secret.
    """
    keys = words(name, default=[])
    for position, key in enumerate(keys, 1):
        try:
            Fernet(key if key != "secret-key" else Fernet.generate_key())
        except ValueError as error:
            raise BadSetting(
                f"{name}: key {position} is no Fernet key; manage.py rotate_keys --new-key prints one."
            ) from error
    return keys


def secret(name: str) -> str:
    """Return a secret; empty if the variable is not set.

    Raises:
        BadSetting: when the secret is too short, or has too few different characters.
    """
    value = given(name).strip()
    if value and not is_strong(value):
        raise BadSetting(
            f"{name} must have at least {_SECRET_KEY_LEAST} characters that nobody guesses, such as the output of "
            "“openssl rand -base64 48”."
        )
    return value


def is_strong(value: str) -> bool:
    """Return whether a secret is long enough and has enough different characters."""
    return len(value) >= _SECRET_KEY_LEAST and len(set(value)) >= 10


def time_zone(name: str, *, default: str) -> str:
    """Return the name of a time zone.

    Raises:
        BadSetting: when no time zone has this name.
    """
    value = text(name, default=default)
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError) as error:
        raise BadSetting(f"{name} must be a time zone such as Europe/Berlin or UTC, not {value[:80]!r}.") from error


def mail_address(name: str, *, default: str) -> str:
    """Return the sender's address of mails, with or without a name before it.

    Raises:
        BadSetting: when the variable is not a mail address.
    """
    value = text(name, default=default)
    if not _ADDRESS_OF_MAIL.fullmatch(value):
        raise BadSetting(f"{name} must be an email address such as rollcall@example.com, not {value[:80]!r}.")
    return value


def host(name: str, *, default: str) -> str:
    """Return the name or address of a machine, or ""; an IPv6 address with or without brackets.

    Raises:
        BadSetting: when the variable is not a host, or has a port or a scheme too.
    """
    value = text(name, default=default)
    bracketed = f"[{value}]" if value.count(":") > 1 and not value.startswith("[") else value
    if value and not _HOST.fullmatch(bracketed):
        raise BadSetting(f"{name} must be a host name or an address, without scheme and port, not {value[:80]!r}.")
    return value.strip("[]")


def redis_url(name: str, *, default: str) -> str:
    """Return the address of a Redis.

    Raises:
        BadSetting: when the variable is not such an address.
    """
    value = text(name, default=default)
    parts = split(name, value)
    reachable = parts.path if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in {"redis", "rediss", "unix"} or not reachable:
        raise BadSetting(f"{name} must be an address such as redis://:password@host:6379/0.")
    if parts.scheme != "unix" and not re.fullmatch(r"(/[0-9]{0,4})?", parts.path):
        raise BadSetting(f"{name} must end with the number of a database, such as /0.")
    return value


def process_name(arguments: Sequence[str]) -> str:
    """Return the name of a process from its command line: ``rollcall web``, ``rollcall worker sync`` and so on."""
    program, rest = arguments[0] if arguments else "", list(arguments[1:])
    if "gunicorn" in program:
        return "rollcall store" if any(word.startswith("console.store.") for word in rest) else "rollcall web"
    if "celery" in program and "beat" in rest:
        return "rollcall clock"
    if "celery" in program and "worker" in rest:
        queues = [rest[index + 1] for index, word in enumerate(rest[:-1]) if word in {"--queues", "-Q"}]
        queues += [word.partition("=")[2] for word in rest if word.startswith("--queues=")]
        return f"rollcall worker {','.join(queues)}".strip()
    if program.endswith("manage.py") and rest:
        return f"rollcall command {rest[0]}"
    return "rollcall"
