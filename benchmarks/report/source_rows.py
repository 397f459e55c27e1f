"""Rows of a run to be read: prompt, images, completion, answer, and which triplets were matched."""

from __future__ import annotations

import base64
import binascii
import io
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.benchmark import joined_roles, known_columns
from benchmarks.files.blocks import read_block
from benchmarks.files.columns import find_columns
from benchmarks.files.sources import BadRow, read_chunks
from benchmarks.files.targets import read_separate_targets
from benchmarks.registry import find_benchmark
from benchmarks.report.content import Grid, Passage
from benchmarks.report.runs import source_files
from benchmarks.tvr.scoring import read_prediction, written_answer
from rewards.errors import ConfigError, DataError
from rewards.explain import explain_completion
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from benchmarks.files.sources import Chunk
    from benchmarks.report.runs import Run


_LOOKED_FOR: Final = {
    "images": ("images", "image", "image_paths", "image_path"),
    "question": ("question", "problem"),
}
_LONGEST: Final = 6000  # characters of a passage that are shown


class SourceRow(NamedTuple):
    """A row as its file has it.

    Attributes:
        title: its id, or ``file:line``.
        values: role -> value.
        images: data URIs.
    """

    title: str
    values: Mapping[str, Any]
    images: tuple[str, ...]


def read_places(run: Run, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], SourceRow]:
    """Read rows of an evaluation's files again; those that are not at hand are left out.

    Args:
        run: with an evaluation.
        places: number of the file and line.
    """
    files = source_files(run)
    if files is None or run.evaluation is None:
        return {}
    lines: defaultdict[int, set[int]] = defaultdict(set)
    for file, line in places:
        lines[file].add(line)
    return {
        (file, line): reading
        for file in lines
        if file < len(files)
        for line, reading in _of_file(run, files[file], lines[file])
    }


def _of_file(run: Run, path: str, lines: Collection[int]) -> Iterator[tuple[int, SourceRow]]:
    assert run.evaluation is not None
    source, benchmark = run.evaluation["source"], find_benchmark(run.evaluation["benchmark"])
    known = {**known_columns(benchmark), **_LOOKED_FOR}
    gold, own = read_separate_targets(
        source["targets"],
        source["on"],
        source["mapping"],
        roles=joined_roles(benchmark),
        required=benchmark.required,
        known=known,
    )
    on = None if gold is None else gold.on
    folders = [Path(), Path(path).parent]
    left, columns = set(lines), None
    for chunk in read_chunks(path):
        if columns is None and not all(isinstance(row, BadRow) for row in chunk.rows):
            columns = find_columns(chunk, needed=("completion",), mapping=own, joined_on=on, known=known)
        some = _select(chunk, left)
        if columns is not None and some.rows:
            block = read_block(some, columns, targets=gold, required=(), as_text=False)
            for row, at in enumerate(block.at):
                values = {role: column[row] for role, column in block.columns.items()}
                yield (
                    some.lines[at],
                    SourceRow(str(block.ids()[row]), values, thumbnails(values.get("images"), folders)),
                )
        left -= set(some.lines)
        if not left:
            return


def _select(chunk: Chunk, lines: Collection[int]) -> Chunk:
    kept = [at for at, line in enumerate(chunk.lines) if line in lines]
    items = None if chunk.items is None else [chunk.items[at] for at in kept]
    return chunk._replace(rows=[chunk.rows[at] for at in kept], lines=[chunk.lines[at] for at in kept], items=items)


def prompt_passages(reading: SourceRow) -> list[Passage]:
    """Return what the model was asked, and the target."""
    values = reading.values
    prompt = values.get("prompt") if values.get("prompt") is not None else values.get("question")
    passages = [] if prompt is None else [Passage("Prompt", _clipped(_text(prompt)))]
    target = values.get("target")
    return passages if target is None else [*passages, Passage("Target", _clipped(_target(target)))]


def completion_passage(reading: SourceRow, name: str) -> Passage:
    """Return what a run's model wrote."""
    completion = reading.values.get("completion")
    text = "" if completion is None else _text(completion)
    return Passage(f"Completion, {name}", _clipped(text) or "(empty)")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return completion_text(value) or str(written_answer(value))
    except DataError:
        return str(written_answer(value))


def _target(target: Any) -> str:
    return target if isinstance(target, str) else str(written_answer(target))


def _clipped(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def matched_triplets(reading: SourceRow, name: str) -> Grid | None:
    """Return which predicted triplet was matched with which true one, of a row of TVR; None where that cannot be."""
    values = reading.values
    answer = written_answer(read_prediction(values.get("completion")).value)
    target = values.get("target")
    try:
        found = explain_completion(f"<think></think><answer>{answer or ''}</answer>", _true(target), task="trance")
    except (ConfigError, DataError):
        return None
    rows = [
        (
            ".".join(map(str, each.record)) if each.record is not None else "(unreadable)",
            ".".join(map(str, each.matched)) if each.matched is not None else "–",
            each.tier or (each.fault.code if each.fault else "none"),
            f"{each.earned + each.charged:+g}",
        )
        for each in found.predictions
    ]
    rows += [("–", ".".join(map(str, record)), "missing", "") for record in found.missing]
    return Grid(f"Triplets, {name}", ("predicted", "matched with", "tier", "reward"), tuple(rows), words=3)


def _true(target: Any) -> Any:
    """Return a target without exact repeats, which a reward refuses and TRANCE allows."""
    if not isinstance(target, list):
        return target
    return [each for at, each in enumerate(target) if each not in target[:at]]


_SIDE: Final = 320  # pixels of the longer side of a thumbnail
_MOST_BYTES: Final = 200_000  # of an image that is embedded as it is, where Pillow is not installed
_KINDS: Final = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
_MOST_IMAGES: Final = 6


def thumbnails(images: Any, folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the images of a row as data URIs; those that are not at hand, or are none, are left out.

    Args:
        images: one image or a list: paths, bytes, base64 (also as a data URI), or ``{"bytes": ..., "path": ...}``.
        folders: where relative paths are looked for.
    """
    listed = images if isinstance(images, list | tuple) else [images]
    found = (_bytes(image, folders) for image in listed[:_MOST_IMAGES])
    return tuple(uri for content in found if content is not None and (uri := _uri(content)) is not None)


def _bytes(image: Any, folders: Sequence[Path]) -> bytes | None:
    if isinstance(image, dict):
        content, path = image.get("bytes"), image.get("path", image.get("image", image.get("url")))
        return _bytes(content if content is not None else path, folders)
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str) or not image:
        return None
    if len(image) < 1000 and not image.startswith("data:"):
        places = [folder / image.removeprefix("file://") for folder in folders]
        return next((place.read_bytes() for place in places if place.is_file()), None)
    try:
        return base64.b64decode(image.partition(",")[2] if image.startswith("data:") else image, validate=True)
    except (binascii.Error, ValueError):
        return None


def _uri(content: bytes) -> str | None:
    if find_spec("PIL") is not None:
        small = _shrunk(content)
        return None if small is None else f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
    kind = next((name for start, name in _KINDS.items() if content.startswith(start)), None)
    if kind is None or len(content) > _MOST_BYTES:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _shrunk(content: bytes) -> bytes | None:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  an extra

    try:
        with Image.open(io.BytesIO(content)) as image:
            small = image.convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            written = io.BytesIO()
            small.save(written, "JPEG", quality=80)
            return written.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
