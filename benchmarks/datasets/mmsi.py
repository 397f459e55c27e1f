"""MMSI-Bench as its owners publish it: the Parquet file, and the table of VLMEvalKit.

Source: OpenRobotLab/MMSI-Bench 4e28bff (README, ``vlmeval/dataset/mmsi_bench.py``).
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import fields
from benchmarks.datasets.files import each, files_in, parquet_rows
from benchmarks.datasets.options import read_options
from benchmarks.mmsi.circular import STRIDE
from benchmarks.mmsi.types import canonical_type
from benchmarks.sample import Sample
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets.files import OnError

_PARQUET = ("id", "images", "question_type", "question", "answer")
_TABLE = ("index", "image", "question", "answer", "category")


def read(path: Path, *, on_error: OnError | None = None) -> Iterator[Sample]:
    """Yield the samples of ``MMSI_bench.parquet`` or ``MMSI_bench.tsv``, told apart by the file's suffix.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no or several such files.
        DataError: a row is wrong.
    """
    (file,) = files_in(path, (".parquet", ".tsv"))
    rows = _table_rows(file) if file.suffix == ".tsv" else parquet_rows(file, _PARQUET)
    yield from each(rows, _from_table if file.suffix == ".tsv" else _from_parquet, on_error)


def _from_parquet(row: dict[str, Any], where: str) -> Sample:
    images = [item["bytes"] if isinstance(item, dict) else item for item in fields.field(row, "images", where)]
    for place, image in enumerate(images):
        if not isinstance(image, bytes):
            raise fields.wrong(f"images[{place}]", where, "the bytes of an image", image)
    extra = {"thought": row.get("thought")}
    return _sample(row, where, str(fields.field(row, "id", where)), "question_type", images=tuple(images), extra=extra)


def _from_table(row: dict[str, Any], where: str) -> Sample:
    index = fields.text(row, "index", where)
    if not index.isdecimal():
        raise fields.wrong("index", where, "a whole number", index)
    extra = {"index": int(index), "rotation": int(index) // STRIDE}
    images = _base64_images(fields.text(row, "image", where), where)
    return _sample(row, where, index, "category", images=images, extra=extra)


def _sample(
    row: dict[str, Any],
    where: str,
    item_id: str,
    kind: str,
    *,
    images: tuple[bytes, ...],
    extra: dict[str, Any],
) -> Sample:
    question = fields.text(row, "question", where)
    options = read_options(question.rpartition("Options:")[2], stop=":", between=",")
    return Sample(
        id=item_id,
        benchmark="mmsi",
        prompt=question,
        images=images,
        target=fields.letter(row, "answer", where, options=options),
        options=options,
        category=canonical_type(fields.text(row, kind, where)),
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
            missing = [name for name in _TABLE if name not in (reader.fieldnames or ())]
            if missing:
                has = ", ".join(reader.fieldnames or ())
                raise DataError(f"{file}:1: column {missing[0]!r} is missing; the table has {has}")
            for row in reader:
                yield f"{file}:{reader.line_num}", row
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a table separated by tabs, in UTF-8 ({error})") from error
    finally:
        csv.field_size_limit(limit)


def _base64_images(cell: str, where: str) -> tuple[bytes, ...]:
    """Return the images of one cell: a JSON array of base64, or base64 itself."""
    try:
        pieces = json.loads(cell) if cell.startswith("[") else [cell]
        return tuple(base64.b64decode(piece, validate=True) for piece in pieces)
    except (ValueError, TypeError, binascii.Error) as error:
        raise fields.wrong("image", where, "base64, or a JSON array of base64", cell) from error
