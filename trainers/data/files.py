"""What data sets hold: lines of JSON, and images under the names of their contents."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.write import need_folder, path_beside, refuse_input, write_whole
from rewards.errors import ConfigError, DataError
from trainers.data.training_rows import rows_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.datasets import Image

_MAGIC = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"RIFF", ".webp"), (b"GIF8", ".gif"), (b"BM", ".bmp"))


class Written(NamedTuple):
    """What became of the rows.

    Attributes:
        read: rows that were read.
        written: rows that were written.
        failed: rows that could not be.
    """

    read: int
    written: int
    failed: int


def json_line(record: Mapping[str, Any]) -> str:
    r"""Return a record as one line.

    >>> json_line({"name": "Stühle", "at": (1, 2)})
    '{"name": "Stühle", "at": [1, 2]}\n'
    """
    return json.dumps(record, ensure_ascii=False) + "\n"


def refuse_existing(*paths: Path, source: Path, overwrite: bool = False) -> None:
    """See that nothing is overwritten unasked, and what is read not at all, before any work is done.

    Raises:
        ConfigError: one of the files is there, is *source* or is named twice, or its folder is not there.
    """
    for at, path in enumerate(paths):
        refuse_input(path, [rows_file(source)])
        refuse_input(path, paths[:at], named="two outputs have this name")
        need_folder(path)
        if path.is_dir() or (path.exists() and not overwrite):
            raise ConfigError(f"{path} already exists; name another file or pass --overwrite")


def store_image(image: Image, folder: Path) -> str:
    """Put an image into a folder and return its name there; a file is linked where the disk allows, else copied.

    It is named by its contents, so that an image that many rows show is there once.

    Raises:
        DataError: the file cannot be read, or is of no known kind.
    """
    try:
        content = image if isinstance(image, bytes) else image.read_bytes()
    except OSError as error:
        raise DataError(f"image: {image_label(image)}: {error.strerror}") from error
    target = folder / (hashlib.blake2b(content, digest_size=12).hexdigest() + image_suffix(content, image))
    if target.exists():
        return target.name
    if isinstance(image, Path):
        _link(image.resolve(), target)
    else:
        write_whole(target, content, sync=False)
    return target.name


def image_suffix(content: bytes, image: Image) -> str:
    """Return the suffix of an image by its first bytes, e.g. ``.png``.

    Raises:
        DataError: they are of no known kind.
    """
    for magic, suffix in _MAGIC:
        if content.startswith(magic):
            return suffix
    raise DataError(f"image: {image_label(image)}: neither PNG nor JPEG, WebP, GIF or BMP")


def image_label(image: Image) -> str:
    """Return how messages name an image: its path, or its size where it has none."""
    return f"{len(image)} bytes" if isinstance(image, bytes) else str(image)


def _link(image: Path, target: Path) -> None:
    try:
        os.link(image, target)
    except FileExistsError:
        return
    except OSError:  # another disk, or one without links
        with path_beside(target, sync=False) as partial:
            shutil.copyfile(image, partial)
