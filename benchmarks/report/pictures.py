"""Images of rows, made small and put into the document itself."""

from __future__ import annotations

import base64
import binascii
import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SIDE: Final = 320  # pixels of the longer side of a thumbnail
_MOST_BYTES: Final = 200_000  # of an image that is embedded as it is, where Pillow is not installed
_KINDS: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
_MOST_IMAGES: Final = 6


def thumbnails(images: Any, folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the images of a row as data URIs; those that are not at hand, or are none, are left out.

    Args:
        images: one image or a list: paths, bytes, base64 (also as a data URI), or ``{"bytes": ..., "path": ...}``.
        folders: where relative paths are looked for.
    """
    listed = images if isinstance(images, list | tuple) else [images]
    found = (_bytes(image, folders) for image in listed[:_MOST_IMAGES])
    return tuple(uri for content in found if content is not None and (uri := _uri(content)) is not None)


def _bytes(image: Any, folders: Sequence[Path]) -> bytes | None:
    if isinstance(image, dict):
        content, path = image.get("bytes"), image.get("path", image.get("image", image.get("url")))
        return _bytes(content if content is not None else path, folders)
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str) or not image:
        return None
    if len(image) < 1000 and not image.startswith("data:"):
        places = [folder / image.removeprefix("file://") for folder in folders]
        return next((place.read_bytes() for place in places if place.is_file()), None)
    try:
        return base64.b64decode(image.partition(",")[2] if image.startswith("data:") else image, validate=True)
    except (binascii.Error, ValueError):
        return None


def _uri(content: bytes) -> str | None:
    if find_spec("PIL") is not None:
        small = _shrunk(content)
        return None if small is None else f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
    kind = next((name for start, name in _KINDS.items() if content.startswith(start)), None)
    if kind is None or len(content) > _MOST_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _shrunk(content: bytes) -> bytes | None:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  an extra

    try:
        with Image.open(io.BytesIO(content)) as image:
            small = image.convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            written = io.BytesIO()
            small.save(written, "JPEG", quality=80)
            return written.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
