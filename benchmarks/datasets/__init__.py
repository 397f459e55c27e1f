"""The data sets as their owners publish them, read into one record, `benchmarks.sample.Sample`."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.datasets import mindcube, mmsi, spar7m, sparbench, trance
from benchmarks.datasets.files import local_copy
from rewards.errors import ConfigError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from benchmarks.datasets.files import OnError
    from benchmarks.sample import Sample

NAMES = ("tvr", "mindcube", "sparbench", "spar7m", "mmsi")
"""The names that `load` knows; ``trance`` is another word for ``tvr``."""


def load(
    name: str,
    path: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str] | None = None,
    check_images: bool = True,
    split: str = "test",
    views: Sequence[str] | None = None,
    draw_marks: bool = True,
    on_error: OnError | None = None,
) -> Iterator[Sample]:
    """Read a data set.

    Args:
        name: one of `NAMES`.
        path: a file or folder as the owners publish it, or the id of a data set on the hub.
        image_root: folder of the images, for data sets that name image files; None: searched near the file.
        check_images: whether a missing image file is an error.
        split: ``tvr`` packed in ``data.h5``: train, val or test.
        views: ``tvr``: final views to yield, of center, left, right; None: all that a record has.
        draw_marks: ``spar7m``: whether the marks of which the questions speak are drawn onto the images.
        on_error: takes what is wrong with a record, which is then left out and costs no other; None: it is raised.

    Returns:
        The samples, read while they are consumed.

    Raises:
        ConfigError: an unknown name, a path that is not there, or a package that is not installed.
        DataError: raised while iterating, where a record is wrong: what was expected, at which line and key.
    """
    if name not in {*NAMES, "trance"}:
        near = get_close_matches(name, NAMES, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(f"there is no data set {name!r}{hint}; known are {', '.join(NAMES)}")
    source, root = local_copy(path), Path(image_root) if image_root is not None else None
    if name == "mindcube":
        return mindcube.read(source, image_root=root, check_images=check_images, on_error=on_error)
    if name == "sparbench":
        return sparbench.read(source, image_root=root, check_images=check_images, on_error=on_error)
    if name == "spar7m":
        return spar7m.read(source, image_root=root, check_images=check_images, draw_marks=draw_marks, on_error=on_error)
    if name == "mmsi":
        return mmsi.read(source, on_error=on_error)
    return trance.read(source, image_root=root, check_images=check_images, split=split, views=views, on_error=on_error)
