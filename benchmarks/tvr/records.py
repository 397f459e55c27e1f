"""TRANCE as its owners publish it: ``data.jsonl`` with a folder of images, or the packed ``data.h5``.

Source: hughplay/TVR d6b94b3 ``scripts/preprocess.py`` and ``src/dataset/trance.py``. The initial image is
always the center camera's; each camera of the final state is one sample.
"""

from __future__ import annotations

import ast
import io
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from benchmarks.datasets import Image, Sample, each, files_in, image_paths, json_lines, json_object
from benchmarks.extras import need
from benchmarks.records import Present, Record, expected, read_record, wrong, wrong_value
from benchmarks.tvr.world import CAMERA_NAMES, SPOKEN_ORDER, VISIBLE
from rewards.errors import DataError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.datasets import ReadOptions


def _place(position: Any) -> Any:
    if not isinstance(position, list) or len(position) != 2 or not all(isinstance(x, int | float) for x in position):
        raise wrong_value("[x, y]")
    return position


def _attribute(name: str) -> str:
    if name not in {*SPOKEN_ORDER, "position"}:
        raise wrong_value(f"one of {', '.join(SPOKEN_ORDER)}, position")
    return name


class SceneObject(Record):
    """An object of a scene; its position in units of the grid, see `benchmarks.tvr.world`."""

    size: str
    color: str
    material: str
    shape: str
    position: Annotated[Present, AfterValidator(_place)]


class SceneState(Record):
    """A scene before or after, and the images that show it: camera -> file name."""

    objects: list[SceneObject]
    images: Annotated[dict[str, Any], expected("an object of camera -> file name")]


class Step(Record):
    """A transformation; a move's value is ``[direction, steps]``."""

    obj_idx: Present
    attr: Annotated[str, AfterValidator(_attribute)]
    val: Present


class TranceRecord(Record):
    """A line of ``data.jsonl``; of its states the first and the last are read."""

    states: list[dict[str, Any]]
    transformations: list[dict[str, Any]]
    idx: Present


def read_trance(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of TRANCE, one a record and final view.

    The path is ``data.jsonl``, ``data.h5``, or a folder with one of them (``data.jsonl`` is preferred); the images of
    ``data.jsonl`` are in ``image`` beside it, unless the options name their folder.

    Raises:
        ConfigError: h5py or pillow is not installed, or there is no such file.
        DataError: a record or an image is wrong.
    """
    file = _data_file(path)
    if file.suffix == ".h5":
        yield from _packed(file, options)
        return

    def samples(record: dict[str, Any], where: str) -> list[Sample]:
        def images(names: list[str]) -> tuple[Image, ...]:
            return image_paths(names, file, where, root=options.image_root, check=options.check_images)

        return list(_samples(record, where, options.views, images))

    for views_of_one in each(json_lines(file, options.on_error), samples, options.on_error):
        yield from views_of_one


def _data_file(path: Path) -> Path:
    if path.is_dir():
        for name in ("data.jsonl", "data.h5"):
            if (path / name).is_file():
                return path / name
    (file,) = files_in(path, (".jsonl", ".h5"))
    return file


def _samples(
    line: dict[str, Any],
    where: str,
    views: Sequence[str] | None,
    images: Callable[[list[str]], tuple[Image, ...]],
) -> Iterator[Sample]:
    """Yield one sample a final view."""
    record = read_record(TranceRecord, line, where)
    if len(record.states) < 2:
        raise wrong("states", where, "the initial and the final state", record.states)
    first, last = record.states[0], record.states[-1]
    read_record(SceneState, first, where, inside="states[0]")
    read_record(SceneState, last, where, inside="states[-1]")
    _check_steps(record.transformations, len(first["objects"]), where)
    start = _camera(first, "center", "states[0]", where)
    visible = [place for place, thing in enumerate(first["objects"]) if _is_visible(thing)]
    wanted = [view for view, camera in CAMERA_NAMES.items() if camera in last["images"]] if views is None else views
    if not wanted:
        raise wrong("states[-1].images", where, f"images of {', '.join(CAMERA_NAMES.values())}", last["images"])
    for view in wanted:
        end = _camera(last, view, "states[-1]", where)
        yield Sample(
            id=f"{record.idx}-{view}",
            benchmark="tvr",
            prompt=_prompt(first["objects"], visible),
            images=images([start, end]),
            target=tuple(line["transformations"]),
            category="basic" if len(record.transformations) == 1 else "event",
            view=view,
            group=str(record.idx),
            extra={
                "idx": record.idx,
                "initial_objects": first["objects"],
                "final_objects": last["objects"],
                "transformations": list(line["transformations"]),
                "n_visible": len(visible),
            },
            place=where,
        )


def _check_steps(steps: list[dict[str, Any]], n_objects: int, where: str) -> None:
    for place, step in enumerate(steps):
        inside = f"{where}: transformations[{place}]"
        index = read_record(Step, step, inside).obj_idx
        if type(index) is not int or not 0 <= index < n_objects:
            raise wrong("obj_idx", inside, f"a whole number from 0 to {n_objects - 1}", index)


def _camera(state: dict[str, Any], view: str, state_name: str, where: str) -> str:
    if view not in CAMERA_NAMES:
        raise DataError(f"view {view!r} is not one of {', '.join(CAMERA_NAMES)}")
    name = state["images"].get(CAMERA_NAMES[view])
    if not isinstance(name, str):
        raise wrong(f"{state_name}.images.{CAMERA_NAMES[view]}", where, "the name of an image file", name)
    return name


def _is_visible(thing: dict[str, Any]) -> bool:
    return all(abs(coordinate) <= VISIBLE for coordinate in thing["position"])


def _prompt(objects: list[dict[str, Any]], visible: list[int]) -> str:
    """Return a plain question: TRANCE has none, and an index means nothing without a list of the objects."""
    listed = "\n".join(
        f"{place}: {' '.join(objects[place][attribute] for attribute in SPOKEN_ORDER)}" for place in visible
    )
    return (
        "The first image shows the initial state of a scene, the second its final state.\n"
        f"Objects at first, as index: size color material shape\n{listed}\n"
        "Which transformations turn the first state into the second? Write each as index.attribute.value."
    )


def _packed(file: Path, options: ReadOptions) -> Iterator[Sample]:
    split = options.split
    h5py = need("h5py", package="h5py", purpose=f"reading {file.name}")
    try:
        opened = h5py.File(file, "r")
    except OSError as error:
        raise DataError(f"{file}: expected an HDF5 file ({error})") from error
    with opened as data:
        if split not in data:
            raise DataError(f"{file}: split {split!r} is missing; the file has {', '.join(data)}")
        part = data[split]

        def samples(key: str, where: str) -> list[Sample]:
            def images(names: list[str]) -> tuple[Image, ...]:
                return tuple(_png(part["image"], name, where) for name in names)

            if key not in part["data"]:
                raise DataError(f"{where}: missing, but {split}/keys names it; build the file anew")
            return list(_samples(json_object(part["data"][key][()], where), where, options.views, images))

        keys = [(f"{file}:{split}/data/{key}", key) for key in _keys(part, f"{file}:{split}/keys")]
        for views_of_one in each(keys, samples, options.on_error):
            yield from views_of_one


def _keys(part: Any, where: str) -> list[str]:
    """Return the split's keys, which are stored as the text of a Python list."""
    for name in ("keys", "data", "image"):
        if name not in part:
            raise DataError(f"{where.rpartition('/')[0]}/{name}: missing; a split has keys, data and image")
    written = part["keys"][()]
    try:
        keys = ast.literal_eval(written.decode() if isinstance(written, bytes) else written)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise DataError(f"{where}: expected the text of a Python list, found {shown(written)}") from error
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise DataError(f"{where}: expected the text of a Python list of names, found {shown(written)}")
    return keys


def _png(images: Any, name: str, where: str) -> bytes:
    if name not in images:
        raise DataError(f"{where}: image {name!r} is not in the file; build the file anew")
    pil = need("PIL.Image", package="pillow", purpose="reading the images of data.h5")
    buffer = io.BytesIO()
    pil.fromarray(images[name][..., :3]).save(buffer, format="PNG")
    return buffer.getvalue()
