"""Writing a file whole or not at all: beside its place, brought to the disk, then given its name.

A reader sees the old file or the new one, never a part; an error leaves no trace. What a kill leaves beside the file is
named ``.NAME.NUMBER.partial``; `remove_partials` takes it away.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, nullcontext, suppress
from glob import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, TextIO, overload

from benchmarks.files.lock import locked
from rewards.errors import ConfigError

_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What writing to an open file may raise; such an error names no file."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    StrPath = str | os.PathLike[str]


def write_whole(path: StrPath, content: str | bytes, *, sync: bool = True) -> None:
    """Write text (UTF-8, line ends as they are) or bytes as a whole file; see `path_beside` for the arguments."""
    with path_beside(path, sync=sync) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@overload
def whole_file(path: StrPath, mode: Literal["w"] = "w", *, sync: bool = True) -> AbstractContextManager[TextIO]: ...
@overload
def whole_file(path: StrPath, mode: Literal["wb"], *, sync: bool = True) -> AbstractContextManager[BinaryIO]: ...
@contextmanager  # type: ignore[misc]  # of the overloads, not of what they overload
def whole_file(path: StrPath, mode: Literal["w", "wb"] = "w", *, sync: bool = True) -> Iterator[IO[str] | IO[bytes]]:
    r"""Open a file to write that appears under its name once the block ends; see `path_beside` for the arguments.

    Text is UTF-8, with ``\n`` at the end of its lines.
    """
    with path_beside(path, sync=sync) as partial:
        text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
        with partial.open(mode, **text) as file:  # type: ignore[call-overload]  # the mode is one of two
            yield file


@contextmanager
def path_beside(path: StrPath, *, sync: bool = True) -> Iterator[Path]:
    """Give a path beside a file, for what writes files by path; when the block ends, what is there takes its place.

    Args:
        path: the file; it may be there, and may be a link to the file that is meant. A device or a pipe has no place
            beside it and is written directly.
        sync: whether it must outlive a crash of the system right afterwards. Thousands of small files are quicker
            without.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield target
        return
    # No process number: on two machines that write into one folder it may be the same.
    partial = target.with_name(f".{target.name}.{int.from_bytes(os.urandom(8))}.partial")
    try:
        yield partial
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        if sync:
            _bring_to_disk(partial)
        partial.replace(target)
        if sync:
            bring_to_disk(target.parent)
    except OSError as error:
        if error.filename == str(partial) or (error.filename is None and error.errno in _OF_DISKS):
            error.filename = str(path)  # as people know it
        raise
    finally:
        with suppress(OSError):  # what went wrong before says more
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder beside one that is not there yet; when the block ends, it takes that name.

    One process at a time makes a folder: what a killed one has left beside it is removed.

    Raises:
        ConfigError: it already exists or is being made by another process, or the folder that it belongs into is not.
    """
    with locked(path, str(path)):
        if os.path.lexists(path):
            raise ConfigError(f"{path} already exists; name another folder")
        partial = path.with_name(f".{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir()
            yield partial
            partial.rename(path)
            bring_to_disk(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


class GrowingFile:
    """A file that grows by pieces, each of which is there to its end and on the disk, or not at all.

    What a kill leaves half written at the end is for the reader to cut off, see `cut_off`.

    Args:
        path: it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def append(self, piece: bytes) -> None:
        """Write a piece; once this returns, it lasts.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        before, left = self._file.tell(), memoryview(piece)
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(before)  # a full disk: the next piece must not follow half of this one
            error.filename = str(self.path)
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def cut_off(path: Path, size: int) -> None:
    """Shorten a file to its first *size* bytes."""
    with path.open("r+b") as file:
        file.truncate(size)


def refuse_input(out: StrPath, inputs: Iterable[StrPath | None], *, named: str = "the output is also an input") -> None:
    """See that a file that is about to be written is none of those that are read, by whatever name.

    Raises:
        ConfigError: it is one; *named* says what that means.
    """
    for each in inputs:
        with suppress(OSError):  # one that is not there, or an address
            if each is not None and (os.path.realpath(out) == os.path.realpath(each) or Path(out).samefile(each)):
                raise ConfigError(f"{out}: {named}")


def need_folder(out: StrPath) -> None:
    """See that the folder of a file that is about to be written is there, before any work is done for it.

    Raises:
        ConfigError: it is not.
    """
    folder = Path(out).absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{out}: there is no folder {Path(out).parent}")


def remove_partials(path: StrPath) -> None:
    """Remove what writers of a file that were killed have left beside it. Nobody may be writing it."""
    target = Path(os.path.realpath(path))
    for partial in target.parent.glob(f".{escape(target.name)}.*.partial"):
        if partial.name.split(".")[-2].isdecimal():
            partial.unlink(missing_ok=True)


def bring_to_disk(*paths: Path) -> None:
    """Return once files outlive a crash of the system. Of a folder it is the names in it, where its system can.

    Raises:
        OSError: a file is not there, or its disk does not take it.
    """
    for path in paths:
        with suppress(OSError) if path.is_dir() else nullcontext():
            _bring_to_disk(path)


def _bring_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
