"""MindCube as its owners publish it: raw JSON lines, and those that its scripts make of them.

Source: mll-lab-nu/MindCube 6d8fd9a (README, ``src/prompt_generation``). Scaffold files add
``grounded_cogmap``, prompt files add ``input_prompt`` and ``grounded_output``; one reader takes them all.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import Sample, each, files_in, image_paths, json_lines, read_options
from benchmarks.mindcube.cogmap import extract_map
from benchmarks.mindcube.references import from_map, from_meta
from benchmarks.mindcube.scoring import setting_of
from benchmarks.records import Record, read_letter, read_record, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions

_READ = frozenset({"id", "question", "images", "gt_answer", "input_prompt"})


class MindCubeRecord(Record):
    """A line; ``input_prompt`` is the prompt where a script has written one, the map may be JSON text."""

    images: list[str]
    question: str
    id: str
    input_prompt: str = ""
    gt_answer: str
    grounded_cogmap: Any = None
    meta_info: Any = None


def read_mindcube(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of a ``.jsonl`` file of MindCube.

    The prompt is ``input_prompt`` where the file has it, else the bare question. References come from the
    cognitive map where there is one, else from ``meta_info``.

    Raises:
        ConfigError: the folder holds no or several ``.jsonl`` files.
        DataError: a record or an image is wrong.
    """
    (file,) = files_in(path, (".jsonl",))

    def sample(line: dict[str, Any], where: str) -> Sample:
        record = read_record(MindCubeRecord, line, where)
        images = image_paths(record.images, file, where, root=options.image_root, check=options.check_images)
        extra = {key: value for key, value in line.items() if key not in _READ} | {"question": record.question}
        return _sample(record, images, extra, where)

    yield from each(json_lines(file, options.on_error), sample, options.on_error)


def _sample(record: MindCubeRecord, images: tuple[Path, ...], extra: dict[str, Any], where: str) -> Sample:
    options = read_options(record.question)
    return Sample(
        id=record.id,
        benchmark="mindcube",
        prompt=record.input_prompt if "input_prompt" in record.model_fields_set else record.question,
        images=images,
        target=read_letter(record.gt_answer, "gt_answer", where, options=options),
        options=options,
        category=setting_of(record.id),
        group=str(PurePosixPath(record.images[0]).parent) if record.images else record.id,
        references=_references(record, where),
        extra=extra,
        place=where,
    )


def _references(record: MindCubeRecord, where: str) -> tuple[frozenset[str], ...] | None:
    """Return the references of each image, from the map or else ``meta_info``; None where they do not fit."""
    written = record.grounded_cogmap
    if written:
        cogmap = extract_map(written) if isinstance(written, str) else written
        found = from_map(cogmap) if isinstance(cogmap, dict) else None
        if found is None:
            raise wrong("grounded_cogmap", where, "a cognitive map with objects and views", written)
    else:
        found = from_meta(setting_of(record.id), record.meta_info, record.images)
    return found if found and len(found) == len(record.images) else None
