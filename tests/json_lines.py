"""Rows on disk as most tests need them: JSON Lines."""

import json


def write(path, rows):
    """Write rows, in a folder that is made where it is not there; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path):
    """Read rows; in their texts may be other ends of lines, which `str.splitlines` takes for ones too."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
