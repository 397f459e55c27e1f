"""One writer at a time: a lock beside what is written, which names who holds it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


_held: set[int] = set()  # handles of this process


def _leave_to_parent() -> None:
    """In a forked child: the lock is its parent's, and must not outlive it in a worker that nobody has ended."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):  # Windows has none
    os.register_at_fork(after_in_child=_leave_to_parent)


@contextmanager
def locked(path: Path, out: str) -> Iterator[None]:
    """Hold the lock of a file or folder, which is a file beside it: ``.NAME.lock``.

    The system gives it up with the process that holds it, however that ends: what a killed one has left is taken over
    by the next.

    Args:
        path: the file or folder, which need not be there; the folder that it is in must.
        out: how people are told of it.

    Raises:
        ConfigError: another process holds it, or there is no folder for it.
    """
    import fcntl  # noqa: PLC0415  of Unix

    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.lock")
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigError(f"{out}: there is no folder {target.parent}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, handle):
                break  # otherwise the one before has just removed it, and somebody else may hold a new one
        except BlockingIOError:
            holder = os.read(handle, 4096).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise ConfigError(f"{out} is being written by {holder}") from None
        except OSError:  # a file system without locks says so
            os.close(handle)
            raise
        os.close(handle)
    _held.add(handle)
    try:
        with suppress(OSError):  # a full disk: the lock holds without a name
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {os.uname().nodename}: {' '.join(sys.argv)}\n".encode())
        yield
    finally:
        if handle in _held:  # not in a forked child
            with suppress(OSError):  # what stays is nobody's
                lock.unlink(missing_ok=True)
            _held.remove(handle)
            os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
