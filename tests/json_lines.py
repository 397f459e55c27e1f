"""Rows on disk as most tests need them: JSON Lines."""

import gzip
import json


def write(path, rows):
    """Write rows, in a folder that is made where it is not there; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path):
    """Read rows, also those in gzip; in their texts may be other ends of lines, which `str.splitlines` would split."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines if line.strip()]
