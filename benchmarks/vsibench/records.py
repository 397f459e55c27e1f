"""VSI-Bench and ReVSI as their owners publish them, and as the tables of VLMEvalKit hold them.

Sources: the cards of ``nyu-visionx/VSI-Bench`` and ``3dlg-hcvc/ReVSI``; the repositories that
`benchmarks.vsibench.scoring` names. VSI-Bench is JSON Lines or Parquet, with videos at ``<dataset>/<scene_name>.mp4``;
ReVSI is Parquet in one folder a number of frames, with videos at ``<number>_frame/<scene_id>.mp4``.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.datasets import Sample, each, image_paths, published_files, published_rows
from benchmarks.records import Present, Record, Texts, read_letter, read_record, wrong
from benchmarks.strict import bare_options
from benchmarks.vsibench.scoring import REVSI_QUESTIONS, VSIBENCH_QUESTIONS, true_number
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.datasets import ReadOptions
    from benchmarks.vsibench.scoring import Questions

_LEAD = "These are frames of a video."
_CHOOSE = "Answer with the option's letter from the given choices directly."
_NUMBER = {
    "vsibench": "Please answer the question using a single word or phrase.",
    "revsi": "Answer the question using a single integer or decimal number.",
}
"""What the owners ask for, under their evaluation's default settings."""


class Asked(NamedTuple):
    """What is the same in all forms of a question.

    Attributes:
        name: its id.
        video: path of its video, as the owners lay videos out.
        key: under which the answer stands.
        answer: a letter or a number.
        options: of a choice, with their letters.
        extra: what else there is.
    """

    name: str
    video: str
    key: str
    answer: str
    options: list[str] | None
    extra: dict[str, str]


class QuestionRecord(Record):
    """What all forms have."""

    question: str
    question_type: str


class SceneRecord(QuestionRecord):
    """VSI-Bench's own row."""

    id: Present
    dataset: str
    scene_name: str
    ground_truth: Present
    options: Texts | None = None

    def asked(self) -> Asked:
        """Return what is asked about which video."""
        video, extra = f"{self.dataset}/{self.scene_name}.mp4", {"dataset": self.dataset}
        return Asked(str(self.id), video, "ground_truth", str(self.ground_truth), self.options, extra)


class FramesRecord(QuestionRecord):
    """ReVSI's own row."""

    id: Present
    scene_id: str
    num_frames: Present
    ground_truth: Present
    options: Texts | None = None

    def asked(self) -> Asked:
        """Return what is asked about which video."""
        frames = str(self.num_frames)
        video, extra = f"{frames}_frame/{self.scene_id}.mp4", {"num_frames": frames}
        return Asked(str(self.id), video, "ground_truth", str(self.ground_truth), self.options, extra)


class TableRow(QuestionRecord):
    """A row of VLMEvalKit's ``VSI-Bench.tsv``."""

    index: str
    video: str
    answer: str
    candidates: Texts | str = ""

    def asked(self) -> Asked:
        """Return what is asked about which video."""
        options = self.candidates if isinstance(self.candidates, list) else None
        return Asked(self.index, self.video, "answer", self.answer, options, {})


def read_vsibench(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of VSI-Bench: of one file, or of a folder's ``test.jsonl``.

    Raises:
        ConfigError: pyarrow is not installed, or the folder holds no such file.
        DataError: a row is wrong.
    """
    (file,) = published_files(path, ("test.jsonl",))
    model = TableRow if file.suffix == ".tsv" else SceneRecord
    yield from _samples("vsibench", VSIBENCH_QUESTIONS, model, file, options)


def read_revsi(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of ReVSI: of one file, or of a folder such as ``32_frame``.

    Raises:
        ConfigError: pyarrow is not installed, the folder holds no such file, or those of several numbers of frames.
        DataError: a row is wrong.
    """
    files = published_files(path, ("test-*.parquet", "test.parquet", "test.jsonl"))
    folders = sorted({file.parent.name for file in files})
    if len(folders) > 1:
        raise ConfigError(f"{path}: the same questions are in {', '.join(folders)}; name one of them")
    for file in files:
        yield from _samples("revsi", REVSI_QUESTIONS, FramesRecord, file, options)


def _samples(
    benchmark: str,
    questions: Questions,
    model: type[SceneRecord | FramesRecord | TableRow],
    file: Path,
    reading: ReadOptions,
) -> Iterator[Sample]:
    def sample(row: dict[str, Any], where: str) -> Sample:
        record = read_record(model, row, where)
        numeric = _is_numeric(record, questions, where)
        asked = record.asked()
        options = None if numeric else tuple((bare_options(asked.options) or {}).values())
        question = record.question if numeric else "\n".join([record.question, "Options:", *(asked.options or [])])
        target = _target(asked, where, options)
        paths = image_paths(
            [asked.video], file, where, root=reading.image_root, check=reading.check_images, what="video"
        )
        return Sample(
            id=asked.name,
            benchmark=benchmark,
            prompt="\n".join([_LEAD, question, _NUMBER[benchmark] if numeric else _CHOOSE]),
            images=(),
            video=paths[0],
            target=target,
            options=options,
            category=record.question_type,
            group=PurePosixPath(asked.video).stem,
            extra={**asked.extra, "question": question},
            place=where,
        )

    columns = [name for name, field in model.model_fields.items() if field.is_required()]
    yield from each(published_rows(file, columns, reading.on_error), sample, reading.on_error)


def _is_numeric(record: QuestionRecord, questions: Questions, where: str) -> bool:
    try:
        return questions.check(record.question_type) in questions.numeric
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def _target(asked: Asked, where: str, options: tuple[str, ...] | None) -> str:
    """Return the true number, or the letter of an option."""
    if options is not None:
        if not options:
            raise wrong("options", where, "the options of a choice", asked.options)
        return read_letter(asked.answer, asked.key, where, options=options)
    try:
        true_number(asked.answer)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    return asked.answer
