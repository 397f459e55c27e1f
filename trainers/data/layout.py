"""The files of a data set in TRANCE's layout, written whole or not at all, and read line by line.

``data.jsonl``, ``image/``, ``values.json`` and ``properties.json`` are upstream's; ``metadata.jsonl`` beside
them makes the same folder one that Hugging Face's ``imagefolder`` loads.
"""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.world import (
    COLORS,
    DIRECTIONS,
    GRID_UNIT,
    MATERIALS,
    MIN_GAP,
    MOVE,
    MOVE_STEPS,
    RADII,
    SHAPES,
    SIZES,
    VALUES,
    VISIBLE,
    WORLD,
)
from rewards.errors import DataError
from trainers.data.bodies import COLOR_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainers.data.render import Image

DATA: Final = "data.jsonl"
METADATA: Final = "metadata.jsonl"
IMAGES: Final = "image"
VALUE_LISTS: Final = "values.json"
PROPERTIES: Final = "properties.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def write_image(path: Path, image: Image) -> None:
    """Write a PNG, whole or not at all."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())


def write_vocabulary(directory: Path) -> None:
    """Write ``values.json`` and ``properties.json``, which upstream's code reads beside the data."""
    moves = list(dict.fromkeys(value.rsplit(".", 1)[0] for value in VALUES["position"]))
    values: dict[str, Any] = {"shape": SHAPES, "size": SIZES}
    values |= {"position": {"direction": moves, "step": MOVE_STEPS}, "material": MATERIALS, "color": COLORS}
    edges = {"": WORLD * GRID_UNIT, "vis_": VISIBLE * GRID_UNIT}
    coordinate = {"unit": GRID_UNIT, "step": MOVE * GRID_UNIT, "min_gap": MIN_GAP * GRID_UNIT}
    for name, edge in edges.items():
        for axis in "xy":
            coordinate |= {f"{name}{axis}_min": -round(edge, 6), f"{name}{axis}_max": round(edge, 6)}
    properties = {
        "shape": {name: name for name in SHAPES},
        "color": COLOR_BYTES,
        "material": {name: name for name in MATERIALS},
        "size": {name: round(radius * GRID_UNIT, 6) for name, radius in zip(SIZES, RADII, strict=True)},
        "position": {"direction": DIRECTIONS, "step": MOVE_STEPS},
        "coordinate": coordinate,
    }
    for file, content in ((VALUE_LISTS, values), (PROPERTIES, properties)):
        write_whole(directory / file, (json.dumps(content, indent=2) + "\n").encode())


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """Yield ``file:line`` and the record of each line of a JSONL file, or what is wrong with that line.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        handle = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    with handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                record = json.loads(line)
            except ValueError as error:
                yield where, DataError(f"{where}: no JSON: {error}")
                continue
            whole = isinstance(record, dict)
            yield where, record if whole else DataError(f"{where}: a list or value, not a record")
