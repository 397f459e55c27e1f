"""What is sent to a model behind a server: text and images, of which no other file of this computer can be one."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

from benchmarks.extras import need
from rewards.errors import DataError
from trainers.data.files import image_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.datasets import Image

MAX_IMAGE: Final = 32 * 1024 * 1024  # bytes of a file
_TYPES: Final = {name: f"image/{name.lower()}" for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP")}


def user_message(prompt: str, images: Sequence[Image], *, folders: Iterable[Path] = ()) -> dict[str, Any]:
    """Return a message with numbered images, as data URLs, and a text.

    Args:
        prompt: the text.
        images: files, or the contents of files.
        folders: in one of which each file must lie, links followed.

    Raises:
        DataError: an image lies elsewhere, or does not open as PNG, JPEG, WebP, GIF or BMP.
    """
    inside = list(folders)
    parts: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        content = image if isinstance(image, bytes) else _read(image, inside)
        parts.append({"type": "text", "text": f"Image {number}:"})
        parts.append({"type": "image_url", "image_url": {"url": data_url(content, image_label(image))}})
    return {"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}


def data_url(content: bytes, label: str) -> str:
    """Return an image as a URL that holds it, once it has been decoded to its last row.

    Args:
        content: of a file.
        label: what messages call it.

    Raises:
        DataError: it does not open as PNG, JPEG, WebP, GIF or BMP.
    """
    pillow = need("PIL.Image", package="pillow", purpose="sending images")
    try:
        with pillow.open(io.BytesIO(content), formats=list(_TYPES)) as image:
            image.load()
            kind = _TYPES[image.format]
    except Exception as error:  # noqa: BLE001  a decoder fails in any way that bytes can make it fail
        said = "" if isinstance(error, pillow.UnidentifiedImageError) else f" ({type(error).__name__})"
        raise DataError(f"image: {label}: does not open as PNG, JPEG, WebP, GIF or BMP{said}") from None
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def check_inside(image: Path, folders: Iterable[Path]) -> Path:
    """Return where a file really is, links followed.

    Raises:
        DataError: it is not there, or lies in none of the folders.
    """
    try:
        real = image.resolve(strict=True)
        inside = any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a zero byte in the name
        raise DataError(f"image: {image}: {getattr(error, 'strerror', None) or error}") from error
    if not inside:
        raise DataError(f"image: {image}: lies outside the folder of the data; --image-root FOLDER allows it")
    return real


def _read(image: Path, folders: Sequence[Path]) -> bytes:
    real = check_inside(image, folders)
    try:
        right = real.is_file() and real.stat().st_size <= MAX_IMAGE
        content = real.read_bytes() if right else b""
    except OSError as error:
        raise DataError(f"image: {image}: {error.strerror or error}") from error
    if not right:
        raise DataError(f"image: {image}: is no file, or larger than {MAX_IMAGE >> 20} MB")
    return content
