"""Compressed files as a stream of what they hold; where the data is damaged, the stream ends and says so."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from benchmarks.extras import need
from benchmarks.files.kinds import ZSTD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STEP: Final = 64 * 1024
_AHEAD: Final = 256 * 1024  # bytes
_WINDOW: Final = 1 << 31  # what `zstd --long=31` needs
_OPENED_BY: Final[dict[bytes, Callable[[BinaryIO], Any]]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"\xfd7zXZ": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}


class Decompressed(io.RawIOBase):
    """A stream over pieces of bytes.

    Data that is cut off is right up to its end. Of data that is broken, what was made of it shortly before the error
    may be wrong already, and is left out.

    Attributes:
        damage: what is wrong with the data, once that is known.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.damage: str | None = None
        self._pieces: Iterator[bytes] | None = pieces
        self._held: deque[bytes] = deque()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with what comes next."""
        if not self._rest:
            self._hold()
            self._rest = memoryview(self._held.popleft() if self._held else b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _hold(self) -> None:
        """Read ahead, so that what is handed out lies well before what is known to be broken."""
        try:
            while self._pieces is not None and sum(map(len, self._held)) < _AHEAD:
                piece = next(self._pieces, b"")
                self._held.append(piece)
                self._pieces = self._pieces if piece else None
        except (EOFError, OSError) as error:
            self.damage, self._pieces = str(error), None
        except (zlib.error, lzma.LZMAError, _BrokenError) as error:
            self.damage, self._pieces = str(error), None
            self._held.clear()


def decompressed(raw: io.BufferedReader, path: str) -> Decompressed:
    """Return what a file holds that is compressed with gzip, zstd, xz or bzip2.

    Args:
        raw: the file, at its start.
        path: the file as it was named.

    Raises:
        ConfigError: the file is compressed with zstd, and nothing that reads it is installed.
    """
    head = raw.peek(4)
    if head.startswith(ZSTD):
        return Decompressed(_zstd_frames(raw, path))
    opened = next(opened(raw) for magic, opened in _OPENED_BY.items() if head.startswith(magic))
    return Decompressed(iter(partial(opened.read1, _STEP), b""))


class _BrokenError(Exception):
    """What zstandard's own error becomes, which is known only where that package is installed."""


def _zstd_frames(raw: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield what the frames of a file hold, one after the other.

    Raises:
        _BrokenError: a frame is broken.
        EOFError: the last frame is not there to its end, which zstandard's own stream passes over.
    """
    zstandard = need("zstandard", package="'star-r1[scale]'", purpose=f"{path}: reading zstd")
    new_frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj
    frame, begun = new_frame(), False
    while piece := raw.read(_STEP):
        while piece:
            try:
                yield from filter(None, (frame.decompress(piece),))
            except zstandard.ZstdError as error:
                raise _BrokenError(str(error)) from error
            piece, begun = frame.unused_data, not frame.eof
            if frame.eof:
                frame = new_frame()
    if begun:
        raise EOFError("the file ends before the end of its data")
