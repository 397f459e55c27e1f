"""Rows to train on and to predict: read, checked, and their images opened when they are needed."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.paths import METADATA
from benchmarks.files.sources import BadRow, read_chunks
from rewards.columns import TARGET_COLUMNS
from rewards.errors import ConfigError, DataError
from rewards.messages import refuse_unread
from rewards.named import named_object
from rewards.targets import unpack_value
from rewards.tasks import load_task
from rewards.tasks.prompt_template import fill_prompt, prompt_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rewards.tasks import Task

IMAGE_COLUMNS: Final = ("images", "images_file_names", "image")  # the first that is there
_TABLE: Final = ".parquet"
_SAVED: Final = ("state.json", "dataset_info.json", "dataset_dict.json")


def load_rows(
    name: str,
    *,
    split: str = "train",
    kwargs: Mapping[str, Any] | None = None,
    limit: int | None = None,
    system_prompt: str | None = None,
    task: str | None = None,
    needs: Sequence[str] = ("prompt",),
    keeps: Sequence[str] | None = None,
) -> Any:
    """Return a data set whose rows are as TRL wants them.

    Prompts become messages, targets become text, and images are opened when a row is asked for. A data set that comes
    from a function and has no length (a stream) is handed on as it is.

    Args:
        name: see `trainers.config.StarArguments`.
        split: of data sets that have some.
        kwargs: arguments of a function.
        limit: take the first so many rows.
        system_prompt: put before each prompt that has none.
        task: its prompt is filled from the columns where the data have no column ``prompt``.
        needs: columns that must be there.
        keeps: the only columns of the rows that come out, or None for all.

    Raises:
        ConfigError: there are no such data.
        DataError: the data lack a column, or a row has images where others have none.
    """
    found, source = _open(name, split, kwargs or {})
    if not hasattr(found, "__len__"):
        return found
    if limit is not None:
        found = found.select(range(min(limit, len(found))))
    if not len(found):
        raise DataError(f"{source}: there are no rows")
    template = None
    if task is not None and "prompt" not in found.column_names:
        template = load_task(task)
        if template.prompt is None or set(prompt_columns(template.prompt)) - set(found.column_names):
            template = None
    for column in needs:
        if column not in found.column_names and not (column == "prompt" and template is not None):
            seen = ", ".join(found.column_names)
            asked = _asked(task) if column == "prompt" and task is not None else ""
            raise DataError(f"{source}: there is no column {column!r}{asked}; the columns are {seen}")
    images = next((column for column in IMAGE_COLUMNS if column in found.column_names), None)
    if images is not None:
        found = _undecoded(found, images)
        _refuse_mixed(found, images, source)
    shape = _Shape(source, images, system_prompt, tuple(keeps) if keeps else None, template)
    return found.with_transform(shape)


def _asked(task: str) -> str:
    """Return which columns the prompt of a task would be filled from."""
    template = load_task(task).prompt
    if template is None:
        return f", and task {task} has no prompt"
    return f", nor all that the prompt of task {task} is filled from: {', '.join(prompt_columns(template))}"


def place_of_row(data: Any, row: int) -> str:
    """Return where a row of `load_rows` stands: file and line of JSON Lines, else its number; and its id."""
    plain = data.with_format(None)
    name = next((plain[row][key] for key in ("id", "idx") if key in plain.column_names), None)
    known = "" if name is None else f": id {name!r}"
    source = data.format["format_kwargs"]["transform"].source
    if source.endswith(_TABLE) or not Path(source).is_file():
        return f"{source}: row {row}{known}"
    places = (chunk.place(at) for chunk in read_chunks(source) for at in range(len(chunk.rows)))
    return f"{next(islice(places, row, None))}{known}"


def answer_lengths(data: Any, processor: Any) -> list[int]:
    """Return the tokens of the targets of the first 256 rows, with their tags; of demonstrations all that they say."""
    if not hasattr(data, "__len__"):
        return []
    plain = data.with_format(None).select(range(min(256, len(data))))
    name = next((key for key in ("completion", *TARGET_COLUMNS) if key in plain.column_names), None)
    if name is None:
        return []
    tokenizer = getattr(processor, "tokenizer", processor)
    known = (value for value in plain[name] if value is not None)
    said = [_said(value) if name == "completion" else _answered(value) for value in known]
    return [len(tokenizer(text)["input_ids"]) for text in said]


def _said(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    return "".join(str(message.get("content", "")) for message in completion)


def _answered(target: Any) -> str:
    return f"<think></think><answer>{unpack_value(target)['target']}</answer>"


class _Shape:
    """Turns columns of a data set into rows for a trainer; picklable, so that workers can run it."""

    def __init__(
        self,
        source: str,
        images: str | None,
        system_prompt: str | None,
        keeps: tuple[str, ...] | None,
        task: Task | None,
    ) -> None:
        self.source, self.images, self.system_prompt, self.keeps, self.task = source, images, system_prompt, keeps, task
        self.folder = Path(source).parent

    def __call__(self, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
        out = dict(columns)
        if self.images in columns:
            assert self.images is not None
            out.pop(self.images)
            count = len(columns[self.images])
            names = columns.get("id", columns.get("idx", [None] * count))
            out["images"] = [
                [self._opened(image, name, number) for number, image in enumerate(_listed(pictures))]
                for pictures, name in zip(columns[self.images], names, strict=True)
            ]
            paths = [[self._path(image) for image in _listed(pictures)] for pictures in columns[self.images]]
            if all(None not in each for each in paths):  # tables of completions show them
                out["images_file_names"] = paths
        if "prompt" in columns:
            out["prompt"] = [self._messages(prompt) for prompt in columns["prompt"]]
        elif self.task is not None:
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
            out["prompt"] = [self._messages(fill_prompt(self.task, row)) for row in rows]
        if "completion" in columns:
            out["completion"] = [
                [{"role": "assistant", "content": text}] if isinstance(text, str) else text
                for text in columns["completion"]
            ]
        return {name: values for name, values in out.items() if self.keeps is None or name in self.keeps}

    def _messages(self, prompt: Any) -> list[dict[str, Any]]:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        for message in messages:
            if isinstance(content := message.get("content"), list):
                try:
                    refuse_unread(content, ("text",))  # chat templates know no other
                except DataError as error:
                    raise DataError(f"{self.source}: a prompt: {error}") from None
        if self.system_prompt and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": self.system_prompt})
        return messages

    def _path(self, image: Any) -> str | None:
        path = image.get("path") if isinstance(image, dict) else image
        return str(self.folder / path) if isinstance(path, str) else None

    def _opened(self, image: Any, name: Any, number: int) -> Any:
        from PIL import Image, UnidentifiedImageError

        data, path = (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (None, image)
        try:
            if data is not None:
                return Image.open(io.BytesIO(data)).convert("RGB")
            if isinstance(path, str):
                with Image.open(self.folder / path) as opened:
                    return opened.convert("RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            which = path or f"number {number}"
            raise DataError(f"{self.source}: row {name!r}: image {which} does not open: {error}") from None
        return image.convert("RGB")


def _listed(pictures: Any) -> list[Any]:
    return pictures if isinstance(pictures, list) else [pictures]


def _open(name: str, split: str, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the data set and how messages call it."""
    try:
        import datasets
    except ImportError:
        raise ConfigError("training rows need datasets: pip install datasets") from None
    path = Path(name)
    if path.is_dir() and any((path / file).exists() for file in _SAVED):
        found = datasets.load_from_disk(str(path))
        return (found[split] if isinstance(found, datasets.DatasetDict) else found), str(path / split)
    if path.is_dir() and (path / METADATA).exists():
        path = path / METADATA
    if path.is_file():
        if path.suffix == _TABLE:
            import pyarrow.parquet

            return datasets.Dataset(pyarrow.parquet.read_table(path)), str(path)
        return _from_lines(path), str(path)
    if ":" in name:
        return named_object(name, "dataset_name")(**kwargs), name
    if path.suffix in (".jsonl", ".gz", ".parquet", ".json"):
        raise ConfigError(f"dataset_name: there is no file {name}")
    try:
        return datasets.load_dataset(name, split=split), name
    except Exception as error:
        raise ConfigError(
            f"dataset_name: {name!r} is no file here and cannot be loaded from the hub: {error}"
        ) from error


def _from_lines(path: Path) -> Any:
    """Read a file of any kind; targets that are not text become JSON, because Arrow would change structures."""
    from datasets import Dataset

    records = []
    for chunk in read_chunks(str(path)):
        for at, record in enumerate(chunk.rows):
            if isinstance(record, BadRow):
                raise DataError(f"{chunk.place(at)}: {record.message}")
            gold = {key: record[key] for key in TARGET_COLUMNS if key in record and record[key] is not None}
            records.append({**record, **{key: v if isinstance(v, str) else json.dumps(v) for key, v in gold.items()}})
    names = {name: None for record in records for name in record}
    columns = {name: [record.get(name) for record in records] for name in names}
    try:
        return Dataset.from_dict(columns)
    except Exception as error:  # noqa: BLE001  Arrow has many
        raise DataError(f"{path}: a column mixes types, which training files cannot: {error}") from None


def _undecoded(found: Any, images: str) -> Any:
    """Leave images as they lie in the file, so that an error can name the row."""
    from datasets import Image, List

    feature = found.features[images]
    if isinstance(feature, Image):
        return found.cast_column(images, Image(decode=False))
    if isinstance(getattr(feature, "feature", None), Image):
        return found.cast_column(images, List(Image(decode=False)))
    return found


def _refuse_mixed(found: Any, images: str, source: str) -> None:
    """Refuse rows without images among rows with some: GRPO fails on such a batch (TRL 1.16)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = found.with_format("arrow")[:][images]
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        lengths = pc.if_else(pc.is_null(column), 0, 1).to_pylist()
    else:
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
    if any(lengths) and not all(lengths):
        row = lengths.index(0)
        raise DataError(
            f"{source}: row {row} has no image, while others have; a run takes rows of one kind: "
            "train on the rows without images in a run of their own"
        )
