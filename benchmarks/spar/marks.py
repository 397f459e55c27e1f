"""SPAR-7M's marks: colored points and boxes that questions speak of and that the user draws onto the images.

Source: fudan-zvg/spar 1679885 ``datasets/draw_marker.py`` (which image each mark belongs to, and its size in
pixels). Coordinates are thousandths of the image's width and height.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from benchmarks.extras import need
from benchmarks.records import Record, expected, read_record, wrong, wrong_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.datasets import Image

COLORS = ("red", "blue", "green", "yellow")
RADIUS = 20  # pixels; also the width of a box's line
_ORDER = {
    "distance_infer_center_oo_mv": ("red", "green", "blue"),
    **dict.fromkeys(
        (f"spatial_imagination_{kind}_{form}" for kind in ("oc", "oo") for form in ("mv", "video")),
        ("green", "blue", "red", "yellow"),
    ),
}
"""Colors in the order of ``*_img_idx``, where it is not that of `COLORS`."""
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
_LIST_COLOR = "blue"
_NAME = re.compile(r"([\w'’./-]+(?: [\w'’./-]+){0,3}) \((red|blue|green|yellow) (?:bbox|point)\)")
_NOT_A_NAME = frozenset({
    "a", "an", "the", "this", "that", "both", "one", "object", "and", "or", "but", "than", "then", "as", "of", "to",
    "in", "on", "at", "by", "for", "from", "with", "between", "near", "if", "is", "are", "was", "be", "does", "do",
    "has", "have", "find", "determine", "estimate", "calculate", "given", "what", "how", "where", "which", "when",
    "considering", "using", "about", "facing", "relative", "consider", "identify",
})  # fmt: skip


class Mark(NamedTuple):
    """One mark: ``box`` holds x, y of a point or left, top, right, bottom of a box, in thousandths."""

    kind: Literal["point", "bbox"]
    color: str
    box: tuple[float, ...]
    image: int
    label: str | None = None


def _unnested(value: Any) -> Any:
    """Take the one list out of a list around it: ``[[x, y]]`` is ``[x, y]``."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], list) else value


def _box_in_order(box: list[float]) -> list[float]:
    if box[0] > box[2] or box[1] > box[3]:
        raise wrong_value(_BOX)
    return box


def _images_that_are_there(written: Any, info: ValidationInfo) -> Any:
    index, images = _unnested(written), (info.context or {})["images"]
    if not isinstance(index, list) or not all(type(place) is int and 0 <= place < images for place in index):
        raise wrong_value(f"a list of image numbers from 0 to {images - 1}")
    return index


_BOX = "[left, top, right, bottom] with left <= right and top <= bottom"
_Thousandth = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
_Numbers = Annotated[list[_Thousandth], BeforeValidator(_unnested)]
_Point = Annotated[_Numbers, Field(min_length=2, max_length=2), expected("[x, y], from 0 to 1000")]
_Box = Annotated[
    _Numbers, Field(min_length=4, max_length=4), expected(f"{_BOX}, from 0 to 1000"), AfterValidator(_box_in_order)
]
_Index = Annotated[list[int], BeforeValidator(_images_that_are_there)]


class MarkKeys(Record):
    """The keys of a SPAR-7M record that place its marks; a list may stand in a list of its own.

    ``*_img_idx`` numbers the images of the marks in their order; ``*_list`` holds marks without colors in one list.
    """

    red_point: _Point | None = None
    blue_point: _Point | None = None
    green_point: _Point | None = None
    yellow_point: _Point | None = None
    point_list: list[list[_Point]] | None = None
    point_img_idx: _Index | None = None
    red_bbox: _Box | None = None
    blue_bbox: _Box | None = None
    green_bbox: _Box | None = None
    yellow_bbox: _Box | None = None
    bbox_list: list[list[_Box]] | None = None
    bbox_img_idx: _Index | None = None


def marks_of(record: Mapping[str, Any], n_images: int, where: str) -> tuple[Mark, ...]:
    """Return the marks of a SPAR-7M record.

    Raises:
        DataError: a mark has not the right coordinates, or no image.
    """
    task = record.get("type")
    if task in _UNMARKED:
        return ()
    keys = read_record(MarkKeys, record, where, context={"images": n_images})
    return tuple(mark for kind in ("point", "bbox") for mark in _marks_of_kind(kind, keys, str(task), record, where))


def _marks_of_kind(
    kind: Literal["point", "bbox"], keys: MarkKeys, task: str, record: Mapping[str, Any], where: str
) -> list[Mark]:
    """Return the points or the boxes in the order in which they are drawn."""
    boxes = {color: getattr(keys, f"{color}_{kind}") for color in COLORS}
    index: list[int] | None = getattr(keys, f"{kind}_img_idx")
    colors = [color for color in COLORS if boxes[color] is not None]
    order = [color for color in _ORDER.get(task, COLORS) if color in colors]
    found = []
    for color in sorted(colors, key=_DRAWN.index) if task in _ORDER else colors:
        place = 0 if task in _ONE_IMAGE or index is None else order.index(color)
        if index is not None and place >= len(index):
            raise wrong(f"{kind}_img_idx", where, f"an image for the {color} {kind}", record[f"{kind}_img_idx"])
        label = f"object{place}" if task in _LABELLED else None
        found.append(Mark(kind, color, tuple(boxes[color]), index[place] if index else 0, label))
    lists: list[list[list[float]]] | None = getattr(keys, f"{kind}_list")
    return found if lists is None else [*found, *_numbered_marks(kind, lists, index, where)]


def _numbered_marks(
    kind: Literal["point", "bbox"], lists: list[list[list[float]]], index: list[int] | None, where: str
) -> list[Mark]:
    """Return the marks of the tasks that list them without colors."""
    if len(lists) != 1:
        raise wrong(f"{kind}_list", where, "a list of marks in a list", lists)
    boxes = lists[0]
    if index is None or len(index) < len(boxes):
        raise wrong(f"{kind}_img_idx", where, f"an image for each of {len(boxes)} marks", index)
    labels = [f"object{place}" for place in range(len(boxes))]
    if kind == "point":  # the first point is the one that the others are compared with
        labels = ["objectA", *labels[: len(boxes) - 1]]
    return [
        Mark(kind, _LIST_COLOR, tuple(box), image, label)
        for box, image, label in zip(boxes, index, labels, strict=False)
    ]


def marked_names(question: str) -> dict[str, str]:
    """Return the name that a question gives to each colored mark: the noun before "(red point)".

    >>> marked_names("With the office chair (red point) 1.6 m deep, find the depth of towel (blue point).")
    {'red': 'office chair', 'blue': 'towel'}
    """
    names: dict[str, str] = {}
    for words, color in _NAME.findall(question):
        kept: list[str] = []
        for word in reversed(words.split()):
            if word.lower() in _NOT_A_NAME:
                break
            kept.insert(0, word)
        if kept and color not in names:
            names[color] = " ".join(kept)
    return names


def references(marks: Iterable[Mark], names: Mapping[str, str], n_images: int) -> tuple[frozenset[str], ...] | None:
    """Return for each image the names of the objects that are marked in it; None where no name is known."""
    named = [(mark.image, names[mark.color]) for mark in marks if mark.label is None and mark.color in names]
    if not named:
        return None
    return tuple(frozenset(name for image, name in named if image == place) for place in range(n_images))


def marked(images: Sequence[Path], marks: Sequence[Mark]) -> tuple[Image, ...]:
    """Return the images, those with marks as PNG bytes with the marks drawn."""
    here = [[mark for mark in marks if mark.image == number] for number in range(len(images))]
    return tuple(
        draw(image, drawn) if drawn and image.is_file() else image for image, drawn in zip(images, here, strict=True)
    )


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
        pen.ellipse([left, top, right, bottom], fill=mark.color)
    else:
        pen.rectangle([left, top, right, bottom], outline=mark.color, width=RADIUS)


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
