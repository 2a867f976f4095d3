"""Locks itself down as the scripts' child does, tries one way out, and says what came of it.

Run by test_escapes as ``python -I escape_child.py LAYER ATTEMPT ARGUMENT`` with an empty environment.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

SANDBOX = str(Path(__file__).resolve().parents[2] / "directory" / "scripts" / "sandbox" / "child")
sys.path.insert(0, SANDBOX)
import landlock  # type: ignore[import-not-found]  # noqa: E402
import lockdown  # type: ignore[import-not-found]  # noqa: E402
import seccomp  # type: ignore[import-not-found]  # noqa: E402

sys.path.remove(SANDBOX)

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = seccomp.MACHINES[os.uname().machine].column
PARENT = os.getppid()
MEMORY = 400 << 20
LAYERS: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "all": lambda: lockdown.lock_down(memory_bytes=MEMORY, parent=PARENT),
    "landlock": lambda: (LIBC.prctl(lockdown.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), landlock.give_up_files_and_ports()),
    "nobody": lockdown._drop_root,
    "limits": lambda: (lockdown._drop_root(), lockdown._limit_resources(MEMORY)),
    "seccomp": lambda: (LIBC.prctl(lockdown.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), seccomp.allow_few_calls()),
}


def call(name: str, *arguments: int) -> int:
    """Make a system call by the name that the filter knows it by."""
    return raw(seccomp.DEADLY[name][COLUMN], *arguments)


def raw(number: int, *arguments: int) -> int:
    """Make a system call by its number; raises OSError."""
    LIBC.syscall.restype = ctypes.c_long
    result = int(LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def connect(kind: socket.AddressFamily, address: Any) -> None:
    """Reach a server."""
    with socket.socket(kind) as out:
        out.connect(address)


def executable_memory() -> None:
    """Make memory that holds code."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def executable_later() -> None:
    """Turn memory that was written to into code."""
    page = mmap.mmap(-1, 8192)
    raw((10, 226)[COLUMN], ctypes.addressof(ctypes.c_char.from_buffer(page)) & ~4095, 4096, mmap.PROT_EXEC)


def much_memory() -> None:
    """Take more than the limit, in small pieces."""
    [bytes(1 << 20) for _ in range(10_000)]


ARGUMENT = sys.argv[-1]
ATTEMPTS: dict[str, Callable[[], object]] = {
    "read a file": lambda: Path("/etc/passwd").read_bytes(),
    "read a secret": lambda: Path(ARGUMENT).read_bytes(),
    "write a file": lambda: Path(ARGUMENT).write_bytes(b"out"),
    "list a folder": lambda: list(Path("/").iterdir()),
    "look at a file": lambda: Path("/etc/passwd").stat(),
    "change the folder": lambda: os.chdir("/tmp"),
    "make a folder": lambda: Path(ARGUMENT).mkdir(),
    "delete a file": lambda: Path(ARGUMENT).unlink(),
    "rename a file": lambda: Path(ARGUMENT).rename(ARGUMENT + ".moved"),
    "link a file": lambda: Path(ARGUMENT + ".link").symlink_to("/etc/passwd"),
    "change a file's rights": lambda: Path(ARGUMENT).chmod(0o777),
    "read the parent's environment": lambda: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "read the parent's memory": lambda: Path(f"/proc/{PARENT}/mem").read_bytes(),
    "read its own memory map": lambda: Path("/proc/self/maps").read_bytes(),
    "use a file that was left open": lambda: [os.read(fd, 1) for fd in range(3, 4)],
    "copy a file descriptor": lambda: os.dup(0),
    "connect by TCP": lambda: connect(socket.AF_INET, ("127.0.0.1", int(ARGUMENT))),
    "connect by TCP over IPv6": lambda: connect(socket.AF_INET6, ("::1", int(ARGUMENT))),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
    "send by UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(ARGUMENT))),
    "open a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "connect to a Unix socket": lambda: connect(socket.AF_UNIX, "/run/systemd/private"),
    "connect to an abstract socket": lambda: connect(socket.AF_UNIX, b"\0" + ARGUMENT.encode()),
    "make a pair of sockets": socket.socketpair,
    "make a pipe": os.pipe,
    "fork": os.fork,
    "start a thread": lambda: threading.Thread(target=print).start(),
    "run a program": lambda: subprocess.run(["/bin/true"], check=True),
    "become a program": lambda: os.execv("/bin/true", ["true"]),
    "become a program from memory": lambda: call("execveat", 0, 0, 0, 0, 0x1000),
    "make a file in memory": lambda: call("memfd_create", 0, 0),
    # A signal that does no harm, should it ever arrive; the right to send it is the same.
    "kill the parent": lambda: os.kill(PARENT, signal.SIGWINCH),
    "ask whether the parent lives": lambda: os.kill(PARENT, 0),
    "kill the parent's thread": lambda: call("tkill", PARENT, signal.SIGWINCH),
    "signal the parent's thread group": lambda: raw((234, 131)[COLUMN], PARENT, PARENT, signal.SIGWINCH),
    "open the parent as a file descriptor": lambda: os.pidfd_open(PARENT),
    "trace the parent": lambda: call("ptrace", 16, PARENT, 0, 0),
    "copy the parent's memory": lambda: call("process_vm_readv", PARENT, 0, 0, 0, 0, 0),
    "write to the parent's memory": lambda: call("process_vm_writev", PARENT, 0, 0, 0, 0, 0),
    "make executable memory": executable_memory,
    "make memory executable": executable_later,
    "take much memory": much_memory,
    "take one large piece of memory": lambda: bytearray(100 << 20),
    "become root": lambda: os.setuid(0),
    "change the group": lambda: os.setgid(0),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    "ignore the time limit": lambda: signal.signal(signal.SIGPROF, signal.SIG_IGN),
    "outlive the parent": lambda: raw((157, 167)[COLUMN], 1, 0, 0, 0, 0),
    "allow itself to be watched": lambda: raw((157, 167)[COLUMN], 4, 1, 0, 0, 0),
    "leave the session": os.setsid,
    "change the root folder": lambda: os.chroot("/tmp"),
    "mount": lambda: call("mount", 0, 0, 0, 0, 0),
    "make namespaces": lambda: call("unshare", 0x10000000),
    "join a namespace": lambda: call("setns", 0, 0),
    "load a kernel module": lambda: call("init_module", 0, 0, 0),
    "run code in the kernel (BPF)": lambda: call("bpf", 0, 0, 0),
    "go round the filter (io_uring)": lambda: call("io_uring_setup", 8, 0),
    "go round the filter (x32 calls)": lambda: raw(0x40000000 | 39),
    "handle page faults": lambda: call("userfaultfd", 0),
    "measure the machine": lambda: call("perf_event_open", 0, 0, -1, -1, 0),
    "read kernel keys": lambda: call("keyctl", 0, -3, 0),
    "open a file by its handle": lambda: call("open_by_handle_at", -1, 0, 0),
    "set the clock": lambda: raw((164, 170)[COLUMN], 0, 0),
    "reboot": lambda: raw((169, 142)[COLUMN], 0, 0, 0, 0),
    "read the kernel's log": lambda: raw((103, 116)[COLUMN], 3, 0, 0),
    "read the environment": lambda: os.environ["PATH"],
}


def main() -> None:
    """Lock down, try, and tell."""
    attempt = ATTEMPTS[sys.argv[2]]
    LAYERS[sys.argv[1]]()
    try:
        attempt()
    except (OSError, ValueError, MemoryError, KeyError, RuntimeError) as error:
        os.write(1, f"refused: {type(error).__name__} {error}".encode())
        os._exit(0)
    os.write(1, b"done")
    os._exit(0)


if __name__ == "__main__":
    main()
