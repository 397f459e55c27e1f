"""MMSI-Bench as its owners publish it: the Parquet file, and the table of VLMEvalKit.

Source: OpenRobotLab/MMSI-Bench 4e28bff (README, ``vlmeval/dataset/mmsi_bench.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from benchmarks.datasets import Sample, each, files_in, parquet_rows, read_options, table_rows
from benchmarks.mmsi.scoring import STRIDE, canonical_type
from benchmarks.records import EncodedImages, Present, Record, StoredImage, read_letter, read_record, wrong_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions


def _whole_number(text: str) -> str:
    if not text.isdecimal():
        raise wrong_value("a whole number")
    return text


class ParquetRow(Record):
    """A row of ``MMSI_bench.parquet``; an image is bytes, or an object that holds them."""

    images: list[StoredImage]
    id: Present
    question: str
    answer: str
    question_type: str
    thought: Any = None


class TableRow(Record):
    """A row of ``MMSI_bench.tsv``; rotation *i* of the question with index *k* has the index k + i · 10⁶."""

    index: Annotated[str, AfterValidator(_whole_number)]
    image: EncodedImages
    question: str
    answer: str
    category: str


def read_mmsi(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of ``MMSI_bench.parquet`` or ``MMSI_bench.tsv``, told apart by the file's suffix.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no or several such files.
        DataError: a row is wrong.
    """
    (file,) = files_in(path, (".parquet", ".tsv"))
    if file.suffix == ".tsv":
        yield from each(table_rows(file, TableRow.model_fields), _from_table, options.on_error)
    else:
        columns = ("id", "images", "question_type", "question", "answer")
        yield from each(parquet_rows(file, columns), _from_parquet, options.on_error)


def _from_parquet(record: dict[str, Any], where: str) -> Sample:
    row = read_record(ParquetRow, record, where)
    extra = {"thought": row.thought}
    return _sample(row, where, item_id=str(row.id), category=row.question_type, images=tuple(row.images), extra=extra)


def _from_table(record: dict[str, Any], where: str) -> Sample:
    row = read_record(TableRow, record, where)
    extra = {"index": int(row.index), "rotation": int(row.index) // STRIDE}
    return _sample(row, where, item_id=row.index, category=row.category, images=row.image, extra=extra)


def _sample(
    row: ParquetRow | TableRow,
    where: str,
    *,
    item_id: str,
    category: str,
    images: tuple[bytes, ...],
    extra: dict[str, Any],
) -> Sample:
    options = read_options(row.question.rpartition("Options:")[2], stop=":", between=",")
    return Sample(
        id=item_id,
        benchmark="mmsi",
        prompt=row.question,
        images=images,
        target=read_letter(row.answer, "answer", where, options=options),
        options=options,
        category=canonical_type(category),
        group=str(int(item_id) % STRIDE) if item_id.isdecimal() else item_id,
        extra=extra,
        place=where,
    )
