"""Which processes make up Rollcall, with their ports and their files under the data folder."""

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
    """Return the web server."""
    host = f"[{address}]" if ":" in address else address
    options = ("--bind", f"{host}:{port}", "--graceful-timeout", "4", "--preload", "--no-control-socket")
    size = ("--worker-class", "console.process.web_worker.Worker", "--workers", "2", "--threads", "4")
    return _python("web", "gunicorn", "console.wsgi", *options, *size)


def workers() -> list[Service]:
    """Return the worker that carries out runs, and the one that sends mail however long a run takes.

    Where processors are short, pages go first.
    """
    return [_worker("worker", "sync"), _worker("mail", "mail")]


def _worker(name: str, queue: str) -> Service:
    options = ("--queues", queue, "--concurrency", "1", "--without-gossip", "--without-mingle", "-n", f"{name}@%h")
    service = _python(name, "celery", "-A", "console.celery", "worker", *options)
    return Service(service.name, ("nice", "-n", "10", *service.command))


def beat() -> Service:
    """Return the clock that rings for what is due."""
    return _python("beat", "celery", "-A", "console.celery", "beat", "--pidfile=")


def redis(folder: Path, port: int) -> Service:
    """Return the message broker, whose configuration is written anew."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        _REDIS.format(address=LOOPBACK, port=port, password=redis_password(folder), folder=folder), "utf-8"
    )
    return Service("redis", ("redis-server", str(configuration)), last=True)


def redis_password(folder: Path) -> str:
    """Return the broker's password, which is made on first use."""
    return kept_secret(folder / "password")


def free_port(*preferred: int, address: str = LOOPBACK) -> int:
    """Return the first of the preferred ports that is free at an address, or else any free one.

    Raises:
        OSError: when this machine has no such address.
        PermissionError: when the first of them is one that only root may open.
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
    # As modules: the scripts beside the interpreter name the folder that they were installed in.
    return Service(name, (sys.executable, "-m", *arguments))
