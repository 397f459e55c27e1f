"""Finding the image files that a record names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FOLDERS = ("", "image", "images", "data")
_LEVELS = 6  # SPAR-7M's annotations lie this deep below the folder that holds its images


def image_paths(
    names: Iterable[str], file: Path, where: str, *, root: Path | None = None, check: bool = True
) -> tuple[Path, ...]:
    """Return the paths of a record's images.

    Args:
        names: paths as the record writes them, relative to the data set's image folder.
        file: the annotation file.
        where: place of the record.
        root: the image folder; None: searched upwards from the annotation file, there and in its subfolders
            ``image``, ``images`` and ``data``.
        check: whether a missing file is an error; otherwise its likeliest path is returned.

    Raises:
        DataError: an image is missing.
    """
    bases = [root] if root is not None else _bases(file)
    return tuple(_one(name, bases, where, check=check) for name in names)


def _bases(file: Path) -> list[Path]:
    """Return the folders in which the images may lie, nearest first."""
    return [parent / folder for parent in list(file.absolute().parents)[:_LEVELS] for folder in _FOLDERS]


def _one(name: str, bases: list[Path], where: str, *, check: bool) -> Path:
    found = next((base / name for base in bases if (base / name).is_file()), None)
    if found is None and check:
        raise DataError(
            f"{where}: image {name!r} is not in {bases[0]} or a folder near it; "
            "unpack the images of the data set there, or pass image_root"
        )
    return found or bases[0] / name
