"""SPAR-Bench and SPAR-7M as their owners publish them.

Sources: the cards of ``jasonzhango/SPAR-Bench`` and ``jasonzhango/SPAR-7M``, and fudan-zvg/spar 1679885.

SPAR-Bench is Parquet shards with images inside, or JSON lines with image files. Marks are already drawn in its images,
and it carries no annotation of them, so there are no references. SPAR-7M is JSON lines by task and form, with marks to
be drawn by the user (`benchmarks.spar.marks`): files lie at ``spar/<source>/qa_jsonl/train/<task>/<form>/*.jsonl``,
images at ``spar/<source>/images``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from benchmarks.datasets import Sample, each, files_in, image_paths, json_lines, parquet_rows, read_options
from benchmarks.records import Present, Record, StoredImage, read_letter, read_record, wrong, wrong_value
from benchmarks.spar.marks import marked, marked_names, marks_of, references
from benchmarks.spar.scoring import CHOICE, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import Image, ReadOptions
    from benchmarks.spar.marks import Mark

FORMS = ("fill", "select", "sentence", "judge")
"""SPAR-7M: a number to fill in, a letter to choose, a sentence to write, yes or no."""


def _task(name: str) -> str:
    if name not in TASKS:
        raise wrong_value(f"one of SPAR-Bench's twenty ({', '.join(TASKS[:2])}, ...)")
    return name


class BenchRecord(Record):
    """What both forms of SPAR-Bench have."""

    image: list[Any]
    task: Annotated[str, AfterValidator(_task)]
    question: str
    answer: str
    id: Present


class BenchLine(BenchRecord):
    """A line of SPAR-Bench; images are files."""

    image: list[str]


class BenchRow(BenchRecord):
    """A row of a Parquet shard of SPAR-Bench; images are stored in it."""

    image: list[StoredImage]


class SevenMRecord(Record):
    """A line of SPAR-7M: one exchange of two turns; the keys of its marks are `benchmarks.spar.marks.MarkKeys`."""

    image: list[str]
    conversations: list[dict[str, Any]]
    id: Present
    type: str


class Turn(Record):
    """What one side says."""

    value: str


def read_sparbench(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of SPAR-Bench: of one file, or of a folder's Parquet shards, else its JSON lines.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a row or an image is wrong.
    """
    files = files_in(path, (".parquet", ".jsonl"), several=True)
    for file in [shard for shard in files if shard.suffix == ".parquet"] or files:

        def from_row(record: dict[str, Any], where: str) -> Sample:
            row = read_record(BenchRow, record, where)
            return _bench_sample(row, record, tuple(row.image), where)

        def from_line(record: dict[str, Any], where: str, file: Path = file) -> Sample:
            line = read_record(BenchLine, record, where)
            images = image_paths(line.image, file, where, root=options.image_root, check=options.check_images)
            return _bench_sample(line, record, images, where)

        if file.suffix == ".parquet":
            rows = parquet_rows(file, ("id", "task", "image", "question", "answer"))
            yield from each(rows, from_row, options.on_error)
        else:
            yield from each(json_lines(file, options.on_error), from_line, options.on_error)


def _bench_sample(row: BenchRecord, record: dict[str, Any], images: tuple[Image, ...], where: str) -> Sample:
    options = read_options(row.question) if row.task in CHOICE else None
    answer = row.answer.strip()
    if row.task in CHOICE and answer.lower() not in {"yes", "no"}:
        answer = read_letter(row.answer, "answer", where, options=options)
    return Sample(
        id=str(row.id),
        benchmark="sparbench",
        prompt=row.question,
        images=images,
        target=answer,
        options=options,
        category=row.task,
        group=str(row.id),
        extra={key: record.get(key) for key in ("img_type", "format_type", "source")},
        place=where,
    )


def read_spar7m(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of a SPAR-7M file, or of every ``.jsonl`` file of a folder, by path.

    Marks are drawn only on images that are there. Marked images come as PNG bytes with the marks drawn, others as
    paths.

    Raises:
        ConfigError: pillow is not installed, or the folder holds no such file.
        DataError: a record or an image is wrong.
    """
    for file in files_in(path, (".jsonl",), several=True):
        form = next((parent.name for parent in file.parents if parent.name in FORMS), None)

        def sample(line: dict[str, Any], where: str, file: Path = file, form: str | None = form) -> Sample:
            record = read_record(SevenMRecord, line, where)
            paths = image_paths(record.image, file, where, root=options.image_root, check=options.check_images)
            marks = marks_of(line, len(paths), where)
            extra = {key: value for key, value in line.items() if key not in SevenMRecord.model_fields}
            images = marked(paths, marks) if options.draw_marks else paths
            return _seven_m_sample(record, images, marks, extra | {"form": form}, where)

        yield from each(json_lines(file, options.on_error), sample, options.on_error)


def _seven_m_sample(
    record: SevenMRecord, images: tuple[Image, ...], marks: tuple[Mark, ...], extra: dict[str, Any], where: str
) -> Sample:
    speakers = [turn.get("from") for turn in record.conversations]
    if speakers != ["human", "gpt"]:
        raise wrong("conversations", where, "two turns, from human and from gpt", speakers)
    question, answer = (read_record(Turn, turn, where).value for turn in record.conversations)
    return Sample(
        id=str(record.id),
        benchmark="spar7m",
        prompt=question,
        images=images,
        target=answer.strip(),
        options=read_options(question) if extra["form"] in {"select", None} else None,
        category=record.type,
        group=record.image[0].split("/")[0] if record.image else str(record.id),
        references=references(marks, marked_names(question), len(images)),
        extra=extra,
        place=where,
    )
