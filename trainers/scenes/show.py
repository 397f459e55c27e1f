"""One sample as an image for people: its views side by side, with its changes drawn on or its question below."""

from __future__ import annotations

from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.world import CAMERA_NAMES, PAIRS, VIEWS
from rewards.errors import ConfigError, DataError
from trainers.scenes.cameras import frame_at, project
from trainers.scenes.records import IMAGES, read_lines, read_multiview_record, read_tvr_record, view_image_name
from trainers.scenes.render import draw_views, render
from trainers.scenes.route import draw_map, map_name, read_route_record
from trainers.scenes.solids import bodies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trainers.scenes.render import Image
    from trainers.scenes.tvr import Scene

HEIGHT: Final = 360  # of each panel, pixels
CAPTION: Final = 26  # height of a line of text, pixels
COLORS: Final = ("#ffd400", "#00e5ff", "#ff5cf4", "#7dff5c")  # of the first, second, third, fourth change
INK, PAPER = "#f0f0f0", "#202124"
_LETTER = 8  # width of a letter, pixels


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
    task = record.get("task")
    read: Callable[[Mapping[str, Any]], Any] = read_tvr_record
    if task in ("multiview", "route"):
        read = read_multiview_record if task == "multiview" else read_route_record
    try:
        read(record)
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
        question its views, and the question; of a route its map, and the steps.

    Raises:
        ConfigError: Pillow is not installed.
    """
    try:
        from PIL import ImageDraw
    except ImportError:
        raise ConfigError("drawing a sample needs Pillow: pip install 'star-r1[report]'") from None

    if record.get("task") == "multiview":
        return _show_question(record, folder)
    if record.get("task") == "route":
        return _show_route(record, folder)
    scene = read_tvr_record(record)
    panels = [_panel(record, scene, folder, "center", final=False)]
    panels += [_panel(record, scene, folder, view, final=True) for view in _final_views(record)]
    names = ["before, center", *(f"after, {view}" for view in _final_views(record))]
    captions = [_sentence(scene, number) for number in range(len(scene.changes))]
    sheet = _side_by_side(panels, names, lines=(len(captions) + 1) // 2)
    draw = ImageDraw.Draw(sheet)
    for number, text in enumerate(captions):
        place = (8 + number % 2 * sheet.width // 2, HEIGHT + CAPTION * (1 + number // 2) + 4)
        draw.text(place, text, fill=COLORS[number % len(COLORS)], font_size=15)
    return sheet


def _side_by_side(panels: Sequence[Any], names: Sequence[str], *, lines: int) -> Any:
    """Return a sheet with panels under their names, and room for lines of text below."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    size = (sum(panel.width for panel in panels), HEIGHT + CAPTION * (1 + lines))
    sheet = Pillow.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for panel, name in zip(panels, names, strict=True):
        sheet.paste(panel, (left, CAPTION))
        draw.text((left + 8, 5), name, fill=INK, font_size=15)
        left += panel.width
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


def _show_question(record: Mapping[str, Any], folder: Path) -> Any:
    """Draw a question; its image files are used where they all are, else the views are ray cast.

    Args:
        record: one line of ``data.jsonl``.
        folder: where that file is.

    Returns:
        A Pillow image.

    Raises:
        DataError: the record or an image is wrong.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    scene, question = read_multiview_record(record)
    views = range(len(scene.quarters))
    paths = [folder / IMAGES / view_image_name(record["idx"], view) for view in views]
    try:
        there = all(path.is_file() for path in paths)
        images = (
            [np.asarray(Pillow.open(path).convert("RGB")) for path in paths] if there else draw_views(scene, HEIGHT)
        )
    except OSError as error:
        raise DataError(f"{folder}: an image cannot be read: {error}") from None
    panels = [Pillow.fromarray(image).resize((HEIGHT * image.shape[1] // image.shape[0], HEIGHT)) for image in images]
    width = sum(panel.width for panel in panels)
    lines = [each for line in question.text.splitlines() for each in wrap(line, (width - 16) // _LETTER)]
    names = [f"image {number}" for number in range(1, len(panels) + 1)]
    sheet = _side_by_side(panels, names, lines=len(lines) + 1)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate([*lines, f"Answer: {question.answer}"], start=1):
        color = COLORS[0] if number > len(lines) else INK
        draw.text((8, HEIGHT + CAPTION * number + 4), line, fill=color, font_size=15)
    return sheet


def _show_route(record: Mapping[str, Any], folder: Path) -> Any:
    """Draw the map of a route, from its file where that is, and its steps below.

    Raises:
        DataError: the record or the image is wrong.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    route = read_route_record(record)
    path = folder / IMAGES / map_name(record["idx"])
    try:
        drawn = np.asarray(Pillow.open(path).convert("RGB")) if path.is_file() else draw_map(route, (512, 512))
    except OSError as error:
        raise DataError(f"{path} is no image that can be read: {error}") from None
    lines = [f"from the {route.start}, facing {route.heading}, to the {route.goal}"]
    lines += [f"{at}.  {turn} {blocks} to {place}" for at, (turn, blocks, place) in enumerate(route.steps, start=1)]
    height, width = drawn.shape[:2]
    sheet = Pillow.new("RGB", (width, height + CAPTION * len(lines)), PAPER)
    sheet.paste(Pillow.fromarray(drawn), (0, 0))
    for number, line in enumerate(lines):
        ImageDraw.Draw(sheet).text((8, height + CAPTION * number + 4), line, fill=INK, font_size=15)
    return sheet
