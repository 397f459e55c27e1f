"""What a model is asked: the rows of a data set, or the questions of a benchmark, with their own images or with others.

A model that answers as well without its images does not look at them. So the images of a question can be left out
(``none``), put into another order (``shuffled``), or be those of another question (``swapped``); the rest stays.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, get_args

import numpy as np

from benchmarks.benchmark import known_columns
from benchmarks.datasets import load, local_copy
from benchmarks.extras import need
from benchmarks.registry import DATA_SETS, find_benchmark
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from rewards.spec import QuestionSpec
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt
from trainers.data.chat_messages import check_inside
from trainers.rows import IMAGE_COLUMNS, load_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.benchmark import Benchmark
    from benchmarks.datasets import Sample

Shown = Literal["all", "none", "shuffled", "swapped"]
SHOWN: Final = get_args(Shown)
"""Which images are shown, see above."""
FRAMES: Final = 32
"""Of a video that is given as a file, where nobody says how many."""
MARK: Final = "<image>"
"""Stands in a benchmark's prompt for an image; without such marks the images come first."""
KEPT: Final = (*TARGET_COLUMNS, "task", "references", "relations", "options", "view", "category", "scene")
"""Columns of the data that predictions carry along, so that they can be scored."""
_TRIED: Final = 100  # other questions that are looked at for one of another scene with as many images


class Question(NamedTuple):
    """One thing to ask.

    Attributes:
        name: its id.
        prompt_id: of the prompt, which several rows may share.
        messages: as chat templates take them; content is text, or parts, in which an image is ``{"type": "image"}``.
        images: PIL images, in the order of these parts; where there are no parts, they come first.
        kept: columns that a prediction carries along, so that it can be scored.
    """

    name: str
    prompt_id: str
    messages: list[dict[str, Any]]
    images: list[Any]
    kept: dict[str, Any]

    def in_parts(self) -> list[dict[str, Any]]:
        """Return the messages with all content in parts, images as ``{"type": "image", "image": ...}``."""
        shown = iter(self.images)
        asked = next((at for at, message in enumerate(self.messages) if message["role"] == "user"), None)
        found = []
        for at, message in enumerate(self.messages):
            content = message["content"]
            if isinstance(content, str):
                first = [{"type": "image"}] * len(self.images) if at == asked else []
                content = [*first, {"type": "text", "text": content}]
            filled = [{"type": "image", "image": next(shown)} if part["type"] == "image" else part for part in content]
            found.append({**message, "content": filled})
        return found

    def prompt_hash(self) -> str:
        """Return a digest of the texts that are asked; images do not count."""
        said = [(message["role"], _text_of(message["content"])) for message in self.messages]
        return blake2b(repr(said).encode("utf-8", "replace"), digest_size=8).hexdigest()


def sample_name(question: Question, sample: int, samples: int) -> str:
    """Return the id of one of several completions of a prompt."""
    return question.name if samples == 1 else f"{question.name}#{sample}"


def prediction_row(
    question: Question, name: str, completion: str | None, made_with: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a row of predictions: what was asked and answered, with what scores it, and how it was made."""
    return {
        "id": name,
        "prompt_id": question.prompt_id,
        "completion": completion,
        **question.kept,
        "prompt_hash": question.prompt_hash(),
        "made_with": {key: value for key, value in made_with.items() if value is not None},
    }


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)


class Asked(Protocol):
    """Questions in order, each made when it is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, number: int) -> Question:
        """Return one of them."""

    def images_of(self, number: int) -> list[Any]:
        """Return the images of one of them."""

    def count_of(self, number: int) -> int:
        """Return how many images one of them has, as far as that is known without opening them."""

    def scene_of(self, number: int) -> Any:
        """Return what questions share that may show the same images; None where that is not known."""


def ask(
    data: str,
    *,
    benchmark: str | None = None,
    prompt: Literal["owners", "star"] = "owners",
    images: Shown = "all",
    frames: int | None = None,
    split: str = "test",
    limit: int | None = None,
    system_prompt: str | None = None,
    seed: int = 0,
    image_roots: Sequence[Path] | None = None,
) -> Asked:
    """Return what a model is to be asked.

    Args:
        data: rows, see `trainers.rows.load_rows`; or the files of a benchmark, see `benchmarks.datasets.load`.
        benchmark: whose files they are; None: rows.
        prompt: of a benchmark, its owners' or that of our task for such answers, which asks for tags.
        images: which images are shown.
        frames: of each video, or of all videos of a question where these are given as frames; None: `FRAMES`, or as the
            owners do.
        split: of data sets that have some.
        limit: the first so many.
        system_prompt: put before each prompt that has none.
        seed: of the images that are shown.
        image_roots: folders that image files must lie in, unless in that of the data; None: anywhere.

    Raises:
        ConfigError: there are no such data, or an option makes no sense with them.
        DataError: the data lack prompts, or a record is wrong.
    """
    if images not in SHOWN:
        raise ConfigError(f"images {images!r} is not one of {', '.join(SHOWN)}")
    asked: Asked
    if benchmark is None:
        if prompt != "owners":
            raise ConfigError(f"prompt {prompt!r} is about benchmarks; rows have prompts of their own")
        asked = Rows(data, split, limit, system_prompt, image_roots)
    else:
        asked = Samples(
            data,
            benchmark,
            prompt=prompt,
            frames=frames,
            limit=limit,
            system_prompt=system_prompt,
            image_roots=image_roots,
        )
    if not len(asked):
        raise DataError(f"{data}: there is nothing to ask")
    least = 2 if images == "shuffled" else 1
    if images != "all" and all(asked.count_of(number) < least for number in range(len(asked))):
        have = "no question has images" if least == 1 else "no question has several images"
        raise ConfigError(f"{data}: {have}, so --images {images} would change nothing")
    return asked if images == "all" else OtherImages(asked, images, seed)


class Rows:
    """The rows of a data set as questions."""

    def __init__(
        self,
        data: str,
        split: str,
        limit: int | None,
        system_prompt: str | None,
        image_roots: Sequence[Path] | None,
    ) -> None:
        self._rows = load_rows(data, split=split, limit=limit, system_prompt=system_prompt)
        if not hasattr(self._rows, "__len__"):
            raise ConfigError(f"{data} is an endless stream; predictions need a data set with an end")
        self._plain = self._rows.with_format(None)
        folder = Path(data) if Path(data).is_dir() else Path(data).parent
        self._folders = None if image_roots is None else [folder, *image_roots]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Question:
        row = self._row(number)
        name = str(row.get("id", row.get("idx", number)))
        kept = {key: row[key] for key in KEPT if row.get(key) is not None}
        return Question(name, str(row.get("prompt_id") or name), row["prompt"], list(row.get("images") or []), kept)

    def images_of(self, number: int) -> list[Any]:
        """Return the images of a row."""
        return list(self._row(number).get("images") or [])

    def _row(self, number: int) -> Any:
        """Return a row, its images opened; those that are files only where they may lie."""
        if self._folders is not None:
            column = next((name for name in IMAGE_COLUMNS if name in self._plain.column_names), None)
            found = None if column is None else self._plain[number][column]
            for each in found if isinstance(found, list) else [found]:
                path = each.get("path") if isinstance(each, dict) and each.get("bytes") is None else each
                if isinstance(path, str):
                    check_inside(self._rows.format["format_kwargs"]["transform"].folder / path, self._folders)
        return self._rows[number]

    def count_of(self, number: int) -> int:
        """Return how many images a row has."""
        name = next((name for name in IMAGE_COLUMNS if name in self._plain.column_names), None)
        found = None if name is None else self._plain[number][name]
        return len(found) if isinstance(found, list) else int(found is not None)

    def scene_of(self, number: int) -> Any:
        """Return the scene of a row."""
        return self._plain[number]["scene"] if "scene" in self._plain.column_names else None


class Samples:
    """The questions of a benchmark."""

    def __init__(
        self,
        data: str,
        benchmark: str,
        *,
        prompt: Literal["owners", "star"],
        frames: int | None,
        limit: int | None,
        system_prompt: str | None,
        image_roots: Sequence[Path] | None,
    ) -> None:
        self._benchmark = find_benchmark(benchmark)
        if benchmark not in DATA_SETS:
            raise ConfigError(f"there is no reader of the files of {benchmark}; there are {', '.join(DATA_SETS)}")
        self._frames, self._prompt, self._system_prompt = frames, prompt, system_prompt
        source = local_copy(data)
        folder = source if source.is_dir() else source.parent
        self._folders = None if image_roots is None else [folder, *image_roots]
        found = load(benchmark, source, frames=frames)
        self._samples = [sample for _, sample in zip(range(limit), found, strict=False)] if limit else list(found)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, number: int) -> Question:
        sample = self._samples[number]
        images = self.images_of(number)
        text = sample.prompt if self._prompt == "owners" else _own_prompt(sample, self._benchmark)
        system = self._system_prompt or sample.extra.get("system_prompt")
        messages = [{"role": "user", "content": _with_marks(text, len(images))}]
        return Question(
            sample.id,
            sample.id,
            [*([{"role": "system", "content": system}] if system else []), *messages],
            images,
            scored_columns(sample, self._benchmark),
        )

    def images_of(self, number: int) -> list[Any]:
        """Return the images of a question, or frames of its video."""
        sample = self._samples[number]
        if self._folders is not None:
            for file in (sample.video, *sample.images):
                if isinstance(file, Path):
                    check_inside(file, self._folders)
        if sample.video is not None:
            return video_frames(sample.video, self._frames or FRAMES)
        return [_opened(image, sample.place) for image in sample.images]

    def count_of(self, number: int) -> int:
        """Return how many images a question has; of a video, how many frames are asked for."""
        sample = self._samples[number]
        return len(sample.images) if sample.video is None else (self._frames or FRAMES)

    def scene_of(self, number: int) -> Any:
        """Return the scene of a question."""
        return self._samples[number].group


def scored_columns(sample: Sample, benchmark: Benchmark) -> dict[str, Any]:
    """Return the columns of a question that its benchmark's scorers read."""
    named = {name for names in known_columns(benchmark).values() for name in names}
    plain = {
        "target": list(sample.target) if isinstance(sample.target, tuple) else sample.target,
        "options": list(sample.options) if sample.options else None,
        "category": sample.category,
        "scene": sample.group,
        "view": sample.view,
    }
    extra = {name: value for name, value in sample.extra.items() if name in named and name not in plain}
    return {name: value for name, value in (extra | plain).items() if value is not None}


def _own_prompt(sample: Sample, benchmark: Benchmark) -> str:
    """Return a question with the prompt of our task for its kind of answer."""
    for name in benchmark.tasks:
        task = load_task(name)
        is_choice = not isinstance(task.spec, QuestionSpec) or task.spec.kind != "number"
        if is_choice == (sample.options is not None):
            question = str(sample.extra.get("question", sample.prompt)).replace(MARK, "")
            return fill_prompt(task, {"question": question})
    raise ConfigError(f"there is no task for the questions of {benchmark.name}; ask with its owners' prompt")


def _with_marks(text: str, images: int) -> Any:
    """Return a prompt in parts, where it has a mark for each image; else the text without marks."""
    pieces = text.split(MARK)
    if len(pieces) != images + 1 or not images:
        return text.replace(MARK, "")
    parts: list[dict[str, Any]] = []
    for number, piece in enumerate(pieces):
        parts += [{"type": "image"}] if number else []
        parts += [{"type": "text", "text": piece}] if piece else []
    return parts


def _opened(image: Path | bytes, place: str) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            return opened.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{place}: an image does not open: {error}") from None


def video_frames(path: Path, count: int) -> list[Any]:
    """Return frames of a video, spread evenly from the first to the last, as PIL images.

    Args:
        path: the file.
        count: how many; fewer where the video has fewer.

    Raises:
        ConfigError: PyAV is not installed.
        DataError: the file is no video.
    """
    av = need("av", package="'star-r1[video]'", purpose=f"reading {path.name}")
    try:
        with av.open(str(path)) as video:
            total = sum(1 for _ in video.decode(video=0))
        wanted = set(np.linspace(0, total - 1, min(count, total), dtype=int).tolist()) if total else set()
        with av.open(str(path)) as video:
            frames = [frame.to_image() for at, frame in enumerate(video.decode(video=0)) if at in wanted]
    except (OSError, ValueError, IndexError) as error:  # av's own errors are both
        raise DataError(f"{path}: not a video that can be read: {error}") from None
    if not frames:
        raise DataError(f"{path}: a video without frames")
    return frames


@dataclass(frozen=True, slots=True)
class OtherImages:
    """Questions with other images than their own.

    Attributes:
        asked: the questions.
        shown: ``none``, ``shuffled`` (another order, of two images or more) or ``swapped`` (those of another question,
            of another scene and with as many images where there is one; else as many of its images as are needed).
        seed: of the draws, which depend on it and the question's number alone.
    """

    asked: Asked
    shown: Shown
    seed: int

    def __len__(self) -> int:
        return len(self.asked)

    def __getitem__(self, number: int) -> Question:
        question = self.asked[number]
        if self.shown == "none":
            messages = [{**each, "content": _without_images(each["content"])} for each in question.messages]
            return question._replace(messages=messages, images=[])
        return question._replace(images=self.images_of(number))

    def images_of(self, number: int) -> list[Any]:
        """Return the images that are shown with a question."""
        own = [] if self.shown == "none" else self.asked.images_of(number)
        if not own:
            return []
        rng = np.random.default_rng([self.seed, number])
        if self.shown == "shuffled":
            order = rng.permutation(len(own)).tolist()
            order = order if len(own) < 2 or order != sorted(order) else [*order[1:], order[0]]
            return [own[at] for at in order]
        other = self.asked.images_of(self._other(number, rng))
        return [other[at % len(other)] for at in range(len(own))]

    def count_of(self, number: int) -> int:
        """Return how many images are shown with a question."""
        return 0 if self.shown == "none" else self.asked.count_of(number)

    def scene_of(self, number: int) -> Any:
        """Return the scene of a question."""
        return self.asked.scene_of(number)

    def _other(self, number: int, rng: np.random.Generator) -> int:
        """Return another question: of another scene and with as many images, if some of those tried are."""
        scene, found = self.scene_of(number), None
        for other in rng.permutation(len(self))[:_TRIED].tolist():
            if (
                other == number
                or (scene is not None and self.scene_of(other) == scene)
                or not self.asked.count_of(other)
            ):
                continue
            if self.asked.count_of(other) == self.asked.count_of(number):
                return int(other)
            found = other if found is None else found
        if found is None:
            raise ConfigError("--images swapped needs questions about other scenes, and none was found")
        return int(found)


def _without_images(content: Any) -> Any:
    return content if isinstance(content, str) else _text_of(content)
