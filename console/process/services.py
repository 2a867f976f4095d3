"""The processes of Rollcall, with their ports and their files in the data folder."""

from __future__ import annotations

import errno
import socket
import sys
from pathlib import Path

from console.process.secret_files import kept_secret
from console.process.supervision import Service

LOOPBACK = "127.0.0.1"

_REDIS = """\
bind {address}
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def web(address: str, port: int) -> Service:
    """Return the service of the web server."""
    host = f"[{address}]" if ":" in address else address
    options = ("--bind", f"{host}:{port}", "--graceful-timeout", "4", "--preload", "--no-control-socket")
    size = ("--worker-class", "console.process.web_worker.Worker", "--workers", "2", "--threads", "4")
    return _python("web", "gunicorn", "console.wsgi", *options, *size)


def store(address: str, port: int) -> Service:
    """Return the service of the store, to which devices back up.

    A process of its own: three clients on slow lines stopped the console for 24 s when both shared threads.
    """
    host = f"[{address}]" if ":" in address else address
    options = ("--bind", f"{host}:{port}", "--graceful-timeout", "4", "--preload", "--no-control-socket")
    size = ("--worker-class", "console.store.worker.StoreWorker", "--workers", "2", "--threads", "16")
    # restic computes keys between two requests. Where gunicorn hangs up meanwhile (after 2 s), an init fails now and then.
    # A connection that waits has no thread.
    idle = ("--keep-alive", "30")
    return _python("store", "gunicorn", "console.store.wsgi", *options, *size, *idle)


def workers() -> list[Service]:
    """Return the worker for runs, one for mail, which never waits for a run, and one for the maintenance of archives.

    They have a lower priority than the web server.
    """
    return [_worker("worker", "sync"), _worker("mail", "mail"), _worker("archives", "archives")]


def _worker(name: str, queue: str) -> Service:
    options = ("--queues", queue, "--concurrency", "1", "--without-gossip", "--without-mingle", "-n", f"{name}@%h")
    service = _python(name, "celery", "-A", "console.celery", "worker", *options)
    return Service(service.name, ("nice", "-n", "10", *service.command))


def beat() -> Service:
    """Return the clock, which sends tasks at intervals."""
    return _python("beat", "celery", "-A", "console.celery", "beat", "--pidfile=")


def redis(folder: Path, port: int) -> Service:
    """Write the configuration of the message broker, and return its service."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        _REDIS.format(address=LOOPBACK, port=port, password=redis_password(folder), folder=folder), "utf-8"
    )
    return Service("redis", ("redis-server", str(configuration)), last=True)


def redis_password(folder: Path) -> str:
    """Return the broker's password; the first call creates it."""
    return kept_secret(folder / "password")


def free_port(*preferred: int, address: str = LOOPBACK) -> int:
    """Return the first preferred port that is free at an address, else any free port.

    Raises:
        OSError: when this machine has no such address.
        PermissionError: when only root may open the first preferred port.
    """
    family, _, _, _, sockaddr = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    for port in (*preferred, 0):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((sockaddr[0], port, *sockaddr[2:]))
            except PermissionError:
                raise
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            number: int = probe.getsockname()[1]
            return number
    raise OSError("no free port")


def _python(name: str, *arguments: str) -> Service:
    # Run as a module: the scripts beside the interpreter contain the path of the folder where they were installed.
    return Service(name, (sys.executable, "-m", *arguments))
