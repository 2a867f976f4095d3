"""Reads the environment once, typed, and fails loudly when something needed is missing or malformed."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")

env = environ.Env()


def flag(name: str, *, default: bool) -> bool:
    """Return a yes-or-no setting; only 1, 0, true and false are understood.

    Raises:
        ImproperlyConfigured: when the variable holds anything else.
    """
    text: str = env.str(name, default="true" if default else "false").strip().lower()
    if text in {"1", "true"}:
        return True
    if text in {"0", "false"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}")


def debug(hosts: Collection[str], *, https: bool) -> bool:
    """Return ``DEBUG``, whose error pages show code and settings to whoever meets an error.

    Raises:
        ImproperlyConfigured: when it is on where others than the people at this machine could see that.
    """
    wanted = flag("DEBUG", default=False)
    if wanted and (https or not set(hosts) <= set(THIS_MACHINE)):
        raise ImproperlyConfigured(
            f"DEBUG shows code and settings on error pages: it needs ALLOWED_HOSTS={','.join(THIS_MACHINE)} and no HTTPS"
        )
    return wanted


def number(name: str, *, default: int) -> int:
    """Return a whole number.

    Raises:
        ImproperlyConfigured: when the variable is no whole number.
    """
    text: str = env.str(name, default=str(default))
    try:
        return int(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}") from error


def words(name: str, *, default: list[str]) -> list[str]:
    """Return a comma-separated setting as a list, without empty items."""
    listed: list[str] = env.list(name, default=default)
    return [word.strip() for word in listed if word.strip()]


def ports(name: str, *, default: Collection[int]) -> frozenset[int]:
    """Return a comma-separated list of ports and of ranges such as ``1024-65535``.

    Raises:
        ImproperlyConfigured: when one of them is no port.
    """
    listed: set[int] = set()
    for word in words(name, default=[str(port) for port in default]):
        first, _, last = word.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= 65535):
            raise ImproperlyConfigured(f"{name} must list ports from 1 to 65535, not {word!r}")
        listed.update(range(int(first), int(last or first) + 1))
    return frozenset(listed)


def encryption_keys(name: str) -> list[str]:
    """Return Fernet keys, newest first; ``secret-key`` stands for the one that is derived from SECRET_KEY.

    Raises:
        ImproperlyConfigured: when one of them is no key; which one is said by its place, as it may be secret.
    """
    keys = words(name, default=[])
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key if key != "secret-key" else Fernet.generate_key())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: key {number} is no Fernet key; manage.py rotate_keys --new-key prints one"
            ) from error
    return keys


def data_dir() -> Path:
    """Return the folder for data, creating it readable by its owner only; ``ROLLCALL_VAR`` moves it from ``var/``."""
    folder = Path(env.str("ROLLCALL_VAR", default=str(BASE_DIR / "var")))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def secret_key(folder: Path) -> str:
    """Return ``SECRET_KEY``, or the one kept in the data folder, which is made on the first start."""
    given: str = env.str("SECRET_KEY", default="")
    if given:
        return given
    kept = folder / "secret_key"
    try:
        with kept.open("x", encoding="ascii") as file:
            kept.chmod(0o600)
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    key = kept.read_text("ascii").strip()
    if not key:
        raise ImproperlyConfigured(f"{kept} is empty: restore it, or delete it and enter all bind passwords again")
    return key


def redis_url(folder: Path) -> str:
    """Return ``REDIS_URL``, or the address of the Redis that ``manage.py serve`` has started with this data folder."""
    given: str = env.str("REDIS_URL", default="")
    kept = folder / "redis" / "url"
    if not given and kept.exists():
        return kept.read_text("ascii").strip()
    return given or "redis://127.0.0.1:6379/0"
