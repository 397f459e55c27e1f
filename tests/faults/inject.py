"""Count what a process does to files below a folder, and let one of these calls fail, or the process die in it.

As SQLite's tests do. What is replaced are the doors through which Python code reaches the system: `open`, the writes of
the files it returns, and the functions of `os`. A library that writes from C, as Arrow and safetensors do, passes them
by; the calls that we make for its files do not.
"""

import builtins
import errno
import io
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(str(ROOT / name) + os.sep for name in ("parsers", "rewards", "benchmarks", "trainers", "star_cli"))
WAYS = ("ENOSPC", "EIO", "EACCES", "dies")
DEAD = 77  # exit code of a process that died where it was told to

_PATHS = ("unlink", "remove", "rmdir", "mkdir", "chmod", "truncate", "rename", "replace", "link", "symlink")
_HANDLES = ("fsync", "ftruncate", "write")


class Faults:
    """What is counted, and which of it fails.

    Args:
        folder: calls for files outside of it are none of ours.
        at: number of the call that fails, from 0; None for none.
        way: one of `WAYS`.

    Attributes:
        points: of each call so far: its name, the file, and the line of ours that made it.
    """

    def __init__(self, folder, at=None, way=""):
        self.folder, self.at, self.way = str(Path(folder).resolve()) + os.sep, at, way
        self.points = []

    def install(self):
        """Replace the doors, in this process, for good."""
        plain = io.open

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *more, **named):  # noqa: PLR0917  as `open`
            writes = not isinstance(file, int) and not set(mode).isdisjoint("wax+")
            if not writes or not self._ours(os.fsdecode(file)):
                return plain(file, mode, buffering, encoding, errors, newline, *more, **named)
            self._point("open", os.fsdecode(file))
            raw = _Raw(os.fspath(file), mode.replace("t", "").replace("b", ""))
            raw.faults = self
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

        io.open = builtins.open = opened
        shutil._USE_CP_SENDFILE = False  # else the kernel copies from file to file, past the door
        for name in _PATHS:
            setattr(os, name, self._of_paths(name, getattr(os, name)))
        for name in _HANDLES:
            setattr(os, name, self._of_handles(name, getattr(os, name)))
        os.open = self._of_paths("open", os.open)  # `read` where it is to read, as rmtree and fsync of a folder do

    def _of_paths(self, name, call):
        def door(path, *more, **named):
            where = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else _path_of(path)
            if named.get("dir_fd") is not None:
                where = f"{_path_of(named['dir_fd'])}/{where}"
            if self._ours(where):
                reads = name == "open" and not (more[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
                self._point("read" if reads else name, where)
            return call(path, *more, **named)

        return door

    def _of_handles(self, name, call):
        def door(handle, *more):
            where = _path_of(handle)
            if self._ours(where):
                first = (lambda: call(handle, more[0][: len(more[0]) // 2])) if name == "write" else None
                self._point(name, where, first)
            return call(handle, *more)

        return door

    def _ours(self, path):
        return os.path.abspath(path).startswith(self.folder)  # noqa: PTH100  it may be a link, which is meant itself

    def _point(self, name, path, first=None):
        """Count a call; if it is the one, do *first* of it, and fail."""
        self.points.append((name, os.path.relpath(path, self.folder), _place()))
        if len(self.points) - 1 != self.at:
            return
        if first is not None:
            first()
        if self.way == "dies":
            os._exit(DEAD)
        number = getattr(errno, self.way)
        raise OSError(number, os.strerror(number), *([path] if name in ("open", "read", *_PATHS) else []))


class _Raw(io.FileIO):
    """A file whose writes are counted. One that fails has written half of what it was given."""

    faults = None

    def write(self, content):
        plain, half = super().write, memoryview(content)[: len(content) // 2]
        self.faults._point("write", os.fsdecode(self.name), lambda: plain(half))
        return plain(content)

    def truncate(self, size=None):
        self.faults._point("truncate", os.fsdecode(self.name))
        return super().truncate(size)


def _path_of(handle):
    try:
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    except OSError:
        return "/"


def _place():
    """Return the innermost line of ours: ``benchmarks/files/write.py:29``."""
    frame = sys._getframe(2)
    while frame is not None and not frame.f_code.co_filename.startswith(PACKAGES):
        frame = frame.f_back
    return "" if frame is None else f"{os.path.relpath(frame.f_code.co_filename, ROOT)}:{frame.f_lineno}"
