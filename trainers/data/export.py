"""Training rows in the formats of other trainers.

Read in the sources of TRL 1.16, verl 0.9.1, OpenRLHF 0.11.2, ms-swift 4.6 and EasyR1. Images are absolute paths, since
each trainer looks for relative ones somewhere else. Rows with a completion are exported for SFT, others for RL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.extras import need
from benchmarks.files.write import path_beside, whole_file
from rewards.errors import ConfigError, DataError
from rewards.targets import misspelt, pack_gold
from rewards.tasks import load_task, task_names
from trainers.data.files import Written, json_line
from trainers.data.training_rows import (
    COMPLETIONS,
    GOLD,
    completion_of,
    gold_of,
    image_files,
    read_training_rows,
    row_id,
    rows_file,
    score_row,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from trainers.data.training_rows import OnProgress, Row

TRAINERS: Final = ("trl", "verl", "openrlhf", "swift", "easyr1")
STAGES: Final = ("sft", "rl")
_PLACEHOLDERS: Final = ("<image>", "<video>", "<audio>")
_ROW_GROUP = 1000


def export_row(row: Row, where: str, folder: Path, *, to: str, stage: str, task: str | None = None) -> dict[str, Any]:
    """Return a row as a trainer reads it.

    Args:
        row: see `trainers.data.training_rows`.
        where: its place, for messages.
        folder: of the row's file.
        to: one of `TRAINERS`.
        stage: one of `STAGES`.
        task: of rows that do not tell.

    Raises:
        DataError: the row lacks something, holds a column that is nearly one that is read, or its prompt holds what
            stands for an image.
        ConfigError: the trainer has no such stage, or none for rows with images.
    """
    if stage == "sft" and to == "easyr1":
        raise ConfigError("EasyR1 trains by reinforcement learning only; export chains to trl, swift or verl")
    images = [str(image.resolve()) for image in image_files(row, folder, where)]
    if stage == "sft" and to == "openrlhf" and images:
        raise ConfigError("OpenRLHF's SFT looks at no images; export chains with images to trl, swift or verl")
    prompt = str(row["prompt"])
    if to != "trl":
        for placeholder in _PLACEHOLDERS:
            if placeholder in prompt:
                raise DataError(f"{where}: prompt: it holds {placeholder!r}, which {to} takes for an image")
        prompt = _PLACEHOLDERS[0] * len(images) + prompt
    turns = [{"role": "user", "content": prompt}]
    name, said = task_of(row, where, task), row_id(row, where)
    found: dict[str, Any]
    if stage == "sft":
        found = _sft(to, turns, completion_of(row, where))
    else:
        for column, meant in misspelt(tuple(row)) if load_task(name).kind == "question" else ():
            raise DataError(f"{where}: {column}: it would be left out: did you mean {meant!r}?")
        score_row(row, "", where, task=task)  # a wrong target is named here, and not in the middle of a run
        found = _rl(to, turns, gold_of(row, where), task=name, said=said, row=row)
    return found | ({"images": _images(to, images)} if images else {})


def _sft(to: str, turns: list[dict[str, str]], completion: str) -> dict[str, Any]:
    reply = [{"role": "assistant", "content": completion}]
    if to == "trl":
        return {"prompt": turns, "completion": reply}
    if to == "openrlhf":
        return {"input": turns[0]["content"], "output": completion}
    return {"messages": turns + reply}


def _rl(
    to: str, turns: list[dict[str, str]], gold: dict[str, Any], *, task: str, said: str, row: Row
) -> dict[str, Any]:
    named = {"id": said, "task": task, **({"scene": row["scene"]} if "scene" in row else {})}
    if to == "trl":  # columns reach the reward as they are
        columns: dict[str, Any] = {name: row[name] for name in GOLD if name in row}
        return {**named, "prompt": turns, "target": gold["target"], **columns}
    packed = pack_gold(gold)
    if to == "verl":
        return {
            "data_source": f"star-r1/{load_task(task).name}",
            "prompt": turns,
            "ability": "spatial reasoning",
            "reward_model": {"style": "rule", "ground_truth": packed},
            "extra_info": named,
        }
    if to == "openrlhf":
        return {"input": turns[0]["content"], "label": packed, "datasource": f"star-r1/{load_task(task).name}"}
    if to == "swift":
        return {"messages": turns, "solution": packed, **named}
    return {"prompt": turns[0]["content"], "answer": packed, **named}


def _images(to: str, images: list[str]) -> list[Any]:
    return [{"image": image} for image in images] if to == "verl" else images


def export(
    source: Path,
    out: Path,
    *,
    to: str,
    stage: str | None = None,
    task: str | None = None,
    on_error: Callable[[DataError], None] | None = None,
    on_untold: Callable[[str], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write rows for a trainer; a row that is wrong costs no other.

    Args:
        source: a file of rows, or a folder with ``metadata.jsonl``.
        out: ``.jsonl``, or ``.parquet``.
        to: one of `TRAINERS`.
        stage: one of `STAGES`; None: ``sft`` if the first row has a completion, else ``rl``.
        task: of rows that do not tell.
        on_error: takes what is wrong with a row.
        on_untold: takes each task that the written rows do not tell to whoever scores them, in the end.
        on_progress: takes the number done.

    Raises:
        ConfigError: the trainer is unknown, has no such stage or cannot read such a file, or pyarrow is not installed.
        DataError: the source cannot be opened, or none of its rows can be exported; then *out* is not written.
    """
    if to not in TRAINERS or stage not in (None, *STAGES):
        raise ConfigError(f"{to!r} and {stage!r}: expected one of {', '.join(TRAINERS)} and one of {', '.join(STAGES)}")
    counts = {"read": 0, "written": 0}
    untold: dict[str, None] = {}
    failed: DataError | None = None
    packed = out.suffix == ".parquet"

    def exported() -> Iterator[dict[str, Any]]:
        nonlocal failed
        chosen = stage
        for where, row in read_training_rows(source):
            counts["read"] += 1
            try:
                if isinstance(row, DataError):
                    raise row
                chosen = chosen or ("sft" if any(row.get(name) is not None for name in COMPLETIONS) else "rl")
                if to == "verl" and chosen == "sft" and not packed:
                    raise ConfigError(f"verl reads chains from Parquet only; name the output {out.stem}.parquet")
                made = export_row(row, where, rows_file(source).parent, to=to, stage=chosen, task=task)
            except DataError as error:
                failed = failed or error
                if on_error is not None:
                    on_error(error)
                continue
            if chosen == "rl" and (name := task_of(row, where, task)) not in _told(to):
                untold[name] = None
            counts["written"] += 1
            yield made
            if on_progress is not None:
                on_progress(counts["read"], None)
        if not counts["written"]:  # raised where the file is written, which leaves none
            why = "there are no rows" if failed is None else f"no row can be exported; the first: {failed}"
            raise DataError(f"{source}: {why}; {out} is not written")

    if packed:
        _write_parquet(out, exported())
    else:
        with whole_file(out) as file:
            file.writelines(map(json_line, exported()))
    if on_untold is not None:
        for name in untold:
            on_untold(name)
    return Written(counts["read"], counts["written"], counts["read"] - counts["written"])


def _told(to: str) -> Collection[str]:
    """Return the tasks by which a trainer's reward scores such rows without being told."""
    return ("tvr",) if to in ("openrlhf", "easyr1") else task_names()  # which hand over a label and nothing else


def _write_parquet(out: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write Parquet, whole or not at all."""
    arrow = need("pyarrow", package="pyarrow", purpose=f"writing {out.name}")
    parquet = need("pyarrow.parquet", package="pyarrow", purpose=f"writing {out.name}")
    table = arrow.Table.from_pylist(list(rows))
    with path_beside(out) as partial:
        parquet.write_table(table, partial, row_group_size=_ROW_GROUP)
