"""Make a data set of scenes on disk: records, images, training rows; by several processes, and again after a kill.

Work is cut into pieces of consecutive items. A piece is finished when its file is in ``.parts/``; a second
call with the same options makes the missing pieces only. At the end the pieces are joined and ``.parts/``
goes away.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from concurrent.futures import as_completed
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, NonNegativeInt, ValidationError, model_validator

from benchmarks.files.lock import locked
from benchmarks.files.paths import METADATA
from benchmarks.files.write import remove_partials, whole_file, write_whole
from benchmarks.run.workers import worker_pool
from benchmarks.tvr.world import (
    ATTRIBUTES,
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
    VIEWS,
    VISIBLE,
    WORLD,
)
from rewards.errors import ConfigError
from trainers.data.card import write_generated_card
from trainers.scenes.mitsuba import denoises
from trainers.scenes.multiview_questions import multiview_item
from trainers.scenes.records import (
    DATA,
    IMAGES,
    image_name,
    map_row,
    multiview_record,
    multiview_row,
    tvr_record,
    tvr_rows,
    view_image_name,
)
from trainers.scenes.render import draw_views, render, width_height
from trainers.scenes.route import SMALLEST, draw_map, map_name, route_item, route_record, route_row
from trainers.scenes.solids import COLOR_BYTES
from trainers.scenes.tvr import check_attributes, generate_seen
from trainers.validation import CheckedSettings, first_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainers.scenes.render import Image
    from trainers.scenes.tvr import Scene

SETTINGS: Final = "settings.json"
PARTS: Final = ".parts"
PIECE: Final = {"none": 100, "raycast": 8, "mitsuba": 4, "drawing": 20}  # items made between two signs of progress
_NEEDS: Final = {
    "none": {},
    "raycast": {"torch": "train", "PIL": "train"},
    "mitsuba": {"mitsuba": "render", "PIL": "render"},
    "drawing": {"PIL": "report"},
}


def _each_once(views: tuple[str, ...]) -> tuple[str, ...]:
    for view in views:
        if view not in VIEWS:
            raise ValueError(f"view {view!r} is not one of {', '.join(VIEWS)}")
    if not views or len(set(views)) < len(views):
        raise ValueError(f"views are some of {', '.join(VIEWS)}, each once")
    return views


def _in_order(attributes: tuple[str, ...]) -> tuple[str, ...]:
    if check_attributes(attributes) != attributes:
        raise ValueError(f"attributes are named in the order of {', '.join((*ATTRIBUTES, 'position'))}")
    return attributes


class GenerationSettings(CheckedSettings):
    """What a data set is a function of.

    Attributes:
        count: number of items.
        seed: not negative.
        images: ``none``; tvr and several views: a backend of `trainers.scenes.render`; route: ``drawing``.
        size: width and height of the images, pixels.
        views: tvr: of the final images, some of center, left, right.
        attributes: tvr: which attributes change.
        repeats: tvr: whether an attribute of an object may change twice.
        start: number of the first item, for a part of a larger data set.
        task: changes of a scene; questions about several views of one, its map, or the camera's way; or ways through
            towns.
    """

    count: NonNegativeInt
    seed: NonNegativeInt = 0
    images: Literal["none", "raycast", "mitsuba", "drawing"] = "none"
    size: Annotated[tuple[int, int], AfterValidator(width_height)] = (128, 128)
    views: Annotated[tuple[str, ...], AfterValidator(_each_once)] = VIEWS
    attributes: Annotated[tuple[str, ...], AfterValidator(_in_order)] = ATTRIBUTES
    repeats: bool = False
    start: NonNegativeInt = 0
    task: Literal["tvr", "multiview", "cogmap", "trajectory", "route"] = "tvr"

    @model_validator(mode="after")
    def _of_its_task(self) -> Self:
        if self.task != "tvr" and (self.views, self.attributes, self.repeats) != (VIEWS, ATTRIBUTES, False):
            raise ValueError(f"views, attributes and repeats are settings of tvr, not of {self.task}")
        if self.images != "none" and (self.task == "route") != (self.images == "drawing"):
            fit = "none or drawing" if self.task == "route" else "none, raycast or mitsuba"
            raise ValueError(f"images of {self.task} are {fit}, not {self.images}")
        if self.images == "drawing" and min(self.size) < SMALLEST:
            raise ValueError(f"size: maps have {SMALLEST} pixels a side or more, so that their names can be read")
        return self


class _SavedSettings(GenerationSettings):
    """``settings.json``: whether path-traced images were denoised is told there, so that no set is of both kinds."""

    denoised: bool | None = None


def generate(
    directory: str | os.PathLike[str],
    settings: GenerationSettings,
    *,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a data set, or finish one that was begun with the same settings.

    Args:
        directory: made if it is not there.
        settings: what is to be made; the files depend on nothing else.
        workers: processes. With more than one, a script that calls this needs the usual
            ``if __name__ == "__main__":``.
        on_progress: is called with the number of finished items and of all items.

    Returns:
        The path of ``data.jsonl``.

    Raises:
        ConfigError: the folder holds something made with other settings or is being written by another process, a
            renderer is not installed, or a worker was killed.
    """
    if workers < 1:
        raise ConfigError(f"workers is {workers}; at least one is needed")
    for module, extra in _NEEDS[settings.images].items():
        if find_spec(module) is None:
            raise ConfigError(f"images by {settings.images} need {module}: pip install 'star-r1[{extra}]'")
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    with locked(target / SETTINGS, str(directory)):
        return _generate(target, settings, workers, on_progress or _silent)


def _generate(target: Path, settings: GenerationSettings, workers: int, report: Callable[[int, int], None]) -> Path:
    _claim(target, settings)
    if not (target / DATA).exists():
        _make_pieces(target, settings, workers, report)
        _join(target, settings, METADATA)
        if settings.task == "multiview":
            write_generated_card(target, [json.loads(line) for line in (target / METADATA).read_bytes().splitlines()])
        elif settings.task == "tvr":
            _write_vocabulary(target)
        _join(target, settings, DATA)  # the data last: where it is, all is done
    _clear(target)
    report(settings.count, settings.count)
    return target / DATA


def _silent(_done: int, _total: int) -> None:
    pass


def _clear(target: Path) -> None:
    """Remove the pieces, and what a kill left half written."""
    shutil.rmtree(target / PARTS, ignore_errors=True)
    for half in target.rglob(".*.partial"):
        half.unlink()


def _claim(target: Path, settings: GenerationSettings) -> None:
    """Make the folder this data set's, or see that it already is."""
    wanted = settings.model_dump(mode="json")
    if settings.images == "mitsuba":
        wanted["denoised"] = denoises()
    file = target / SETTINGS
    if not file.exists():
        remove_partials(file)  # of a process that was killed here, since the lock is held
        if any(each.name != f".{SETTINGS}.lock" for each in target.iterdir()):
            raise ConfigError(f"{target} is not empty and holds no data set of this kind; name another folder")
        _write(file, (json.dumps(wanted, indent=2) + "\n").encode())
    found = saved_settings(file).model_dump(mode="json", exclude_unset=True)
    other = [name for name, value in wanted.items() if found.get(name) != value]
    if other:
        changes = ", ".join(f"{name} {found.get(name)!r} and not {wanted[name]!r}" for name in other)
        raise ConfigError(f"{target} holds a data set with {changes}; name another folder")


def saved_settings(file: Path) -> GenerationSettings:
    """Read the ``settings.json`` of a data set.

    Raises:
        ConfigError: it is none.
    """
    try:
        return _SavedSettings.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file} cannot be read ({first_fault(error)}); name another folder") from None


def _write(path: Path, content: bytes) -> None:
    write_whole(path, content, sync=False)  # an image may be one of thousands


def _write_vocabulary(directory: Path) -> None:
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
    for file, content in (("values.json", values), ("properties.json", properties)):
        _write(directory / file, (json.dumps(content, indent=2) + "\n").encode())


def _pieces(settings: GenerationSettings) -> Iterator[range]:
    stop = settings.start + settings.count
    for first in range(settings.start, stop, PIECE[settings.images]):
        yield range(first, min(first + PIECE[settings.images], stop))


def _part(target: Path, piece: range, name: str) -> Path:
    return target / PARTS / f"{piece.start:010d}.{name}"


def _make_pieces(target: Path, settings: GenerationSettings, workers: int, report: Callable[[int, int], None]) -> None:
    """Make what is missing, here or in other processes."""
    (target / PARTS).mkdir(exist_ok=True)
    if settings.images != "none":
        (target / IMAGES).mkdir(exist_ok=True)
    pieces = list(_pieces(settings))
    missing = [piece for piece in pieces if not _part(target, piece, DATA).exists()]
    done = settings.count - sum(map(len, missing))
    report(done, settings.count)
    for piece in _made(target, settings, missing, workers):
        done += len(piece)
        report(done, settings.count)


def _made(target: Path, settings: GenerationSettings, missing: list[range], workers: int) -> Iterator[range]:
    """Make pieces and yield each when it is finished, in any order."""
    if workers == 1:
        yield from (make_piece(target, settings, piece) for piece in missing)
        return
    with worker_pool(workers, _alone, (settings.images,)) as pool:
        for future in as_completed([pool.submit(make_piece, target, settings, piece) for piece in missing]):
            yield future.result()


def _alone(images: str) -> None:
    """Give each worker one thread: there are as many workers as cores."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if images == "mitsuba":
        from trainers.scenes.mitsuba import use_threads

        use_threads(1)


def make_piece(target: Path, settings: GenerationSettings, piece: range) -> range:
    """Make consecutive items: their images, then their lines. Runs in any process, in any order."""
    lines: dict[str, list[Any]] = {METADATA: [], DATA: []}
    drawn = settings.images != "none"
    make = {"tvr": _tvr_item, "route": _route_item}.get(settings.task, _multiview_item)
    for index in piece:
        rows, record = make(target / IMAGES, settings, index)
        lines[METADATA] += rows if drawn else [_without_images(row) for row in rows]
        lines[DATA].append(record)
    for name, records in lines.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        _write(_part(target, piece, name), text.encode())
    return piece


def _tvr_item(folder: Path, settings: GenerationSettings, index: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Make the images of a scene; return its rows and its record."""
    drawn = settings.images != "none"
    scene, before, after = generate_seen(settings.seed, index, attributes=settings.attributes, repeats=settings.repeats)
    if drawn:
        _draw(folder, settings, scene)
    rows = tvr_rows(scene, settings.views, attributes=settings.attributes, size=settings.size, seen=(before, after))
    return rows, tvr_record(scene, settings.views, images=drawn)


def _multiview_item(
    folder: Path, settings: GenerationSettings, index: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Make the images of a scene with several views; return its row, of the task, and its record with a question."""
    drawn = settings.images != "none"
    scene, question = multiview_item(settings.seed, index)
    paths = [folder / view_image_name(index, view) for view in range(len(scene.quarters))] if drawn else []
    if not all(path.exists() for path in paths):
        for path, image in zip(paths, draw_views(scene, settings.size, settings.images), strict=True):
            _write_image(path, image)
    task = settings.task
    row = multiview_row(index, scene, question) if task == "multiview" else map_row(task, index, scene)
    return [row], multiview_record(index, scene, question, images=drawn)


def _route_item(folder: Path, settings: GenerationSettings, index: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Make the map of a town; return its row and its record."""
    drawn, route = settings.images != "none", route_item(settings.seed, index)
    if drawn and not (path := folder / map_name(index)).exists():
        _write_image(path, draw_map(route, settings.size))
    return [route_row(index, route, images=drawn)], route_record(index, route, images=drawn)


def _draw(folder: Path, settings: GenerationSettings, scene: Scene) -> None:
    wanted = [("center", False), *((view, True) for view in settings.views)]
    for view, final in wanted:
        path = folder / image_name(scene.idx, view, final=final)
        if not path.exists():
            _write_image(path, render(scene, view, settings.size, settings.images, final=final))


def _write_image(path: Path, image: Image) -> None:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG")
    _write(path, buffer.getvalue())


def _without_images(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "images_file_names"}


def _join(target: Path, settings: GenerationSettings, name: str) -> None:
    """Write the pieces of one file one after the other, whole or not at all."""
    with whole_file(target / name, "wb") as out:
        for piece in _pieces(settings):
            with _part(target, piece, name).open("rb") as part:
                shutil.copyfileobj(part, out)
