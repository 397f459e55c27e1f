"""SITE-Bench as its owners publish it, and as the tables of VLMEvalKit hold it.

Sources: the card of ``franky-veteran/SITE-Bench``, the repositories that `benchmarks.sitebench.scoring` names. The
owners' are two sets, ``image_test`` and ``video_test``; images and videos are files.
"""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import Sample, each, image_paths, published_files, published_rows
from benchmarks.records import Record, Texts, read_letter, read_record, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
_WATCH = (
    "Select the best answer to the following multiple-choice question based on the video. "
    "Respond with only the letter of the correct option."
)
_ASK = "Give me the answer letter directly. The best answer is:"


class SiteRecord(Record):
    """A question; ``visual`` names its images, or its one video."""

    question: str
    options: Texts
    answer: str
    category: str
    dataset: str
    visual: Texts


class TableRow(Record):
    """A row of VLMEvalKit's ``SiteBenchImage.tsv`` (with ``options`` and ``image_path``) or ``SiteBenchVideo.tsv``."""

    index: str
    question: str
    answer: str
    category: str
    options: Texts | str = ""
    candidates: Texts | str = ""
    image_path: Texts | str = ""
    video_path: str = ""


def read_sitebench(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of SITE-Bench: of one file, or of a folder's files of ``image_test`` and ``video_test``.

    The owners' questions have no ids: theirs is the set's name and their number from 0. The prompt holds ``<image>``
    for each image, where the question does, or else before it.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a record or a file of images is wrong.
    """
    for file in published_files(path, ("*_test*.parquet", "*_test*.jsonl", "*_test*.json")):
        numbers = iter(range(10**9))

        def sample(row: dict[str, Any], where: str, file: Path = file, numbers: Iterator[int] = numbers) -> Sample:
            number = next(numbers)
            if file.suffix != ".tsv":
                record = read_record(SiteRecord, row, where)
                return _sample(record, f"{file.stem.partition('-')[0]}/{number}", file, options, where)
            line = read_record(TableRow, row, where)
            listed, shown = line.options or line.candidates, line.image_path or line.video_path
            visual = [shown] if isinstance(shown, str) else shown
            told = {"options": listed, "visual": visual, "dataset": ""}
            record = read_record(SiteRecord, {**line.model_dump(), **told}, where)
            return _sample(record, line.index, file, options, where)

        model = TableRow if file.suffix == ".tsv" else SiteRecord
        columns = [name for name, field in model.model_fields.items() if field.is_required()]
        yield from each(published_rows(file, columns, options.on_error), sample, options.on_error)


def _sample(record: SiteRecord, item_id: str, file: Path, reading: ReadOptions, where: str) -> Sample:
    if not record.visual:
        raise wrong("visual", where, "a video, or one image or more", record.visual)
    is_video = record.visual[0].lower().endswith(_VIDEOS)
    lines = "\n".join(f"{letter}: {option}" for letter, option in zip(ascii_uppercase, record.options, strict=False))
    question = f"Question: {record.question.strip()}\nOptions:\n{lines}\n"
    marks = "" if is_video or "<image>" in question else "<image>" * len(record.visual) + "\n"
    lead = f"{_WATCH}\n" if is_video else marks
    paths = image_paths(
        record.visual,
        file,
        where,
        root=reading.image_root,
        check=reading.check_images,
        what="video" if is_video else "image",
    )
    options = tuple(record.options)
    return Sample(
        id=item_id,
        benchmark="sitebench",
        prompt=f"{lead}{question}{_ASK}",
        images=() if is_video else paths,
        video=paths[0] if is_video else None,
        target=read_letter(record.answer, "answer", where, options=options),
        options=options,
        category=record.category,
        group=record.visual[0],
        extra={"dataset": record.dataset, "question": f"{record.question.strip()}\nOptions:\n{lines}"},
        place=where,
    )
