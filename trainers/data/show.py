"""One sample as a picture for people: the initial and the final views side by side, its changes drawn on."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.tvr.world import PAIRS
from rewards.errors import ConfigError, DataError
from trainers.data.bodies import bodies_of
from trainers.data.cameras import CAMERA_NAMES, VIEWS, frame_at, project
from trainers.data.layout import IMAGES, read_lines
from trainers.data.records import from_record
from trainers.data.render import render
from trainers.data.ring_rows import read_ring_record
from trainers.data.ring_show import show_question
from trainers.data.show_style import CAPTION, COLORS, HEIGHT, INK, PAPER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainers.data.records import Scene
    from trainers.data.render import Image


def read_sample(path: Path, index: int) -> dict[str, Any]:
    """Return one record of a ``data.jsonl`` by its place in the file, from 0.

    Raises:
        DataError: the file or that line cannot be read, or there are not so many lines.
    """
    found = next(islice(read_lines(path), index, None), None) if index >= 0 else None
    if found is None:
        count = sum(1 for _ in read_lines(path))
        raise DataError(f"{path}: there is no sample {index}; it has {count}, counted from 0")
    where, record = found
    if isinstance(record, DataError):
        raise record
    if record.get("task") == "multiview":
        read_ring_record(record, where)
        return record
    try:
        from_record(record)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    return record


def show_sample(record: Mapping[str, Any], folder: Path) -> Any:
    """Draw a sample; its image files are used where they are, else the views are ray cast.

    Args:
        record: one line of ``data.jsonl``.
        folder: where that file is.

    Returns:
        A Pillow image: the initial view, then each final view, with a line of text for each change; of a multi-view
        question its views, and the question.
    """
    try:
        from PIL import Image as Pillow
        from PIL import ImageDraw
    except ImportError:
        raise ConfigError("drawing a sample needs Pillow: pip install 'star-r1[report]'") from None

    if record.get("task") == "multiview":
        return show_question(record, folder)
    scene = from_record(record)
    panels = [_panel(record, scene, folder, "center", final=False)]
    panels += [_panel(record, scene, folder, view, final=True) for view in _final_views(record)]
    width = sum(panel.width for panel in panels)
    captions = [_sentence(scene, number) for number in range(len(scene.changes))]
    sheet = Pillow.new("RGB", (width, HEIGHT + CAPTION * (1 + (len(captions) + 1) // 2)), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for panel, name in zip(panels, ["before, center", *(f"after, {v}" for v in _final_views(record))], strict=True):
        sheet.paste(panel, (left, CAPTION))
        draw.text((left + 8, 5), name, fill=INK, font_size=15)
        left += panel.width
    for number, text in enumerate(captions):
        place = (8 + number % 2 * width // 2, HEIGHT + CAPTION * (1 + number // 2) + 4)
        draw.text(place, text, fill=COLORS[number % len(COLORS)], font_size=15)
    return sheet


def _final_views(record: Mapping[str, Any]) -> list[str]:
    """Views that the record names images of, or all where it names none."""
    named = record["states"][-1].get("images") or {}
    return [view for view in VIEWS if CAMERA_NAMES[view] in named] or list(VIEWS)


def _sentence(scene: Scene, number: int) -> str:
    change = scene.changes[number]
    attribute, value = PAIRS[change.pair]
    move = f"  ({change.move})" if change.move else ""
    return f"{number + 1}.  {change.obj_idx}.{attribute}.{value}{move}"


def _panel(record: Mapping[str, Any], scene: Scene, folder: Path, view: str, *, final: bool) -> Any:
    """Draw one view, `HEIGHT` high, with the number of every object and a ring around each that changes."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    image = Pillow.fromarray(_image(record, scene, folder, view, final=final))
    size = (round(HEIGHT * image.width / image.height), HEIGHT)
    panel = image.resize(size, Pillow.Resampling.LANCZOS)
    draw = ImageDraw.Draw(panel)
    bodies = bodies_of(scene.final if final else scene.initial, scene.rotations)
    frame = frame_at(scene.stage.cameras[VIEWS.index(view)])
    for index in np.flatnonzero(bodies.shown).tolist():
        center = np.array([bodies.x[index], bodies.y[index], bodies.half[index]])
        (x, y), depth = project(center, frame, *size)
        reach = 1.5 * bodies.half[index] * max(size) / (0.914 * float(depth)) + 4
        numbers = [n for n, change in enumerate(scene.changes) if change.obj_idx == index]
        for ring, number in enumerate(numbers):
            far = reach + 4 * ring
            draw.ellipse((x - far, y - far, x + far, y + far), outline=COLORS[number % len(COLORS)], width=3)
        label = (x, y - reach - 11)
        draw.text(label, str(index), fill=INK, font_size=14, anchor="mm", stroke_width=2, stroke_fill=PAPER)
    return panel


def _image(record: Mapping[str, Any], scene: Scene, folder: Path, view: str, *, final: bool) -> Image:
    """Read the image file that the record names, or draw the view where there is none."""
    from PIL import Image as Pillow

    names = record["states"][-1 if final else 0].get("images") or {}
    path = folder / IMAGES / str(names.get(CAMERA_NAMES[view], ""))
    if path.is_file():
        try:
            return np.asarray(Pillow.open(path).convert("RGB"))
        except OSError as error:
            raise DataError(f"{path} is no image that can be read: {error}") from None
    return render(scene, view, (480, 360), final=final)
