"""MindCube as its owners publish it: raw JSON lines, and those that its scripts make of them.

Source: mll-lab-nu/MindCube 6d8fd9a (README, ``src/prompt_generation``). Scaffold files add
``grounded_cogmap``, prompt files add ``input_prompt`` and ``grounded_output``; one reader takes them all.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import fields
from benchmarks.datasets.files import each, files_in, json_lines
from benchmarks.datasets.mindcube_references import from_map, from_meta
from benchmarks.datasets.options import read_options
from benchmarks.datasets.pictures import image_paths
from benchmarks.mindcube.cogmap_text import extract_map
from benchmarks.mindcube.settings import setting_of
from benchmarks.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets.files import OnError

_READ = frozenset({"id", "question", "images", "gt_answer", "input_prompt"})


def read(
    path: Path, *, image_root: Path | None = None, check_images: bool = True, on_error: OnError | None = None
) -> Iterator[Sample]:
    """Yield the samples of a ``.jsonl`` file of MindCube.

    The prompt is ``input_prompt`` where the file has it, else the bare question. References come from the
    cognitive map where there is one, else from ``meta_info``.

    Raises:
        ConfigError: the folder holds no or several ``.jsonl`` files.
        DataError: a record or an image is wrong.
    """
    (file,) = files_in(path, (".jsonl",))

    def sample(record: dict[str, Any], where: str) -> Sample:
        names = fields.list_of(str, record, "images", where)
        return _sample(record, names, where, image_paths(names, file, where, root=image_root, check=check_images))

    yield from each(json_lines(file, on_error), sample, on_error)


def _sample(record: dict[str, Any], names: list[str], where: str, images: tuple[Path, ...]) -> Sample:
    question = fields.text(record, "question", where)
    options = read_options(question)
    item_id = fields.text(record, "id", where)
    return Sample(
        id=item_id,
        benchmark="mindcube",
        prompt=fields.text(record, "input_prompt", where) if "input_prompt" in record else question,
        images=images,
        target=fields.letter(record, "gt_answer", where, options=options),
        options=options,
        category=setting_of(item_id),
        group=str(PurePosixPath(names[0]).parent) if names else item_id,
        references=_references(record, names, where),
        extra={key: value for key, value in record.items() if key not in _READ} | {"question": question},
        place=where,
    )


def _references(record: dict[str, Any], names: list[str], where: str) -> tuple[frozenset[str], ...] | None:
    """Return the references of each image, from the map or else ``meta_info``; None where they do not fit."""
    written = record.get("grounded_cogmap")
    if written:
        cogmap = extract_map(written) if isinstance(written, str) else written
        found = from_map(cogmap) if isinstance(cogmap, dict) else None
        if found is None:
            raise fields.wrong("grounded_cogmap", where, "a cognitive map with objects and views", written)
    else:
        found = from_meta(setting_of(record["id"]), record.get("meta_info"), names)
    return found if found and len(found) == len(names) else None
