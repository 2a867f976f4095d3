"""Reads the environment once, typed, and fails loudly when something needed is missing or malformed."""

from __future__ import annotations

import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

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
