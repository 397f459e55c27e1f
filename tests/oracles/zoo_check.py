"""Compare the rows of `tests.oracles.zoo` with our functions, and keep a sample: ``python -m tests.oracles.zoo_check ROWS...``.

Each folder ROWS is a run under another hash seed; a row keeps every value that came out.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "zoo"
KEPT = 400


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def ours(name, rows):
    """Return what our function says to each row by itself."""
    module, _, function = name.rpartition(".")
    reward = getattr(import_module(f"benchmarks.zoo.{module}"), function)
    columns = [{key: [value] for key, value in row.get("columns", {}).items()} for row in rows]
    return [
        reward([row["completion"]], solution=[row["solution"]], **each)[0]
        for row, each in zip(rows, columns, strict=True)
    ]


def agrees(found, row):
    """Whether what we say is one of the values that came out; where the authors' code raises, there is nothing to be."""
    values = row["expected"]
    return any(isinstance(value, str) or abs(found - value) < 1e-9 for value in values)


def main(folders):
    GOLDEN.mkdir(exist_ok=True)
    for path in sorted(folders[0].glob("*.jsonl")):
        name = path.stem
        rows = read(path)
        runs = [read(folder / path.name) for folder in folders if (folder / path.name).is_file()]
        for row, *others in zip(rows, *runs[1:], strict=True):
            row["expected"] = sorted({row["expected"], *(other["expected"] for other in others)}, key=str)
        wrong = [(found, row) for found, row in zip(ours(name, rows), rows, strict=True) if not agrees(found, row)]
        several = sum(len(row["expected"]) > 1 for row in rows)
        raises = sum(isinstance(row["expected"][0], str) for row in rows)
        spread = Counter(round(row["expected"][0], 2) for row in rows if not isinstance(row["expected"][0], str))
        print(f"{name}: {len(rows)} rows, {len(wrong)} differ, {several} with several values, {raises} raise; {spread.most_common(6)}")  # noqa: T201  # fmt: skip
        for found, row in wrong[:6]:
            print("   ours", found, json.dumps(row, ensure_ascii=False)[:700])  # noqa: T201
        special = [row for row in rows if len(row["expected"]) > 1 or isinstance(row["expected"][0], str)][:40]
        kept = random.Random(0).sample([row for row in rows if row not in special], KEPT - len(special)) + special
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        (GOLDEN / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main(list(map(Path, sys.argv[1:])))
