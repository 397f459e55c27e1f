"""The images of a row: only files that the data name, inside the data's folders, and only what decodes as an image."""

from __future__ import annotations

import base64
import binascii
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.extras import need
from benchmarks.files.blocks import number_of
from benchmarks.files.paths import METADATA
from benchmarks.files.targets import join_key
from benchmarks.view.detail import last_words
from benchmarks.view.index import target_text, tasks_of
from benchmarks.view.reading import Files
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.view.index import Row, Run, Scoring
    from benchmarks.view.reading import Piece

MOST_IMAGES: Final = 32
"""Of one row."""
MOST_BYTES: Final = 64 * 2**20
"""Of one image."""
MOST_PIXELS: Final = 64_000_000
SERVED_SIDE: Final = 1600
"""Pixels of the longer side beyond which an image is made smaller before it is served."""
_LONGEST_PATH: Final = 1000  # characters; what is longer is base64
_FORMATS: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_FORMATS_READ: Final = (*_FORMATS, "BMP", "TIFF", "PPM")


class Named(NamedTuple):
    """An image as data name it.

    Attributes:
        value: a path, bytes, base64, or ``{"bytes": ..., "path": ...}``.
        folder: where a relative path begins.
    """

    value: Any
    folder: Path

    @property
    def name(self) -> str:
        """A few words: the file's name."""
        path = self.value.get("path") if isinstance(self.value, dict) else self.value
        if not isinstance(path, str) or path.startswith("data:") or len(path) >= _LONGEST_PATH:
            return ""
        return path.rpartition("/")[2]


class Picture(NamedTuple):
    """An image that was decoded: its bytes and their type."""

    content: bytes
    kind: str


class Images:
    """Finds the images of rows.

    Args:
        runs: whose rows they are.
        given: where else images lie: folders, and a file of rows that have images, joined on the id or, where the
            completions have none, on prompt and target.
        scoring: of the runs.

    Raises:
        DataError: there is no such file, or it has no images.
        ConfigError: two files of rows are given.
    """

    def __init__(self, runs: Sequence[Run], given: Sequence[str], scoring: Scoring) -> None:
        folders = [Path(name) for name in given if Path(name).is_dir()]
        files = [name for name in given if not Path(name).is_dir()]
        # what `star data` wrote: rows and their images
        files += [str(folder / METADATA) for folder in folders if (folder / METADATA).is_file()]
        if len(files) > 1:
            raise ConfigError(f"--images: {' and '.join(files)} are two files of rows; name one, and folders")
        self._data = None if not files else Files(files, need="images")
        self._by_id, self._by_prompt = ({}, {}) if self._data is None else _keys(self._data, scoring)
        self.folders = [*folders, *(Path(name).parent for name in files)]
        of_runs = [Path(name).parent for run in runs for name in run.files.names if name != "-"]
        self._roots = [Path(os.path.realpath(each)) for each in dict.fromkeys([*of_runs, *self.folders])]

    def of(self, row: Row) -> list[Named]:
        """Return the images that a row names; its own or, where it has none, those of the row that it is joined with.

        Raises:
            DataError: several rows could be that one, and their images differ.
        """
        own = _listed(row.get("images"))
        if own or self._data is None:
            return [Named(value, Path(row.file).parent) for value in own]
        found = self._joined(row)
        if found is None:
            return []
        piece, at = found
        folder = Path(self._data.names[piece.file]).parent
        return [Named(value, folder) for value in _listed(self._data.block(piece).columns["images"][at])]

    def _joined(self, row: Row) -> tuple[Piece, int] | None:
        if (id_ := row.get("id")) is not None and (found := self._by_id.get(join_key(id_))) is not None:
            return found
        key = number_of([last_words(row.get("prompt")), target_text(row.get("target"), row.task)])
        if key not in self._by_prompt:
            return None
        found = self._by_prompt[key]
        if found is None:
            raise DataError("several rows of --images have this prompt and target; completions with ids are told apart")
        return found

    def read(self, image: Named) -> Picture:
        """Return an image.

        Raises:
            DataError: it is not there, lies elsewhere, or is none.
        """
        return self._checked(self._content(image), SERVED_SIDE)

    def shrink(self, image: Named, side: int) -> Picture:
        """Return an image of at most *side* pixels; raises what `read` raises."""
        return self._checked(self._content(image), side)

    def outside(self, image: Named) -> Path | None:
        """Return the folder of an image that is there but may not be shown, because nobody has named its folder."""
        path: Any = image.value.get("path") if isinstance(image.value, dict) else image.value
        if not isinstance(path, str) or not path or path.startswith("data:") or len(path) >= _LONGEST_PATH:
            return None
        try:
            place = Path(os.path.realpath(image.folder / path))
            return place.parent if place.is_file() and not self._allowed(place) else None
        except (OSError, ValueError):  # what is no path can hold anything
            return None

    def _allowed(self, place: Path) -> bool:
        return any(place.is_relative_to(root) for root in self._roots)

    def _content(self, image: Named) -> bytes:
        value: Any = image.value
        path = value
        if isinstance(value, dict):
            value, path = value.get("bytes"), value.get("path", value.get("image", value.get("url")))
        if isinstance(value, bytes):
            return value
        if not isinstance(path, str) or not path:
            raise DataError("this is no image: neither a path nor bytes")
        if path.startswith("data:") or len(path) >= _LONGEST_PATH:
            try:
                return base64.b64decode(path.partition(",")[2] if path.startswith("data:") else path, validate=True)
            except (binascii.Error, ValueError):
                raise DataError("this is no image in base64") from None
        if path.startswith(("http://", "https://")):
            raise DataError(f"{path[:80]}: images are not fetched; name files")
        return self._file(path.removeprefix("file://"), image.folder)

    def _file(self, path: str, folder: Path) -> bytes:
        try:
            places = [Path(os.path.realpath(each / path)) for each in dict.fromkeys([folder, *self.folders])]
            there = [place for place in places if place.is_file()]
            if not there:
                raise DataError(f"{path}: not there; --images names the folder where images lie")
            place = next(filter(self._allowed, there), None)
            if place is None:
                raise DataError(f"{path}: outside the folder of the data; to show it: --images {there[0].parent}")
            if place.stat().st_size > MOST_BYTES:
                raise DataError(f"{path}: larger than {MOST_BYTES >> 20} MB")
            return place.read_bytes()
        except (OSError, ValueError) as error:
            raise error if isinstance(error, DataError) else DataError(f"{path[:80]}: {error}") from error

    def _checked(self, content: bytes, side: int) -> Picture:
        """Decode an image whole, and make one that is large smaller; a ConfigError where Pillow is not installed."""
        pillow = need("PIL.Image", package="pillow", purpose="showing images")
        try:
            with pillow.open(io.BytesIO(content), formats=_FORMATS_READ) as image:
                _check_size(image)
                kind = _FORMATS.get(image.format)
                image.load()
                if kind is not None and max(image.size) <= side:
                    return Picture(content, kind)
                clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
                small = image.convert("RGBA" if clear else "RGB")
                small.thumbnail((side, side))
                written = io.BytesIO()
                small.save(written, "PNG" if clear else "JPEG", **({} if clear else {"quality": 88}))
                return Picture(written.getvalue(), "image/png" if clear else "image/jpeg")
        except DataError:
            raise
        except Exception as error:
            # Pillow's readers raise what they please for bytes that are broken on purpose.
            raise DataError(f"this does not decode as an image: {type(error).__name__}") from error


def _check_size(image: Any) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"an image of {image.width} x {image.height} pixels is too large")


def _listed(images: Any) -> list[Any]:
    if isinstance(images, str) and images.lstrip().startswith("["):
        import json  # noqa: PLC0415  tables without lists hold them as JSON

        try:
            images = json.loads(images)
        except ValueError:
            return [images]
    found = list(images) if isinstance(images, list | tuple) else [] if images is None else [images]
    return found[:MOST_IMAGES]


Keys = tuple["dict[str, tuple[Piece, int]]", "dict[int, tuple[Piece, int] | None]"]


def _keys(data: Files, scoring: Scoring) -> Keys:
    """Return where rows with images are, by id, and by prompt and target; None where other images share both."""
    by_id: dict[str, tuple[Piece, int]] = {}
    by_prompt: dict[int, tuple[Piece, int] | None] = {}
    seen: dict[int, int] = {}
    for piece, block, _ in data.blocks():
        empty = [None] * len(block)
        ids, prompts, targets = (block.columns.get(role, empty) for role in ("id", "prompt", "target"))
        for at, (id_, task) in enumerate(zip(ids, tasks_of(block, scoring), strict=True)):
            images = number_of(block.columns["images"][at])
            if id_ is not None:
                by_id.setdefault(join_key(id_), (piece, at))
            key = number_of([last_words(prompts[at]), target_text(targets[at], task)])
            same = seen.setdefault(key, images) == images
            by_prompt[key] = by_prompt.get(key, (piece, at)) if same else None
    return by_id, by_prompt
