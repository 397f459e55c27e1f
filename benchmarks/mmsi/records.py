"""MMSI-Bench as its owners publish it: the Parquet file, and the table of VLMEvalKit.

Source: OpenRobotLab/MMSI-Bench 4e28bff (README, ``vlmeval/dataset/mmsi_bench.py``).
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator

from benchmarks.datasets import Sample, each, files_in, parquet_rows, read_options
from benchmarks.mmsi.scoring import STRIDE, canonical_type
from benchmarks.records import Present, Record, read_letter, read_record, wrong_value
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions


def _image_bytes(item: Any) -> Any:
    content = item.get("bytes") if isinstance(item, dict) else item
    if not isinstance(content, bytes):
        raise wrong_value("the bytes of an image", content)
    return content


def _whole_number(text: str) -> str:
    if not text.isdecimal():
        raise wrong_value("a whole number")
    return text


def _base64_images(cell: str) -> tuple[bytes, ...]:
    """Return the images of one cell: a JSON array of base64, or base64 itself."""
    try:
        images = json.loads(cell) if cell.startswith("[") else [cell]
        return tuple(base64.b64decode(image, validate=True) for image in images)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise wrong_value("base64, or a JSON array of base64") from None


class ParquetRow(Record):
    """A row of ``MMSI_bench.parquet``; an image is bytes, or an object that holds them."""

    images: list[Annotated[bytes, BeforeValidator(_image_bytes)]]
    id: Present
    question: str
    answer: str
    question_type: str
    thought: Any = None


class TableRow(Record):
    """A row of ``MMSI_bench.tsv``; rotation *i* of the question with index *k* has the index k + i · 10⁶."""

    index: Annotated[str, AfterValidator(_whole_number)]
    image: Annotated[str, AfterValidator(_base64_images)]
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
        yield from each(_table_rows(file), _from_table, options.on_error)
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
    images = cast("tuple[bytes, ...]", row.image)  # what the cell is decoded to
    return _sample(row, where, item_id=row.index, category=row.category, images=images, extra=extra)


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


def _table_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(path:line, row)``; a field may hold megabytes of base64."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t")
            missing = [name for name in TableRow.model_fields if name not in (reader.fieldnames or ())]
            if missing:
                has = ", ".join(reader.fieldnames or ())
                raise DataError(f"{file}:1: column {missing[0]!r} is missing; the table has {has}")
            for row in reader:
                yield f"{file}:{reader.line_num}", row
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a table separated by tabs, in UTF-8 ({error})") from error
    finally:
        csv.field_size_limit(limit)
