"""Zip archives that hold rows: Excel workbooks, and the logs of inspect_ai."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from benchmarks.extras import need
from benchmarks.files.documents import ended, inspect_row
from benchmarks.files.sources import BadRow, SizedRow
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ZSTD: Final = 93  # the number of zstd among the methods of zip, which Python knows from version 3.14 on
_HEADER: Final = 30  # bytes before a member's name
# A long sample is a folder of its own, whose `sample.json` has all but its messages, its events and its metadata.
_SAMPLE: Final = re.compile(r"samples/.*_epoch_\d+(?:\.json|/sample\.json)")


def archive_rows(path: str, stream: BinaryIO) -> Iterator[SizedRow]:
    """Yield the rows of a workbook or of a log; lines of a log are the numbers of its samples.

    Raises:
        DataError: it is another archive, or damaged.
        ConfigError: a package that reads it is not installed.
    """
    try:
        archive = ZipFile(stream)
        names = archive.namelist()
        if "xl/workbook.xml" in names:
            from benchmarks.files.text_tables import sheet_rows  # noqa: PLC0415  openpyxl takes a while

            yield from sheet_rows(path, stream)
        elif any(name.startswith("_journal/") or _SAMPLE.fullmatch(name) for name in names):
            yield from _log_rows(path, archive, stream)
        else:
            seen = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise DataError(
                f"{path}: this is a zip archive of {seen or 'nothing'}; unpack it, and name its files of rows"
            )
    except (BadZipFile, OSError, zlib.error, EOFError, RuntimeError) as error:  # the last also of what is encrypted
        raise DataError(f"{path}: the archive is damaged: {error}") from error


def _log_rows(path: str, archive: ZipFile, stream: BinaryIO) -> Iterator[SizedRow]:
    members = {member.filename: member for member in archive.infolist()}

    def content(name: str) -> bytes | None:
        return None if name not in members else _content(path, archive, members[name], stream)

    number = 0
    for name, member in members.items():
        if _SAMPLE.fullmatch(name):
            number += 1
            metadata = (
                content(name.replace("/sample.json", "/metadata.json")) if name.endswith("/sample.json") else None
            )
            yield SizedRow(number, inspect_row(content(name) or b"", metadata), member.file_size)
    if (wrong := ended(content("header.json"))) is not None:
        yield SizedRow(number + 1, BadRow(wrong), 0)


def _content(path: str, archive: ZipFile, member: ZipInfo, stream: BinaryIO) -> bytes:
    """Return what a member holds, also of one that is compressed with zstd."""
    if member.compress_type != _ZSTD:
        return archive.read(member)
    zstandard = need("zstandard", package="'star-r1[scale]'", purpose=f"{path}: reading this log")
    stream.seek(member.header_offset)
    header = stream.read(_HEADER)
    stream.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    try:
        content: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(stream.read(member.compress_size))
    except zstandard.ZstdError as error:
        raise BadZipFile(f"{member.filename}: {error}") from error
    if zlib.crc32(content) != member.CRC:
        raise BadZipFile(f"{member.filename}: its checksum is wrong")
    return content
