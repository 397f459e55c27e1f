"""BLINK as its owners publish it, and as the table of VLMEvalKit holds it.

Sources: the card of ``BLINK-Benchmark/BLINK``, the repositories that `benchmarks.blink.scoring` names. The owners' is
one folder a task, ``Multi-view_Reasoning`` and so on, with Parquet files of the splits ``val`` and ``test``; answers
are published of ``val`` alone.
"""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import Sample, each, published_files, published_rows
from benchmarks.records import EncodedImages, Record, StoredImage, read_letter, read_record, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions


class BlinkRow(Record):
    """A row of the owners' Parquet files; a question has up to four images."""

    idx: str
    sub_task: str
    question: str
    prompt: str
    choices: list[str]
    answer: str
    image_1: StoredImage | None = None
    image_2: StoredImage | None = None
    image_3: StoredImage | None = None
    image_4: StoredImage | None = None


class TableRow(Record):
    """A row of VLMEvalKit's ``BLINK.tsv``; an absent option is empty text."""

    index: str
    question: str
    answer: str
    category: str
    image: EncodedImages
    A: str
    B: str
    C: str = ""
    D: str = ""


def read_blink(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of BLINK: of one file, or of the split ``val`` of a folder, which may hold one task or all.

    The prompt is the owners' own column; VLMEvalKit's table has none, so there it is made of question and options.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a row is wrong.
    """
    for file in published_files(path, ("val-*.parquet",)):
        if file.suffix == ".tsv":
            columns = [name for name, field in TableRow.model_fields.items() if field.is_required()]
            yield from each(published_rows(file, columns), _from_table, options.on_error)
        else:
            columns = [name for name, field in BlinkRow.model_fields.items() if field.is_required()]
            yield from each(published_rows(file, columns, options.on_error), _from_row, options.on_error)


def _from_row(record: dict[str, Any], where: str) -> Sample:
    row = read_record(BlinkRow, record, where)
    images = [image for image in (row.image_1, row.image_2, row.image_3, row.image_4) if image is not None]
    if row.answer == "hidden":
        raise wrong("answer", where, "a letter; the answers of the split test are not published", row.answer)
    return Sample(
        id=row.idx,
        benchmark="blink",
        prompt=row.prompt,
        images=tuple(images),
        target=read_letter(row.answer.strip("()"), "answer", where, options=tuple(row.choices)),
        options=tuple(row.choices),
        category=row.sub_task,
        group=row.idx,
        extra={"question": row.prompt},
        place=where,
    )


def _from_table(record: dict[str, Any], where: str) -> Sample:
    row = read_record(TableRow, record, where)
    options = tuple(option for option in (row.A, row.B, row.C, row.D) if option)
    lines = [f"({letter}) {option}" for letter, option in zip(ascii_uppercase, options, strict=False)]
    prompt = "\n".join([row.question, *lines])
    return Sample(
        id=row.index,
        benchmark="blink",
        prompt=prompt,
        images=row.image,
        target=read_letter(row.answer, "answer", where, options=options),
        options=options,
        category=row.category,
        group=row.index,
        extra={"question": prompt},
        place=where,
    )
