"""What a drive reports: run in the framework's environment, so numpy and the standard library are all it needs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rows import apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROWS = json.loads(Path(sys.argv[1]).read_text("utf-8")) if len(sys.argv) == 3 else []
TVR = [row for row in ROWS if row["task"] == "tvr"]
QUESTIONS = [row for row in ROWS if row["task"] == "multiview"]


def report(path: str, rows: Sequence[dict[str, Any]], got: Iterable[Any], keys: Iterable[Any] = ()) -> None:
    """Write one line about a path of the framework: rows whose total it gave otherwise, and the keys that it logged.

    Totals must be equal, as 64 bits or, where the framework makes tensors, as 32.
    """
    mismatches = [
        [row["id"], row["kind"], None if value is None else float(value), row["total"]]
        for row, value in zip(rows, got, strict=True)
        if value is None or (float(value) != row["total"] and np.float32(value) != np.float32(row["total"]))
    ]
    line = {"path": path, "rows": len(rows), "mismatches": mismatches, "keys": sorted(set(map(str, keys)))}
    with Path(sys.argv[2]).open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def same_keys(found: Sequence[Any], expected: Iterable[str]) -> list[str]:
    """Return the keys that every row logged: the same for all, and those that are documented among them."""
    keys = {tuple(sorted(each)) for each in found}
    assert len(keys) == 1, keys
    (only,) = keys
    assert set(expected) <= set(only), (only, expected)
    return list(only)


def both(path: str, run: Callable[[Sequence[dict[str, Any]], str], Any]) -> None:
    """Report a path for the rows of each task: *run* takes them and the task's name, and returns the totals."""
    for task, rows in (("tvr", TVR), ("multiview", QUESTIONS)):
        report(f"{path}, {task}", rows, run(rows, task))


def reasoning(row: dict[str, Any]) -> tuple[str | None, str]:
    """Return a row's text with its reasoning kept apart, where that loses nothing."""
    return apart(row["text"])
