"""A folder of images under the names of their contents, so that an image that many rows show is there once."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rewards.errors import DataError
from trainers.data.layout import write_whole

if TYPE_CHECKING:
    from benchmarks.sample import Image

_MAGIC = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"RIFF", ".webp"), (b"GIF8", ".gif"), (b"BM", ".bmp"))


def store_image(image: Image, folder: Path) -> str:
    """Put an image into a folder and return its name there; a file is linked where the disk allows, else copied.

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
        write_whole(target, content)
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
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        shutil.copyfile(image, partial)
        partial.replace(target)
