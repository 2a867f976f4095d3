"""The data folder, the secrets in it, the folders of archives, and the database; only their owner may read them."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import make_conninfo

from console.process.env import BadSetting, given, is_strong, redis_url, secret, split, text

BASE_DIR = Path(__file__).resolve().parents[2]
# Names in a data folder of Rollcall. The modes of any other folder are never changed.
MARKS = ("rollcall.sqlite3", "secret_key", "serve.lock")
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Options in DATABASE_URL that are for Django, not for PostgreSQL.
_DJANGOS = frozenset({"pool", "server_side_binding", "isolation_level", "assume_role", "pool_options"})


def data_dir() -> Path:
    """Return the data folder, created if missing: ``ROLLCALL_VAR``, by default ``var/``.

    From this call on, the process creates files and folders that only its own user can read. Present files and folders
    of this user get the same modes.

    Raises:
        BadSetting: when the folder can't be created or written to.
    """
    os.umask(0o077)
    folder = Path(text("ROLLCALL_VAR", default=str(BASE_DIR / "var"))).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if not full(error):
            raise BadSetting(
                f"ROLLCALL_VAR names a folder that can't be written to ({folder}: {error.strerror}): "
                "give it to the user that runs Rollcall, or name another one."
            ) from error
    keep_to_owner(folder)
    return folder


def folder(name: str, *, default: Path) -> Path:
    """Return the path of a folder, which need not be there yet.

    Raises:
        BadSetting: when the path is relative, names a file, or lies in no folder.
    """
    value = Path(text(name, default=str(default)))
    if not value.is_absolute():
        raise BadSetting(f"{name} must be the whole path of a folder, such as /srv/rollcall, not {str(value)[:80]!r}.")
    if value.is_symlink():
        # Followed once, here: nothing below is opened through a link.
        value = value.resolve()
    if (value.exists() and not value.is_dir()) or not (value.is_dir() or value.parent.is_dir()):
        raise BadSetting(f"{name} names a folder that can't be ({value}): make it, or name another one.")
    return value


def separate_folders(folders: Mapping[str, Path]) -> None:
    """Refuse folders that are the same, or one inside another: a move between them would lose files.

    Raises:
        BadSetting: with the two variables.
    """
    for (name, one), (other_name, other) in itertools.combinations(folders.items(), 2):
        inner, outer = one.resolve(), other.resolve()
        if inner.is_relative_to(outer) or outer.is_relative_to(inner):
            raise BadSetting(f"{name} and {other_name} must be two folders, neither inside the other.")


def full(error: OSError) -> bool:
    """Return whether an error means that no space is left: not the fault of a setting, and temporary."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def keep_to_owner(folder: Path) -> None:
    """Remove the permissions of all other users on the folder and its contents, if the folder is Rollcall's."""
    if not is_ours(folder):
        return
    for path in (folder, *inside(folder)):
        try:
            found = path.lstat()
            if found.st_uid == os.geteuid() and found.st_mode & FOR_OTHERS and not stat.S_ISLNK(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & ~FOR_OTHERS)
        except OSError:
            # The file is gone, or the file system has no modes: the status page shows files that others can read.
            continue


def is_ours(folder: Path) -> bool:
    """Return whether a folder is Rollcall's: it is empty, or holds a file or folder that only Rollcall makes."""
    try:
        if folder.stat().st_mode & stat.S_ISVTX:
            return False
        return any((folder / mark).exists() for mark in MARKS) or not any(folder.iterdir())
    except OSError:
        return False


def inside(folder: Path) -> list[Path]:
    """Return the paths in the data folder and in its subfolders, two levels in all."""
    found: list[Path] = []
    for path in folder.iterdir():
        found.append(path)
        if path.is_dir() and not path.is_symlink():
            found += _listed(path)
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def secret_key(folder: Path) -> str:
    """Return ``SECRET_KEY``, or the key in the data folder, which the first start creates.

    Raises:
        BadSetting: when the key is too short, or its file can't be read.
    """
    if named := secret("SECRET_KEY"):
        return named
    kept = folder / "secret_key"
    try:
        with kept.open("x", encoding="ascii") as file:
            kept.chmod(0o600)
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    except OSError as error:
        raise BadSetting(f"SECRET_KEY is not set, and {kept} can't be written: {error.strerror}.") from error
    return _kept_key(kept)


def _kept_key(kept: Path) -> str:
    try:
        key = kept.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise BadSetting(f"SECRET_KEY is not set, and {kept} can't be read: restore it from a backup.") from error
    if not is_strong(key):
        raise BadSetting(
            f"SECRET_KEY is not set, and {kept} is {'too short' if key else 'empty'}: restore it, or delete it and "
            "enter all bind passwords again."
        )
    return key


def broker_url(folder: Path) -> str:
    """Return ``REDIS_URL``, or the address of the Redis that ``manage.py serve`` has started with this data folder.

    Raises:
        BadSetting: when the variable is not the address of a Redis.
    """
    kept = folder / "redis" / "url"
    default = "redis://127.0.0.1:6379/0"
    if not given("REDIS_URL"):
        try:
            default = kept.read_text("ascii").strip() or default
        except OSError:
            return default
        except ValueError as error:
            raise BadSetting(
                f"REDIS_URL is not set, and {kept} holds no address: delete it and start again."
            ) from error
    return redis_url("REDIS_URL", default=default)


def database(name: str, *, folder: Path) -> dict[str, Any]:
    """Return Django's settings for the database in a variable, by default a SQLite file in the folder.

    Raises:
        BadSetting: when the variable is not the address of a SQLite file or a PostgreSQL database.
    """
    address = text(name) or f"sqlite:///{folder / 'rollcall.sqlite3'}"
    if address.startswith("sqlite:"):
        return _sqlite(name, address)
    parts = split(name, address)
    if parts.scheme not in {"postgres", "postgresql", "psql", "pgsql"}:
        raise BadSetting(
            f"{name} must begin with postgres:// or sqlite:///, such as postgres://user:password@host:5432/name."
        )
    if not parts.path.strip("/"):
        raise BadSetting(
            f"{name} must end with the name of a database, such as postgres://user:password@host:5432/name."
        )
    found = _parsed(name, address)
    options = {key: value for key, value in found.get("OPTIONS", {}).items() if key not in _DJANGOS}
    try:
        make_conninfo("", **options)
    except psycopg.Error as error:
        raise BadSetting(f"{name} has an option that PostgreSQL does not know: {error}".rstrip() + ".") from error
    return found


def _sqlite(name: str, address: str) -> dict[str, Any]:
    found = _parsed(name, address)
    file = str(found["NAME"])
    if file == ":memory:" or not file:
        raise BadSetting(f"{name} must name a file, such as sqlite:////var/lib/rollcall/rollcall.sqlite3.")
    if Path(file).is_dir() or not Path(file).absolute().parent.is_dir():
        raise BadSetting(f"{name} names a file that can't be ({file}): make its folder, or name another file.")
    return found


def _parsed(name: str, address: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = environ.Env.db_url_config(address)
    except (ValueError, KeyError, IndexError, ImproperlyConfigured) as error:
        raise BadSetting(f"{name} is no address of a database.") from error
    return found
