"""SPAR-7M's marks: coloured points and boxes that questions speak of and that the user draws onto the images.

Source: fudan-zvg/spar 1679885 ``datasets/draw_marker.py`` (which image each mark belongs to, and its size in
pixels). Coordinates are thousandths of the image's width and height.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from benchmarks.datasets import fields
from benchmarks.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

COLOURS = ("red", "blue", "green", "yellow")
RADIUS = 20  # pixels; also the width of a box's line
_ORDER = {
    "distance_infer_center_oo_mv": ("red", "green", "blue"),
    **dict.fromkeys(
        (f"spatial_imagination_{kind}_{form}" for kind in ("oc", "oo") for form in ("mv", "video")),
        ("green", "blue", "red", "yellow"),
    ),
}
"""Colours in the order of ``*_img_idx``, where it is not that of `COLOURS`."""
_DRAWN = ("red", "green", "blue", "yellow")  # the order in which the marks of these tasks lie upon each other
_ONE_IMAGE = frozenset({"obj_spatial_relation_oc_mv"})  # all its boxes are in the first image of the index
_LABELLED = frozenset({"spatial_imagination_oc_video", "spatial_imagination_oo_video"})  # object0, object1, ... too
_UNMARKED = frozenset(
    (
        *("view_change_infer", "camera_motion_infer", "nav", "appearance_order", "obj_count", "room_size"),
        *("distance_infer_center_oc", "distance_infer_center_oc_mv"),
        *("spatial_imagination_oc_video_hard", "spatial_imagination_oo_video_hard"),
    )
)
_LIST_COLOUR = "blue"
_NAME = re.compile(r"([\w'’./-]+(?: [\w'’./-]+){0,3}) \((red|blue|green|yellow) (?:bbox|point)\)")
_NOT_A_NAME = frozenset(
    (
        *(
            "a",
            "an",
            "the",
            "this",
            "that",
            "both",
            "one",
            "object",
            "and",
            "or",
            "but",
            "than",
            "then",
            "as",
        ),
        *(
            "of",
            "to",
            "in",
            "on",
            "at",
            "by",
            "for",
            "from",
            "with",
            "between",
            "near",
            "if",
            "is",
            "are",
            "was",
        ),
        *(
            "be",
            "does",
            "do",
            "has",
            "have",
            "find",
            "determine",
            "estimate",
            "calculate",
            "given",
            "what",
            "how",
        ),
        *(
            "where",
            "which",
            "when",
            "considering",
            "using",
            "about",
            "facing",
            "relative",
            "consider",
            "identify",
        ),
    )
)


class Mark(NamedTuple):
    """One mark: ``box`` holds x, y of a point or left, top, right, bottom of a box, in thousandths."""

    kind: Literal["point", "bbox"]
    colour: str
    box: tuple[float, ...]
    image: int
    label: str | None = None


def marks_of(record: Mapping[str, Any], n_images: int, where: str) -> tuple[Mark, ...]:
    """Return the marks of a SPAR-7M record.

    Raises:
        DataError: a mark has not the right coordinates, or no image.
    """
    task = record.get("type")
    if task in _UNMARKED:
        return ()
    found = []
    for kind in ("point", "bbox"):
        colours = [colour for colour in COLOURS if record.get(f"{colour}_{kind}") is not None]
        index = _image_index(record, kind, n_images, where)
        order = [colour for colour in _ORDER.get(str(task), COLOURS) if colour in colours]
        for colour in sorted(colours, key=_DRAWN.index) if task in _ORDER else colours:
            place = 0 if task in _ONE_IMAGE or index is None else order.index(colour)
            if index is not None and place >= len(index):
                raise fields.wrong(
                    f"{kind}_img_idx", where, f"an image for the {colour} {kind}", record[f"{kind}_img_idx"]
                )
            box = _numbers(record[f"{colour}_{kind}"], kind, f"{colour}_{kind}", where)
            label = f"object{place}" if task in _LABELLED else None
            found.append(Mark(kind, colour, box, index[place] if index else 0, label))
        found += _listed(record, kind, index, where)
    return tuple(found)


def _image_index(record: Mapping[str, Any], kind: str, n_images: int, where: str) -> list[int] | None:
    key = f"{kind}_img_idx"
    if record.get(key) is None:
        return None
    written = record[key]
    index = written[0] if isinstance(written, list) and written and isinstance(written[0], list) else written
    if not isinstance(index, list) or not all(type(place) is int and 0 <= place < n_images for place in index):
        raise fields.wrong(key, where, f"a list of image numbers from 0 to {n_images - 1}", written)
    return index


def _listed(
    record: Mapping[str, Any], kind: Literal["point", "bbox"], index: list[int] | None, where: str
) -> list[Mark]:
    """Return the numbered marks of the tasks that list them without colours."""
    key = f"{kind}_list"
    if record.get(key) is None:
        return []
    lists = fields.list_of(list, record, key, where)
    if len(lists) != 1:
        raise fields.wrong(key, where, "a list of marks in a list", lists)
    boxes = lists[0]
    if index is None or len(index) < len(boxes):
        raise fields.wrong(f"{kind}_img_idx", where, f"an image for each of {len(boxes)} marks", index)
    labels = [f"object{place}" for place in range(len(boxes))]
    if kind == "point":  # the first point is the one that the others are compared with
        labels = ["objectA", *labels[: len(boxes) - 1]]
    return [
        Mark(kind, _LIST_COLOUR, _numbers(box, kind, f"{key}[0][{place}]", where), image, label)
        for place, (box, image, label) in enumerate(zip(boxes, index, labels, strict=False))
    ]


def _numbers(value: Any, kind: str, key: str, where: str) -> tuple[float, ...]:
    inner = value[0] if isinstance(value, list) and value and isinstance(value[0], list) else value
    length = 2 if kind == "point" else 4
    expected = "[x, y]" if kind == "point" else "[left, top, right, bottom] with left <= right and top <= bottom"
    if not isinstance(inner, list) or len(inner) != length or not all(_is_coordinate(x) for x in inner):
        raise fields.wrong(key, where, f"{expected}, from 0 to 1000", value)
    if kind == "bbox" and (inner[0] > inner[2] or inner[1] > inner[3]):
        raise fields.wrong(key, where, expected, value)
    return tuple(inner)


def _is_coordinate(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1000
    )


def marked_names(question: str) -> dict[str, str]:
    """Return the name that a question gives to each coloured mark: the noun before "(red point)".

    >>> marked_names("With the office chair (red point) 1.6 m deep, find the depth of towel (blue point).")
    {'red': 'office chair', 'blue': 'towel'}
    """
    names: dict[str, str] = {}
    for words, colour in _NAME.findall(question):
        kept: list[str] = []
        for word in reversed(words.split()):
            if word.lower() in _NOT_A_NAME:
                break
            kept.insert(0, word)
        if kept and colour not in names:
            names[colour] = " ".join(kept)
    return names


def references(marks: Iterable[Mark], names: Mapping[str, str], n_images: int) -> tuple[frozenset[str], ...] | None:
    """Return for each image the names of the objects that are marked in it; None where no name is known."""
    named = [(mark.image, names[mark.colour]) for mark in marks if mark.label is None and mark.colour in names]
    if not named:
        return None
    return tuple(frozenset(name for image, name in named if image == place) for place in range(n_images))


def draw(image: Path, marks: Sequence[Mark]) -> bytes:
    """Return an image with its marks drawn on it, as PNG.

    Raises:
        ConfigError: pillow is not installed.
    """
    pil = need("PIL.Image", package="pillow", purpose="drawing SPAR-7M's marks")
    drawing = need("PIL.ImageDraw", package="pillow", purpose="drawing SPAR-7M's marks")
    with pil.open(image) as opened:
        canvas = opened.convert("RGB")
    pen = drawing.Draw(canvas)
    size = canvas.width, canvas.height
    for mark in marks:
        _draw_shape(pen, mark, size)
    for mark in marks:
        if mark.label:
            _write_label(pen, mark.label, mark, size)
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG")
    return buffer.getvalue()


def _draw_shape(pen: Any, mark: Mark, size: tuple[int, int]) -> None:
    left, top, right, bottom = _frame(mark, size)
    if mark.kind == "point":
        pen.ellipse([left, top, right, bottom], fill=mark.colour)
    else:
        pen.rectangle([left, top, right, bottom], outline=mark.colour, width=RADIUS)


def _frame(mark: Mark, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what is drawn, in pixels."""
    pixels = [value / 1000 * size[place % 2] for place, value in enumerate(mark.box)]
    if mark.kind == "point":
        x, y = int(pixels[0]), int(pixels[1])
        return x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS
    out = RADIUS * 7 / 8
    left, top, right, bottom = pixels
    return int(left - out), int(top - out), int(right + out), int(bottom + out)


def _write_label(pen: Any, label: str, mark: Mark, size: tuple[int, int]) -> None:
    """Write in a box's corner at the bottom right; beside a point, on the side that has more room."""
    left, top, right, bottom = _frame(mark, size)
    if mark.kind == "bbox":
        corner, anchor = (min(right, size[0]), min(bottom, size[1])), "rb"
    else:
        x, across = (right, "l") if left + right < size[0] else (left, "r")
        y, down = (bottom, "t") if top + bottom < size[1] else (top, "b")
        corner, anchor = (x, y), across + down
    style = {"fill": "lime", "stroke_width": RADIUS // 8, "stroke_fill": "black", "font_size": 2 * RADIUS}
    pen.text(corner, label, anchor=anchor, **style)
