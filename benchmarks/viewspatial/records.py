"""ViewSpatial-Bench as its owners publish it, and as the kits hold it.

Sources: the card of ``lidingm/ViewSpatial-Bench``, the repositories that `benchmarks.viewspatial.scoring` names. The
owners' is a JSON array, ``ViewSpatial-Bench.json``, with the paths of images; lmms-eval's is Parquet with images
inside; VLMEvalKit's is a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmarks.datasets import Sample, each, image_paths, published_files, published_rows
from benchmarks.records import Record, StoredImage, Texts, read_letter, read_record, wrong
from benchmarks.viewspatial.scoring import read_choices, scene_of
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import Image, ReadOptions

_FOLDER = "ViewSpatial-Bench/"  # with which the owners' paths begin
_ASK = "\nReply only to the corresponding option.\nAnswer:"


class ViewRecord(Record):
    """A question of the owners' (with the paths of its images) or of lmms-eval's (with the images)."""

    question_type: str
    question: str
    choices: str
    answer: str
    image_path: Texts = Field(default_factory=list)
    images: list[StoredImage] = Field(default_factory=list)


class TableRow(Record):
    """A row of VLMEvalKit's ``ViewSpatialBench.tsv``."""

    index: str
    question_type: str
    question: str
    candidates: str
    answer: str
    image_path: Texts


def read_viewspatial(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of ViewSpatial-Bench: of one file, or of a folder's ``ViewSpatial-Bench.json`` or Parquet.

    A question has no id of its own: it is its number from 0, as in the owners' results.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a record or an image is wrong.
    """
    numbers = iter(range(10**9))
    for file in published_files(path, ("ViewSpatial-Bench.json", "test-*.parquet")):

        def sample(row: dict[str, Any], where: str, file: Path = file) -> Sample:
            number = str(next(numbers))
            if file.suffix == ".tsv":
                line = read_record(TableRow, row, where)
                images: tuple[Image, ...] = _files(line.image_path, file, options, where)
                return _sample(line, line.index, line.candidates, images, where)
            record = read_record(ViewRecord, row, where)
            images = tuple(record.images) or _files(record.image_path, file, options, where)
            return _sample(record, number, record.choices, images, where)

        columns = TableRow.model_fields if file.suffix == ".tsv" else ("question_type", "question", "choices", "answer")
        yield from each(published_rows(file, tuple(columns), options.on_error), sample, options.on_error)


def _files(names: list[str], file: Path, reading: ReadOptions, where: str) -> tuple[Path, ...]:
    """Return the paths of images, in the folder of the owners' name or not."""
    try:
        return image_paths(names, file, where, root=reading.image_root)
    except DataError:
        short = [name.removeprefix(_FOLDER) for name in names]
        return image_paths(short, file, where, root=reading.image_root, check=reading.check_images)


def _sample(record: ViewRecord | TableRow, item_id: str, choices: str, images: tuple[Image, ...], where: str) -> Sample:
    options = tuple((read_choices(choices) or {}).values())
    letter, _, _ = record.answer.partition(".")
    if not images:
        raise wrong("image_path", where, "one image or more", record.image_path)
    return Sample(
        id=item_id,
        benchmark="viewspatial",
        prompt=f"{record.question}{choices}{_ASK}",  # nothing between question and choices, as the owners have it
        images=images,
        target=read_letter(letter, "answer", where, options=options),
        options=options,
        category=record.question_type,
        group=scene_of(record.image_path[0]) if record.image_path else item_id,
        extra={"question": f"{record.question}\n{choices}", "image_path": record.image_path},
        place=where,
    )
