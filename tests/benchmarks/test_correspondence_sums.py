"""What is added up over rows, clusters, files, parts and processes is what all rows at once come to."""

import json
import random

import numpy as np
import pytest

from benchmarks.correspondences import SETTINGS, find_in, read_correspondences
from benchmarks.statistics import mean_interval

NAMES = "<think>The cube in image 1 is the one at the left in image 2.\nBoth images show the lamp.</think>A"
TEXTS = [
    NAMES,
    "<think>View 1: a cube. View 2: a ball.</think><answer>A</answer>",
    "A",
    "<think>Object 3 is at the left in image 2.</think>A",
]


def rows_of(seed, count, *, scenes=True):
    rng = random.Random(seed)
    for at in range(count):
        row = {"id": f"{seed}-{at}", "completion": rng.choice(TEXTS)}
        if (view := rng.choice(["center", "Camera_Left", "right", "top", None])) is not None:
            row["view"] = view
        if scenes and (scene := rng.choice([*range(count // 4), None])) is not None:
            row["scene"] = scene
        yield row


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def all_at_once(rows):
    """The shares, from a value and a cluster of each row."""
    found = {}
    for at, row in enumerate(rows):
        view = row.get("view", "").split("_")[-1].lower()
        cluster = row.get("scene") if "scene" in rows[0] else row.get("prompt")
        for name in filter(None, ("all", SETTINGS.get(view), view)):
            found.setdefault(name, []).append((find_in(row["completion"]), cluster, at))
    for name, values in found.items():
        told = [(bool(spans), cluster) for spans, cluster, _ in values if spans is not None]
        clusters = [cluster for _, cluster in told]
        alone = all(cluster is None for cluster in clusters)
        interval = mean_interval(np.array([named for named, _ in told]), clusters=None if alone else clusters)
        yield name, (*interval, sum(named for named, _ in told), len(values) - len(told))


@pytest.mark.parametrize(("workers", "part_bytes"), [(1, 1 << 20), (2, 4000)])
@pytest.mark.parametrize("kind", ["scenes", "prompts", "alone"])
def test_sums_are_those_of_all_rows(tmp_path, kind, workers, part_bytes):
    rows = [[*rows_of(seed, count, scenes=kind == "scenes")] for seed, count in ((1, 300), (2, 40))]
    for at, row in enumerate(row for some in rows for row in some):
        if kind == "scenes":
            rows[0][0]["scene"] = rows[1][0]["scene"] = 0  # the first rows tell the columns
        else:
            del row["id"]
        if kind == "prompts":
            row["prompt"] = f"prompt {at % 50}"
    files = [write(tmp_path / f"{at}.jsonl", some) for at, some in enumerate(rows)]
    found = read_correspondences(files, workers=workers, part_bytes=part_bytes)
    told = found.as_dict()
    shares = {
        name: tuple(share[key] for key in ("share", "low", "high", "method", "rows", "clusters", "named", "without_reasoning"))
        for name, share in told["shares"].items()
    }  # fmt: skip
    assert shares == dict(all_at_once([row for some in rows for row in some]))
    assert list(shares)[:3] == ["all", "ID", "OOD"]
    assert told["clustered_by"] == {"scenes": "scene", "prompts": "prompt", "alone": None}[kind]
    named = [{each.kind for each in find_in(row["completion"]) or ()} for some in rows for row in some]
    assert told["kinds"] == {way: sum(way in some for some in named) for way in ("link", "plural", "numbered")}
    assert told["examples"]["link"] == ["The cube in image 1 is the one at the left in image 2."]


@pytest.mark.parametrize("examples", [0, 3])
def test_the_first_sentences_of_all_parts_are_kept(tmp_path, examples):
    rows = [{"completion": f"<think>Object {at} is at the left in image 2.</think>"} for at in range(200)]
    for workers, part_bytes in ((1, 1 << 20), (2, 1000)):
        file = write(tmp_path / "rows.jsonl", rows)
        found = read_correspondences([file], examples=examples, workers=workers, part_bytes=part_bytes)
        assert found.examples == {"numbered": [f"Object {at} is at the left in image 2." for at in range(examples)]}


@pytest.mark.parametrize("out", ["found.jsonl", "found.parquet", "parts/"])
def test_rows_are_written_as_star_score_writes_them(tmp_path, out):
    rows = [*rows_of(3, 100), {"id": "bad", "completion": 3}]
    file = write(tmp_path / "rows.jsonl", rows)
    read_correspondences([file], out=f"{tmp_path}/{out}", workers=2, part_bytes=3000)
    if out == "found.parquet":
        written = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / out).to_pylist()
        written = [row | {"spans": None if row["spans"] is None else json.loads(row["spans"])} for row in written]
    else:
        files = sorted((tmp_path / "parts").glob("part-*.jsonl")) if out == "parts/" else [tmp_path / out]
        written = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert [row["id"] for row in written] == [row["id"] for row in rows]
    for row, made in zip(rows[:-1], written, strict=False):
        spans = find_in(row["completion"])
        assert made["correspondence"] == (None if spans is None else bool(spans))
        assert made["spans"] == [each._asdict() | {"text": row["completion"][each.start : each.end]} for each in spans or ()]  # fmt: skip
    assert "rows.jsonl:101" in written[-1]["error"]
