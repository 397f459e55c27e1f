"""Make a data set of scenes on disk: records, images, training rows; by several processes, and again after a kill.

Work is cut into pieces of consecutive items. A piece is finished when its file is in ``.parts/``; a second
call with the same options makes the missing pieces only. At the end the pieces are joined and ``.parts/``
goes away.
"""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.tvr.world import ATTRIBUTES
from rewards.errors import ConfigError
from trainers.data.cameras import VIEWS
from trainers.data.data_card import write_generated_card
from trainers.data.layout import DATA, IMAGES, METADATA, write_image, write_vocabulary, write_whole
from trainers.data.mitsuba_render import denoises
from trainers.data.records import image_name, to_record
from trainers.data.render import BACKENDS, render, width_height
from trainers.data.ring_questions import ring_item
from trainers.data.ring_rows import draw_views, ring_record, ring_row, view_image_name
from trainers.data.rows import tvr_rows
from trainers.data.scenes import check_attributes, generate_scene
from trainers.data.workers import worker_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainers.data.records import Scene

TASKS: Final = ("tvr", "multiview")
SETTINGS: Final = "settings.json"
PARTS: Final = ".parts"
PIECE: Final = {"none": 100, "raycast": 8, "mitsuba": 4}  # items made between two signs of progress
_NEEDS: Final = {
    "none": {},
    "raycast": {"torch": "train", "PIL": "train"},
    "mitsuba": {"mitsuba": "render", "PIL": "render"},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a data set is a function of.

    Attributes:
        task: one of `TASKS`: changes of a scene, or questions about several views of one.
        count: number of items.
        seed: not negative.
        images: ``none`` or a backend of `trainers.data.render`.
        size: width and height of the images, pixels.
        views: tvr: of the final images, some of center, left, right.
        attributes: tvr: which attributes change.
        repeats: tvr: whether an attribute of an object may change twice.
        start: number of the first item, for a part of a larger data set.
    """

    count: int
    seed: int = 0
    images: str = "none"
    size: tuple[int, int] = (128, 128)
    views: tuple[str, ...] = VIEWS
    attributes: tuple[str, ...] = ATTRIBUTES
    repeats: bool = False
    start: int = 0
    task: str = "tvr"

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ConfigError(f"task {self.task!r} is not one of {', '.join(TASKS)}")
        if self.task != "tvr" and (self.views, self.attributes, self.repeats) != (VIEWS, ATTRIBUTES, False):
            raise ConfigError(f"views, attributes and repeats are settings of tvr, not of {self.task}")
        if min(self.count, self.seed, self.start) < 0:
            raise ConfigError("count, seed and start are not negative numbers")
        if self.images not in _NEEDS:
            raise ConfigError(f"images {self.images!r} is not one of none, {', '.join(BACKENDS)}")
        for view in self.views:
            if view not in VIEWS:
                raise ConfigError(f"view {view!r} is not one of {', '.join(VIEWS)}")
        if not self.views or len(set(self.views)) < len(self.views):
            raise ConfigError(f"views are some of {', '.join(VIEWS)}, each once")
        width_height(self.size)
        if check_attributes(self.attributes) != self.attributes:
            raise ConfigError(f"attributes are named in the order of {', '.join((*ATTRIBUTES, 'position'))}")


def generate(
    directory: str | os.PathLike[str],
    settings: Settings,
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
        ConfigError: the folder holds something made with other settings, a renderer is not installed, or a
            worker was killed.
    """
    if workers < 1:
        raise ConfigError(f"workers is {workers}; at least one is needed")
    for module, extra in _NEEDS[settings.images].items():
        if find_spec(module) is None:
            raise ConfigError(f"images by {settings.images} need {module}: pip install 'star-r1[{extra}]'")
    target = Path(directory)
    _claim(target, settings)
    report = on_progress or _silent
    if not (target / DATA).exists():
        _make_pieces(target, settings, workers, report)
        _join(target, settings, METADATA)
        if settings.task == "multiview":
            write_generated_card(target, [json.loads(line) for line in (target / METADATA).read_bytes().splitlines()])
        else:
            write_vocabulary(target)
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


def _claim(target: Path, settings: Settings) -> None:
    """Make the folder this data set's, or see that it already is."""
    wanted = json.loads(json.dumps(asdict(settings)))
    if settings.images == "mitsuba":
        wanted["denoised"] = denoises()  # so that no set is of two kinds of pictures
    target.mkdir(parents=True, exist_ok=True)
    file = target / SETTINGS
    if not file.exists():
        if any(target.iterdir()):
            raise ConfigError(f"{target} is not empty and holds no data set of this kind; name another folder")
        write_whole(file, (json.dumps(wanted, indent=2) + "\n").encode())
    try:
        found = json.loads(file.read_bytes())
        other = [name for name, value in wanted.items() if found.get(name) != value]
    except (ValueError, AttributeError):
        raise ConfigError(f"{file} cannot be read; name another folder") from None
    if other:
        changes = ", ".join(f"{name} {found.get(name)!r} and not {wanted[name]!r}" for name in other)
        raise ConfigError(f"{target} holds a data set with {changes}; name another folder")


def _pieces(settings: Settings) -> Iterator[range]:
    stop = settings.start + settings.count
    for first in range(settings.start, stop, PIECE[settings.images]):
        yield range(first, min(first + PIECE[settings.images], stop))


def _part(target: Path, piece: range, name: str) -> Path:
    return target / PARTS / f"{piece.start:010d}.{name}"


def _make_pieces(target: Path, settings: Settings, workers: int, report: Callable[[int, int], None]) -> None:
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


def _made(target: Path, settings: Settings, missing: list[range], workers: int) -> Iterator[range]:
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
        from trainers.data.mitsuba_render import use_threads

        use_threads(1)


def make_piece(target: Path, settings: Settings, piece: range) -> range:
    """Make consecutive items: their images, then their lines. Runs in any process, in any order."""
    lines: dict[str, list[Any]] = {METADATA: [], DATA: []}
    drawn = settings.images != "none"
    make = _multiview_item if settings.task == "multiview" else _tvr_item
    for index in piece:
        rows, record = make(target / IMAGES, settings, index)
        lines[METADATA] += rows if drawn else [_without_images(row) for row in rows]
        lines[DATA].append(record)
    for name, records in lines.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        write_whole(_part(target, piece, name), text.encode())
    return piece


def _tvr_item(folder: Path, settings: Settings, index: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Make the images of a scene; return its rows and its record."""
    drawn = settings.images != "none"
    scene = generate_scene(settings.seed, index, attributes=settings.attributes, repeats=settings.repeats)
    if drawn:
        _draw(folder, settings, scene)
    rows = tvr_rows(scene, settings.views, attributes=settings.attributes, size=settings.size)
    return rows, to_record(scene, settings.views, images=drawn)


def _multiview_item(folder: Path, settings: Settings, index: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Make the images of a question; return its row and its record."""
    drawn = settings.images != "none"
    scene, question = ring_item(settings.seed, index)
    paths = [folder / view_image_name(index, view) for view in range(len(scene.quarters))] if drawn else []
    if not all(path.exists() for path in paths):
        for path, image in zip(paths, draw_views(scene, settings.size, settings.images), strict=True):
            write_image(path, image)
    return [ring_row(index, scene, question)], ring_record(index, scene, question, images=drawn)


def _draw(folder: Path, settings: Settings, scene: Scene) -> None:
    wanted = [("center", False), *((view, True) for view in settings.views)]
    for view, final in wanted:
        path = folder / image_name(scene.idx, view, final=final)
        if not path.exists():
            write_image(path, render(scene, view, settings.size, settings.images, final=final))


def _without_images(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "images_file_names"}


def _join(target: Path, settings: Settings, name: str) -> None:
    """Write the pieces of one file one after the other, whole or not at all."""
    partial = target / PARTS / name
    with partial.open("wb") as out:
        for piece in _pieces(settings):
            with _part(target, piece, name).open("rb") as part:
                shutil.copyfileobj(part, out)
    partial.replace(target / name)
