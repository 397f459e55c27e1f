"""The data sets as their owners publish them, read into one record, `Sample`; and finding and reading their files.

Each data set is read by its benchmark's ``records.py``, which declares the records as pydantic models; what the readers
share is here.
"""

from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from benchmarks.extras import need
from benchmarks.registry import find_reader
from rewards.errors import ConfigError, DataError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    OnError = Callable[[DataError], None]

R = TypeVar("R")
T = TypeVar("T")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_BATCH = 32  # rows of Parquet held at a time; each may carry megabytes of images
_FOLDERS = ("", "image", "images", "data")
_LEVELS = 6  # SPAR-7M's annotations lie this deep below the folder that holds its images
_LETTERS = "ABCDEFGH"

Image = Path | bytes
"""An image: the path of its file, or the bytes of one (PNG, JPEG)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question of a benchmark.

    Attributes:
        id: unique within its data set.
        benchmark: its name in `benchmarks.registry`.
        prompt: what the data set's owners ask a model: the question as the data set words it, with what they add.
        images: in the order in which the prompt speaks of them.
        video: the file of the video that the question is about, or None where it is about images.
        target: what is right: a letter, a number or a sentence as text; for ``tvr`` the tuple of the record's
            transformations (``{"obj_idx", "attr", "val", ...}``).
        options: the texts of the options A, B, ... in order, or None where there is no choice.
        category: the benchmark's own kind of question (setting, task, type).
        view: ``"center"``, ``"left"`` or ``"right"`` for ``tvr``, else None.
        group: scene or other cluster; samples of one group are not independent.
        references: for each image the names of the objects that a view's analysis should refer to, or None
            where the annotation does not tell.
        extra: whatever else the data set says, under its own names; ``question`` where the prompt is more than that.
        place: where it was read: ``file:line`` or the like, for messages.
    """

    id: str
    benchmark: str
    prompt: str
    images: tuple[Image, ...]
    target: Any
    category: str
    group: str
    options: tuple[str, ...] | None = None
    video: Path | None = None
    view: str | None = None
    references: tuple[frozenset[str], ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


def load(
    name: str,
    path: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str] | None = None,
    check_images: bool = True,
    split: str = "test",
    views: Sequence[str] | None = None,
    draw_marks: bool = True,
    frames: int | None = None,
    on_error: OnError | None = None,
) -> Iterator[Sample]:
    """Read a data set.

    Args:
        name: one of `benchmarks.registry.DATA_SETS`, or ``trance`` for ``tvr``.
        path: a file or folder as the owners publish it, or the id of a data set on the hub.
        image_root: folder of the images, for data sets that name image files; None: searched near the file.
        check_images: whether a missing image file is an error.
        split: ``tvr`` packed in ``data.h5``: train, val or test.
        views: ``tvr``: final views to yield, of center, left, right; None: all that a record has.
        draw_marks: ``spar7m``: whether the marks of which the questions speak are drawn onto the images.
        frames: of a question's videos that are published as frames, how many to take at most; None: as the owners do.
        on_error: takes what is wrong with a record, which is then left out and costs no other; None: it is raised.

    Returns:
        The samples, read while they are consumed.

    Raises:
        ConfigError: an unknown name, a path that is not there, or a package that is not installed.
        DataError: raised while iterating, where a record is wrong: what was expected, at which line and key.
    """
    reader = find_reader(name)
    options = ReadOptions(
        Path(image_root) if image_root is not None else None, check_images, split, views, draw_marks, frames, on_error
    )
    return reader(local_copy(path), options)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a data set is read, see `load`; each reader makes use of what concerns it."""

    image_root: Path | None = None
    check_images: bool = True
    split: str = "test"
    views: Sequence[str] | None = None
    draw_marks: bool = True
    frames: int | None = None
    on_error: OnError | None = None


class Reader(Protocol):
    """What reads the published files of a data set."""

    def __call__(self, path: Path, options: ReadOptions) -> Iterator[Sample]:
        """Yield the samples of a file or folder, read while they are consumed."""


# Their files


def local_copy(source: str | os.PathLike[str]) -> Path:
    """Return the local file or folder of a data set, downloading it where it is named by its id on the hub.

    Args:
        source: a path, or an id such as ``"RunsenXu/MMSI-Bench"``.

    Raises:
        ConfigError: it is not here and cannot be downloaded; the message says how to.
    """
    path = Path(source)
    if path.exists():
        return path
    name = str(source)
    if not _HUB_ID.fullmatch(name):
        raise ConfigError(f"{name}: no such file or folder, and no id of a data set on the hub (owner/name)")
    advice = f"download it with `hf download {name} --repo-type dataset --local-dir DIR` and pass DIR"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ConfigError(f"{name} is not a local path and HF_HUB_OFFLINE is set; {advice}")
    hub = need("huggingface_hub", package="huggingface_hub", purpose=f"downloading {name}; {advice}, or this")
    try:
        return Path(hub.snapshot_download(name, repo_type="dataset"))
    except (OSError, ValueError) as error:  # the hub's own errors, like those of the network, are OSErrors
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"{name} could not be downloaded ({reason}); {advice}") from error


def files_in(path: Path, suffixes: Sequence[str], *, several: bool = False) -> list[Path]:
    """Return the file ``path``, or the sorted files with one of the suffixes anywhere in the folder ``path``.

    Args:
        path: a file of any suffix, or a folder.
        suffixes: e.g. ``(".jsonl",)``.
        several: whether a folder's files belong together; otherwise it may hold only one.

    Raises:
        ConfigError: the folder has no such file, or several that are not one data set.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith(tuple(suffixes)) and file.is_file())
    if not found:
        raise ConfigError(f"{path}: expected {' or '.join(suffixes)} files in this folder, found none")
    if len(found) > 1 and not several:
        names = ", ".join(str(file.relative_to(path)) for file in found[:5])
        raise ConfigError(f"{path}: {len(found)} files could be meant ({names}); name one of them")
    return found


def json_lines(path: Path, on_error: OnError | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(where, object)`` for each line that is not blank; ``where`` is ``path:line``.

    Args:
        path: the file.
        on_error: takes what is wrong with a line, which is then left out.

    Raises:
        DataError: a line is no UTF-8, no JSON or no object, and *on_error* is None.
    """
    with path.open("rb") as lines:
        numbered = ((f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip())
        yield from each(numbered, lambda line, where: (where, json_object(line, where)), on_error)


def each(records: Iterable[tuple[str, R]], make: Callable[[R, str], T], on_error: OnError | None = None) -> Iterator[T]:
    """Yield what is made of each record; of one that is wrong only its error is told, where somebody listens.

    Args:
        records: ``(where, record)``.
        make: takes a record and its place.
        on_error: takes what is wrong with a record, which is then left out.

    Raises:
        DataError: a record is wrong, and *on_error* is None.
    """
    for where, record in records:
        try:
            made = make(record, where)
        except DataError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield made


def json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """Parse one JSON object.

    Raises:
        DataError: it is something else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: expected a JSON object, found broken JSON ({error})") from error
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, found {shown(value)}")
    return value


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(where, row)`` for each row; ``where`` is ``path:row N`` from 1.

    Args:
        path: a Parquet file.
        columns: those that it must have; others are read too.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the file is no Parquet, or a column is missing.
    """
    parquet = need("pyarrow.parquet", package="pyarrow", purpose=f"reading {path.name}")
    try:
        table = parquet.ParquetFile(path)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise DataError(f"{path}: expected a Parquet file ({error})") from error
    with table:
        has = table.schema_arrow.names
        missing = [name for name in columns if name not in has]
        if missing:
            raise DataError(f"{path}: column {missing[0]!r} is missing; the file has {', '.join(has)}")
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}:row {number}", row


def table_rows(path: Path, columns: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(path:line, row)`` of a table separated by tabs; a field may hold megabytes of base64.

    Args:
        path: the file.
        columns: those that it must have; others are read too.

    Raises:
        DataError: the file is no such table, or a column is missing.
    """
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                has = ", ".join(reader.fieldnames or ())
                raise DataError(f"{path}:1: column {missing[0]!r} is missing; the table has {has}")
            for row in reader:
                yield f"{path}:{reader.line_num}", row
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a table separated by tabs, in UTF-8 ({error})") from error
    finally:
        csv.field_size_limit(limit)


def json_items(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(path: item N, object)`` of a file that holds one JSON array; N counts from 1.

    Raises:
        DataError: it holds something else.
    """
    try:
        items = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a JSON array, found broken JSON ({error})") from error
    if not isinstance(items, list):
        raise DataError(f"{path}: expected a JSON array, found {shown(items)}")
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise DataError(f"{path}: item {number}: expected a JSON object, found {shown(item)}")
        yield f"{path}: item {number}", item


def published_files(path: Path, patterns: Sequence[str]) -> list[Path]:
    """Return the file ``path``, or the sorted files anywhere in the folder ``path`` that the first pattern finds.

    Args:
        path: a file of any name, or a folder.
        patterns: e.g. ``("test.jsonl", "test-*.parquet")``; the next one counts where one finds nothing.

    Raises:
        ConfigError: none finds anything.
    """
    if path.is_file():
        return [path]
    for pattern in patterns:
        if found := sorted(file for file in path.rglob(pattern) if file.is_file()):
            return found
    raise ConfigError(f"{path}: expected {' or '.join(patterns)} in this folder, found none")


def published_rows(
    path: Path, columns: Sequence[str] = (), on_error: OnError | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(where, row)`` of a Parquet file, a table separated by tabs, JSON Lines or a JSON array, by its suffix.

    Args:
        path: the file.
        columns: those that a Parquet file or a table must have.
        on_error: takes what is wrong with a line of JSON Lines, which is then left out.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the file holds something else.
    """
    if path.suffix == ".parquet":
        return parquet_rows(path, columns)
    if path.suffix == ".tsv":
        return table_rows(path, columns)
    return json_lines(path, on_error) if path.suffix == ".jsonl" else json_items(path)


# The images that a record names, and the options that a question carries in its text


def image_paths(
    names: Iterable[str],
    file: Path,
    where: str,
    *,
    root: Path | None = None,
    check: bool = True,
    what: str = "image",
) -> tuple[Path, ...]:
    """Return the paths of a record's images.

    Args:
        names: paths as the record writes them, relative to the data set's image folder.
        file: the annotation file.
        where: place of the record.
        root: the image folder; None: searched upwards from the annotation file, there and in its subfolders
            ``image``, ``images`` and ``data``.
        check: whether a missing file is an error; otherwise its likeliest path is returned.
        what: the files are, for messages.

    Raises:
        DataError: an image is missing.
    """
    bases = [root] if root is not None else _bases(file)
    return tuple(_one(name, bases, where, check=check, what=what) for name in names)


def _bases(file: Path) -> list[Path]:
    """Return the folders in which the images may lie, nearest first."""
    return [parent / folder for parent in list(file.absolute().parents)[:_LEVELS] for folder in _FOLDERS]


def _one(name: str, bases: list[Path], where: str, *, check: bool, what: str) -> Path:
    found = next((base / name for base in bases if (base / name).is_file()), None)
    if found is None and check:
        raise DataError(
            f"{where}: {what} {name!r} is not in {bases[0]} or a folder near it; "
            f"unpack the {what}s of the data set there, or pass image_root"
        )
    return found or bases[0] / name


def read_options(question: str, *, stop: str = ".", between: str = "") -> tuple[str, ...] | None:
    """Return the texts of the options A, B, ... of a question, or None where it has not at least two.

    The options are the longest chain A, B, C, ...; of equal ones the last, since they end a question.

    Args:
        question: the text, options included; an option ends with its line.
        stop: what follows an option's letter: ``.`` as in "A. left", ``:`` as in "A: left".
        between: what separates options on one line, apart from space, e.g. ``,``.

    >>> read_options("What is left of vitamin A. or so? A. Sofa B. Desk lamp C. Door")
    ('Sofa', 'Desk lamp', 'Door')
    >>> read_options("Where? Options: A: left, B: right", stop=":", between=",")
    ('left', 'right')
    """
    gap = r"(?=\s)" if stop == "." else ""  # "A.M." is no option
    marks = list(re.finditer(rf"(?<![\w.])\(?([{_LETTERS}])\)?\s?{re.escape(stop)}{gap}", question))
    chains = [_chain(marks[place:]) for place, mark in enumerate(marks) if mark.group(1) == "A"]
    chain = max(reversed(chains), key=len, default=[])
    if len(chain) < 2:
        return None
    ends = [mark.start() for mark in chain[1:]] + [len(question)]
    bodies = [question[mark.end() : end].strip() for mark, end in zip(chain, ends, strict=True)]
    return tuple(body.partition("\n")[0].strip().removesuffix(between).strip() for body in bodies)


def _chain(marks: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the marks of A, B, C, ... as far as they follow one another."""
    chain: list[re.Match[str]] = []
    for mark in marks:
        if len(chain) < len(_LETTERS) and mark.group(1) == _LETTERS[len(chain)]:
            chain.append(mark)
    return chain
