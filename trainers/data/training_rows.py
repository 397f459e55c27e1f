"""Rows that models train on: their columns, where their images lie, what their completions are worth.

A row is a JSON object. Its columns: ``id``; ``scene``, the same for rows about one place, which are no independent
samples; ``task`` (tvr, multiview, ...); ``prompt``; ``images_file_names``, paths relative to the row's file, in the
order in which the prompt speaks of them (also as ``images``, or one as ``image``); ``target``; of questions
``options``, ``references`` (true names per view) and ``relations`` (true triplets per view); of chains of thought
``completion``.
Further columns are kept as they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from benchmarks.files.paths import METADATA
from benchmarks.files.sources import BadRow, read_chunks
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from rewards.messages import completion_text
from rewards.score import score_completion
from rewards.tasks import load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rewards.batch_score import Score

    Row = dict[str, Any]
    OnProgress = Callable[[int, int | None], None]  # takes the number done and, where it is known, the total

IMAGES: Final = ("images_file_names", "images", "image")
COMPLETIONS: Final = ("completion", "response", "output", "prediction")
GOLD: Final = ("options", "references", "relations")


def read_rows(path: Path) -> Iterator[tuple[str, Row | DataError]]:
    """Yield ``file:line`` and the row, or what is wrong with it, of JSON Lines, gzip of that, or Parquet.

    Raises:
        DataError: the file cannot be opened.
        ConfigError: it is Parquet and pyarrow is not installed.
    """
    for chunk in read_chunks(str(path)):
        for at, row in enumerate(chunk.rows):
            where = chunk.place(at)
            yield where, DataError(f"{where}: {row.message}") if isinstance(row, BadRow) else row


def read_training_rows(path: Path) -> Iterator[tuple[str, Row | DataError]]:
    """Yield ``file:line`` and the row, or what is wrong with it, of a file or of a folder's ``metadata.jsonl``.

    A row must have a prompt, a target and images that are there; a line that is wrong costs no other line.

    Raises:
        DataError: there is no such file.
    """
    file = rows_file(path)
    for where, row in read_rows(file):
        if isinstance(row, DataError):
            yield where, row
            continue
        try:
            check_training_row(row, where, file.parent)
        except DataError as error:
            yield where, error
        else:
            yield where, row


def rows_file(path: Path) -> Path:
    """Return the file of a data set: itself, or ``metadata.jsonl`` of a folder."""
    return path / METADATA if path.is_dir() else path


def check_training_row(row: Row, where: str, folder: Path, *, messages: bool = False) -> None:
    """See that a row has a prompt, a target and images that are there.

    Args:
        row: to look at.
        where: it stands.
        folder: its images' paths begin there.
        messages: whether the prompt may be messages, as trainers take it.

    Raises:
        DataError: it lacks one.
    """
    prompt = row.get("prompt")
    is_text = isinstance(prompt, str) and prompt.strip()
    if not is_text and not (messages and _are_messages(prompt)):
        expected = "text or messages" if messages else "text"
        raise DataError(f"{where}: prompt: expected {expected}, found {prompt!r:.60}")
    gold_of(row, where)
    for place, image in enumerate(image_files(row, folder, where)):
        if not _is_there(image):
            raise DataError(f"{where}: image: image {place + 1}, {image!s:.200}, is not there")


def _are_messages(prompt: object) -> bool:
    """Return whether this is a conversation: each message says who speaks, and text or parts."""
    return isinstance(prompt, list) and bool(prompt) and all(map(_is_message, prompt))


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and bool(value.get("content"))


def _is_there(image: Path) -> bool:
    try:
        return image.is_file()
    except OSError:  # no name of a file: too long, links in a circle
        return False


def image_files(row: Mapping[str, Any], folder: Path, where: str) -> list[Path]:
    """Return the paths of a row's images.

    Raises:
        DataError: they are no list of file names.
    """
    names: Any = next((_several(name, row[name]) for name in IMAGES if row.get(name) is not None), [])
    if not _are_names(names):
        raise DataError(f"{where}: images: expected a list of file names, found {names!r:.60}")
    return [folder / name for name in names]


def rebased(row: Row, old: Path, new: Path) -> Row:
    """Return a row as it must be written into a file of another folder."""
    if old.resolve() == new.resolve():
        return row
    moved = {
        name: [os.path.relpath((old / image).resolve(), new.resolve()) for image in names]
        for name in IMAGES
        if _are_names(names := _several(name, row.get(name)))
    }
    return {**row, **moved}


def _several(column: str, names: Any) -> Any:
    """Return what a column of images holds as a list; ``image`` may hold one."""
    return [names] if column == "image" and isinstance(names, str) else names


def _are_names(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def row_id(row: Mapping[str, Any], where: str) -> str:
    """Return the id of a row; the number of its line where it has none."""
    return str(row.get("id", where.rpartition(":")[2]))


def gold_of(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what a row says is right: ``target`` and those of `GOLD` that it has.

    Raises:
        DataError: it has no target.
    """
    target = next((row[name] for name in TARGET_COLUMNS if row.get(name) is not None), None)
    if target is None:
        raise DataError(f"{where}: target: no column holds it; the row has {', '.join(row) or 'no columns'}")
    return {"target": target} | {name: row[name] for name in GOLD if row.get(name) is not None}


def task_of(row: Mapping[str, Any], where: str, default: str | None = None) -> str:
    """Return the task of a row.

    Raises:
        DataError: it has none and there is no default, or an unknown one.
    """
    name = row.get("task") or default
    if name is None:
        raise DataError(f"{where}: task: the row does not tell its task; pass --task")
    try:
        load_task(str(name))
    except ConfigError as error:
        raise DataError(f"{where}: task: {error}") from error
    return str(name)


def completion_of(row: Mapping[str, Any], where: str) -> str:
    """Return the completion of a row as text.

    Raises:
        DataError: it has none.
    """
    for name in COMPLETIONS:
        if row.get(name) is not None:
            try:
                return completion_text(row[name])
            except DataError as error:
                raise DataError(f"{where}: {name}: {error}") from error
    raise DataError(f"{where}: completion: no column holds it; the row has {', '.join(row) or 'no columns'}")


def score_row(
    row: Mapping[str, Any], completion: str, where: str, *, task: str | None = None, relation_weight: float = 0.0
) -> Score:
    """Score a completion by the row's own target, with this project's own reward.

    Raises:
        DataError: the target is wrong.
    """
    name = task_of(row, where, task)
    gold = gold_of(row, where)
    weighted = relation_weight if "relations" in gold and load_task(name).kind == "question" else 0.0
    overrides: dict[str, Any] = {"relation_weight": weighted} if weighted else {}
    try:
        return score_completion(completion, gold.pop("target"), task=name, **gold, **overrides)
    except DataError as error:
        raise DataError(f"{where}: labels: {str(error).removeprefix('row 0: ')}") from error
