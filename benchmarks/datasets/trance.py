"""TRANCE as its owners publish it: ``data.jsonl`` with a folder of images, or the packed ``data.h5``.

Source: hughplay/TVR d6b94b3 ``scripts/preprocess.py`` and ``src/dataset/trance.py``. The initial image is
always the center camera's; each camera of the final state is one sample.
"""

from __future__ import annotations

import ast
import io
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import fields
from benchmarks.datasets.files import each, files_in, json_lines, json_object, shown
from benchmarks.datasets.pictures import image_paths
from benchmarks.extras import need
from benchmarks.sample import Image, Sample
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.datasets.files import OnError

CAMERAS = {"center": "Camera_Center", "left": "Camera_Left", "right": "Camera_Right"}
ATTRIBUTES = ("size", "color", "material", "shape")
_VISIBLE = 20  # units of the grid: an object is in view while both of its coordinates are within this


def read(
    path: Path,
    *,
    image_root: Path | None = None,
    check_images: bool = True,
    split: str = "test",
    views: Sequence[str] | None = None,
    on_error: OnError | None = None,
) -> Iterator[Sample]:
    """Yield the samples of TRANCE, one a record and final view.

    Args:
        path: ``data.jsonl``, ``data.h5``, or a folder with one of them (``data.jsonl`` is preferred).
        image_root: folder of the images of ``data.jsonl``; None: ``image`` beside it.
        check_images: whether a missing image is an error.
        split: the split to read from ``data.h5``: train, val or test.
        views: of center, left, right; None: those that a record has.
        on_error: takes what is wrong with a record, which is then left out.

    Raises:
        ConfigError: h5py or pillow is not installed, or there is no such file.
        DataError: a record or an image is wrong.
    """
    file = _data_file(path)
    if file.suffix == ".h5":
        yield from _packed(file, split, views, on_error)
        return

    def samples(record: dict[str, Any], where: str) -> list[Sample]:
        def pictures(names: list[str]) -> tuple[Image, ...]:
            return image_paths(names, file, where, root=image_root, check=check_images)

        return list(_samples(record, where, views, pictures))

    for views_of_one in each(json_lines(file, on_error), samples, on_error):
        yield from views_of_one


def _data_file(path: Path) -> Path:
    if path.is_dir():
        for name in ("data.jsonl", "data.h5"):
            if (path / name).is_file():
                return path / name
    (file,) = files_in(path, (".jsonl", ".h5"))
    return file


def _samples(
    record: dict[str, Any],
    where: str,
    views: Sequence[str] | None,
    pictures: Callable[[list[str]], tuple[Image, ...]],
) -> Iterator[Sample]:
    """Yield one sample a final view."""
    first, last = _state(record, 0, where), _state(record, -1, where)
    steps = _steps(record, len(first["objects"]), where)
    start = _camera(first, "center", "states[0]", where)
    item_id = str(fields.field(record, "idx", where))
    visible = [place for place, thing in enumerate(first["objects"]) if _is_visible(thing)]
    wanted = [view for view, camera in CAMERAS.items() if camera in last["images"]] if views is None else views
    if not wanted:
        raise fields.wrong("states[-1].images", where, f"images of {', '.join(CAMERAS.values())}", last["images"])
    for view in wanted:
        end = _camera(last, view, "states[-1]", where)
        yield Sample(
            id=f"{item_id}-{view}",
            benchmark="tvr",
            prompt=_prompt(first["objects"], visible),
            images=pictures([start, end]),
            target=steps,
            category="basic" if len(steps) == 1 else "event",
            view=view,
            group=item_id,
            extra={
                "idx": record["idx"],
                "initial_objects": first["objects"],
                "final_objects": last["objects"],
                "transformations": list(steps),
                "n_visible": len(visible),
            },
            place=where,
        )


def _state(record: dict[str, Any], place: int, where: str) -> dict[str, Any]:
    states = fields.list_of(dict, record, "states", where)
    if len(states) < 2:
        raise fields.wrong("states", where, "the initial and the final state", states)
    state: dict[str, Any] = states[place]
    inside = f"{where}: states[{place}]"
    objects = fields.list_of(dict, state, "objects", inside)
    for number, thing in enumerate(objects):
        for attribute in ATTRIBUTES:
            fields.text(thing, attribute, f"{inside}.objects[{number}]")
        position = fields.field(thing, "position", f"{inside}.objects[{number}]")
        if not _is_place(position):
            raise fields.wrong(f"objects[{number}].position", inside, "[x, y]", position)
    if not isinstance(fields.field(state, "images", inside), dict):
        raise fields.wrong("images", inside, "an object of camera -> file name", state["images"])
    return state


def _is_place(position: Any) -> bool:
    return isinstance(position, list) and len(position) == 2 and all(isinstance(x, int | float) for x in position)


def _steps(record: dict[str, Any], n_objects: int, where: str) -> tuple[dict[str, Any], ...]:
    steps = fields.list_of(dict, record, "transformations", where)
    for place, step in enumerate(steps):
        inside = f"{where}: transformations[{place}]"
        index = fields.field(step, "obj_idx", inside)
        if type(index) is not int or not 0 <= index < n_objects:
            raise fields.wrong("obj_idx", inside, f"a whole number from 0 to {n_objects - 1}", index)
        if fields.text(step, "attr", inside) not in {*ATTRIBUTES, "position"}:
            raise fields.wrong("attr", inside, f"one of {', '.join(ATTRIBUTES)}, position", step["attr"])
        fields.field(step, "val", inside)
    return tuple(steps)


def _camera(state: dict[str, Any], view: str, state_name: str, where: str) -> str:
    if view not in CAMERAS:
        raise DataError(f"view {view!r} is not one of {', '.join(CAMERAS)}")
    name = state["images"].get(CAMERAS[view])
    if not isinstance(name, str):
        raise fields.wrong(f"{state_name}.images.{CAMERAS[view]}", where, "the name of an image file", name)
    return name


def _is_visible(thing: dict[str, Any]) -> bool:
    return all(abs(coordinate) <= _VISIBLE for coordinate in thing["position"])


def _prompt(objects: list[dict[str, Any]], visible: list[int]) -> str:
    """Return a plain question: TRANCE has none, and an index means nothing without a list of the objects."""
    listed = "\n".join(
        f"{place}: {' '.join(objects[place][attribute] for attribute in ATTRIBUTES)}" for place in visible
    )
    return (
        "The first image shows the initial state of a scene, the second its final state.\n"
        f"Objects at first, as index: size color material shape\n{listed}\n"
        "Which transformations turn the first state into the second? Write each as index.attribute.value."
    )


def _packed(file: Path, split: str, views: Sequence[str] | None, on_error: OnError | None) -> Iterator[Sample]:
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
            def pictures(names: list[str]) -> tuple[Image, ...]:
                return tuple(_png(part["image"], name, where) for name in names)

            if key not in part["data"]:
                raise DataError(f"{where}: missing, but {split}/keys names it; build the file anew")
            return list(_samples(json_object(part["data"][key][()], where), where, views, pictures))

        keys = [(f"{file}:{split}/data/{key}", key) for key in _keys(part, f"{file}:{split}/keys")]
        for views_of_one in each(keys, samples, on_error):
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
