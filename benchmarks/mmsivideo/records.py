"""MMSI-Video-Bench as its owners publish it, and as the table of VLMEvalKit holds it.

Sources: the repository that `benchmarks.mmsivideo.scoring` names (README, ``dataset.py``, ``models/api.py``). The
owners' is a JSON array, ``mmsivideo.json``, beside folders ``frames`` and ``ref_images``.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.datasets import Sample, each, image_paths, published_files, published_rows
from benchmarks.records import Record, TextLists, Texts, read_letter, read_record, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.datasets import ReadOptions

FRAMES: Final = 50
"""Of all videos of a question, as in the owners' setting Uniform-50."""


class VideoRecord(Record):
    """What all forms have: the parts of the prompt, in which ``<video>`` and ``<image>`` stand for what is shown."""

    system_prompt: str
    task_prompt: str
    user_prompt: str
    format_prompt: str
    ref_images: Texts


class OwnRecord(VideoRecord):
    """A question of ``mmsivideo.json``."""

    id: str
    type: str
    ground_truth: str
    frames_list: TextLists

    def asked(self) -> Asked:
        """Return what is asked about which frames."""
        frames = [[f"frames/{name}" for name in video] for video in self.frames_list]
        images = [f"ref_images/{name}" for name in self.ref_images]
        return Asked(self.id, self.type, "ground_truth", self.ground_truth, frames, images)


class TableRow(VideoRecord):
    """A row of VLMEvalKit's ``MMSIVideoBench.tsv``."""

    index: str
    image_path: TextLists
    answer: str
    task_type: str
    sub_task_type: str

    def asked(self) -> Asked:
        """Return what is asked about which frames."""
        named = self.task_type == self.sub_task_type
        kind = self.task_type if named else f"({self.task_type}) {self.sub_task_type}"
        return Asked(self.index, kind, "answer", self.answer, self.image_path, self.ref_images)


class Asked(NamedTuple):
    """What is the same in all forms of a question.

    Attributes:
        name: its id.
        kind: its type.
        key: under which the answer stands.
        answer: a letter.
        frames: paths of each video's frames.
        images: paths of other images.
    """

    name: str
    kind: str
    key: str
    answer: str
    frames: list[list[str]]
    images: list[str]


def read_mmsivideo(path: Path, options: ReadOptions) -> Iterator[Sample]:
    """Yield the samples of MMSI-Video-Bench: of one file, or of a folder's ``mmsivideo.json``.

    Videos are given by their frames: `FRAMES` in all, or as many as the options say, spread evenly over all videos of a
    question, with at least one of each. The prompt holds ``<image>`` for each image.

    Raises:
        ConfigError: the folder holds no such file.
        DataError: a record or an image is wrong.
    """
    (file,) = published_files(path, ("mmsivideo.json",))
    model: type[OwnRecord | TableRow] = TableRow if file.suffix == ".tsv" else OwnRecord

    def sample(row: dict[str, Any], where: str) -> Sample:
        record = read_record(model, row, where)
        asked = record.asked()
        chosen = spread([len(video) for video in asked.frames], options.frames or FRAMES)
        videos = [[video[at] for at in places] for video, places in zip(asked.frames, chosen, strict=True)]
        question, names = _filled(record.user_prompt, videos, asked.images, where)
        return Sample(
            id=asked.name,
            benchmark="mmsivideo",
            prompt=f"{record.task_prompt}{question}{record.format_prompt}",
            images=image_paths(names, file, where, root=options.image_root, check=options.check_images),
            target=read_letter(asked.answer, asked.key, where, options=None),
            category=asked.kind,
            group=PurePosixPath(asked.frames[0][0]).parent.name if asked.frames and asked.frames[0] else asked.name,
            extra={"system_prompt": record.system_prompt, "question": question},
            place=where,
        )

    columns = [name for name, field in model.model_fields.items() if field.is_required()]
    yield from each(published_rows(file, columns, options.on_error), sample, options.on_error)


def spread(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Choose frames of several videos evenly, as if these were one; at least one of each.

    Args:
        lengths: frames of each video.
        most: frames in all; where there are no more, all are chosen.

    >>> spread([4, 2], 3), spread([2, 1], 8)
    ([[0, 2], [1]], [[0, 1], [0]])
    """
    total = sum(lengths)
    if total <= most:
        return [list(range(length)) for length in lengths]
    step = (total - 1) / (most - 1) if most > 1 else 0.0
    places = [int(number * step) for number in range(most)]
    chosen, start = [], 0
    for length in lengths:
        inside = [place - start for place in places if start <= place < start + length]
        chosen.append(inside or [0] * bool(length))
        start += length
    return chosen


def _filled(text: str, videos: list[list[str]], images: list[str], where: str) -> tuple[str, list[str]]:
    """Return a prompt with ``<image>`` for each frame of each video, and the images in the order of these marks."""
    if (text.count("<video>"), text.count("<image>")) != (len(videos), len(images)):
        raise wrong("user_prompt", where, f"{len(videos)} <video> and {len(images)} <image>", text)
    shown = {"<video>": iter(videos), "<image>": iter([[image] for image in images])}
    parts = [(part, next(shown[part]) if part in shown else None) for part in re.split("(<video>|<image>)", text)]
    names = [name for _, some in parts for name in some or []]
    return "".join(part if some is None else "<image>" * len(some) for part, some in parts), names
