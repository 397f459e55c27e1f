"""One multi-view question as a picture for people: its images side by side, the question and its answer below."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from rewards.errors import DataError
from trainers.data.layout import IMAGES
from trainers.data.ring_rows import draw_views, read_ring_record, view_image_name
from trainers.data.show_style import CAPTION, COLORS, HEIGHT, INK, PAPER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LETTER = 8  # width of a letter, pixels


def show_question(record: Mapping[str, Any], folder: Path) -> Any:
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

    scene, question = read_ring_record(record, str(folder))
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
    sheet = Pillow.new("RGB", (width, HEIGHT + CAPTION * (len(lines) + 2)), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for number, panel in enumerate(panels, start=1):
        sheet.paste(panel, (left, CAPTION))
        draw.text((left + 8, 5), f"image {number}", fill=INK, font_size=15)
        left += panel.width
    for number, line in enumerate([*lines, f"Answer: {question.answer}"], start=1):
        color = COLORS[0] if number > len(lines) else INK
        draw.text((8, HEIGHT + CAPTION * number + 4), line, fill=color, font_size=15)
    return sheet
