"""SPAR-Bench as its owners publish it: Parquet shards with images inside, or JSON lines with image files.

Source: the card of ``jasonzhango/SPAR-Bench`` and fudan-zvg/spar 1679885. Marks are already drawn in its
images, and it carries no annotation of them, so there are no references.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.datasets import fields
from benchmarks.datasets.files import each, files_in, json_lines, parquet_rows
from benchmarks.datasets.options import read_options
from benchmarks.datasets.pictures import image_paths
from benchmarks.sample import Image, Sample
from benchmarks.sparbench.tasks import CHOICE, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets.files import OnError

_COLUMNS = ("id", "task", "image", "question", "answer")


def read(
    path: Path, *, image_root: Path | None = None, check_images: bool = True, on_error: OnError | None = None
) -> Iterator[Sample]:
    """Yield the samples of SPAR-Bench: of one file, or of a folder's Parquet shards, else its JSON lines.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a row or an image is wrong.
    """
    for file in _files(path):

        def sample(row: dict[str, Any], where: str, file: Path = file) -> Sample:
            if file.suffix == ".parquet":
                return _sample(row, where, _stored_images(row, where))
            names = fields.list_of(str, row, "image", where)
            return _sample(row, where, image_paths(names, file, where, root=image_root, check=check_images))

        rows = parquet_rows(file, _COLUMNS) if file.suffix == ".parquet" else json_lines(file, on_error)
        yield from each(rows, sample, on_error)


def _files(path: Path) -> list[Path]:
    files = files_in(path, (".parquet", ".jsonl"), several=True)
    shards = [file for file in files if file.suffix == ".parquet"]
    return shards or files


def _stored_images(row: dict[str, Any], where: str) -> tuple[bytes, ...]:
    images = fields.field(row, "image", where)
    for place, image in enumerate(images):
        if not isinstance(image, dict) or not isinstance(image.get("bytes"), bytes):
            raise fields.wrong(f"image[{place}]", where, "a stored image with its bytes", image)
    return tuple(image["bytes"] for image in images)


def _sample(row: dict[str, Any], where: str, images: tuple[Image, ...]) -> Sample:
    task, question = fields.text(row, "task", where), fields.text(row, "question", where)
    if task not in TASKS:
        raise fields.wrong("task", where, f"one of SPAR-Bench's twenty ({', '.join(TASKS[:2])}, ...)", task)
    options = read_options(question) if task in CHOICE else None
    answer = fields.text(row, "answer", where).strip()
    if task in CHOICE and answer.lower() not in {"yes", "no"}:
        answer = fields.letter(row, "answer", where, options=options)
    item_id = str(fields.field(row, "id", where))
    return Sample(
        id=item_id,
        benchmark="sparbench",
        prompt=question,
        images=images,
        target=answer,
        options=options,
        category=task,
        group=item_id,
        extra={key: row.get(key) for key in ("img_type", "format_type", "source")},
        place=where,
    )
