"""Files of any kind, read whole or in parts: the same output rows, and only lines and Parquet are cut."""

import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from benchmarks.files.sources import BadRow, read_chunks
from benchmarks.run import score_files
from benchmarks.run.parts import plan_parts
from benchmarks.run.rewards import score_rewards
from rewards.errors import ConfigError, DataError
from tests.benchmarks.files.test_kinds import KINDS, PACKED, RIGHT, WRONG, lines_of

ROWS = [
    {"id": str(at), "completion": (RIGHT, WRONG, "", "[]")[at % 4].replace("\r\n", "\n"), "target": "2.color.cyan"}
    for at in range(60)
]


def parquet_of(rows):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=8)
    return buffer.getvalue()


CONTENT = {name: write(ROWS) for name, write in {**KINDS, "groups.parquet": parquet_of}.items()}
CONTENT |= {f"rows.jsonl{packed}": pack(CONTENT["rows.jsonl"]) for packed, pack in PACKED.items()}
CONTENT |= {"rows.csv.gz": PACKED[".gz"](CONTENT["rows.csv"])}
CUT = {"rows.jsonl", "rows.txt", "groups.parquet", "rows.json"}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(score_files, "BLOCK_ROWS", 7)


def in_parts(*files, **options):
    """Score files whole and in parts; return the output rows, which are the same, and the number of parts."""
    whole = score_rewards(files, out="out.jsonl", **options)
    assert score_rewards(files, out="parts/", part_bytes=700, **options) == whole
    expected, parts = Path("out.jsonl").read_bytes(), sorted(Path("parts").glob("part-*.jsonl"))
    assert b"".join(part.read_bytes() for part in parts) == expected
    return [json.loads(line) for line in expected.splitlines()], len(parts)


@pytest.mark.parametrize("name", CONTENT)
def test_any_kind_in_parts(name):
    Path(name).write_bytes(CONTENT[name])
    rows, parts = in_parts(name)
    assert [row["id"] for row in rows] == [row["id"] for row in ROWS]
    assert [row["correct"] for row in rows] == [at % 4 == 0 for at in range(60)]
    assert (parts > 3) == (name in CUT)


@pytest.mark.parametrize("name", CONTENT)
def test_reading_stops_where_it_is_told(name):
    Path(name).write_bytes(CONTENT[name])
    chunks = list(read_chunks(name, rows=8))
    whole = [row for chunk in chunks for row in chunk.rows]
    assert len(whole) == 60
    for chunk in chunks:
        before = [row for each in read_chunks(name, stop=chunk.end.offset, rows=8) for row in each.rows]
        after = [row for each in read_chunks(name, start=chunk.end, rows=8) for row in each.rows]
        assert before + after == whole
    middle = read_chunks(name, start=chunks[0].end, stop=chunks[-1].end.offset, rows=3)
    assert [row for chunk in middle for row in chunk.rows] == whole[len(chunks[0].rows) :]


def test_folders_and_patterns_are_found_before_parts_are_made():
    Path("many").mkdir()
    for number in (10, 9):
        Path(f"many/{number}.jsonl").write_bytes(lines_of(ROWS[number : number + 20]))
    given = [row["id"] for row in ROWS[9:29] + ROWS[10:30]]
    assert [row["id"] for row in in_parts("many")[0]] == given
    parts = json.loads(Path("parts/manifest.json").read_text())["parts"]
    assert {part["input"] for part in parts} == {"many/9.jsonl", "many/10.jsonl"}
    assert score_rewards(["many"], part_bytes=700, workers=2) == score_rewards(["many"])
    assert [row["id"] for row in in_parts("many/*.jsonl", overwrite=True)[0]] == given
    Path("targets").mkdir()
    for number in (1, 2):
        Path(f"targets/{number}.csv").write_bytes(KINDS["rows.csv"](ROWS[30 * (number - 1) : 30 * number]))
    bare = [{"id": row["id"], "completion": row["completion"]} for row in ROWS]
    Path("bare.jsonl").write_bytes(lines_of(bare))
    rows, _ = in_parts("bare.jsonl", targets="targets/*.csv", overwrite=True)
    assert [row["correct"] for row in rows] == [at % 4 == 0 for at in range(60)]
    Path("targets/1.csv").touch()
    with pytest.raises(ConfigError, match="other inputs"):
        score_rewards(["bare.jsonl"], targets="targets/*.csv", out="parts/", part_bytes=700)


def test_a_damaged_file_is_one_part_with_the_rows_before_the_damage():
    packed = PACKED[".gz"](lines_of(ROWS * 50))
    Path("a.jsonl.gz").write_bytes(packed[:-40])
    rows, parts = in_parts("a.jsonl.gz")
    assert (parts, rows[-1]["id"], len(rows) > 100) == (1, None, True)
    assert "the compressed data is damaged" in rows[-1]["error"]
    assert all(row["error"] is None for row in rows[:-1])
    assert isinstance(list(read_chunks("a.jsonl.gz"))[-1].rows[-1], BadRow)


def test_a_data_set_that_changes_is_another_input():
    Path("set").mkdir()
    Path("set/state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    Path("set/dataset_info.json").write_text("{}")
    Path("set/data.arrow").write_bytes(CONTENT["stream.arrow"])
    assert in_parts("set")[1] == 1
    os.utime("set/data.arrow", ns=(1, 10**18 * 3))
    with pytest.raises(ConfigError, match="other inputs"):
        score_rewards(["set"], out="parts/", part_bytes=700)

    def change(_):
        os.utime("set/data.arrow", ns=(1, 10**18 * 4))

    with pytest.raises(DataError, match="changed while being read"):
        score_rewards(["set"], on_progress=change)


# --- columns that a decoder of lines does not read -------------------------------------------------------------------

LM_EVAL = {"doc_id": 0, "target": "2.color.cyan", "filter": "none", "resps": [[RIGHT]], "filtered_resps": RIGHT}


@pytest.mark.parametrize(
    ("row", "correct"),
    [
        ({"completion": RIGHT, "target": ["2.color.cyan"]}, True),
        (
            {
                "completion": "<answer>2.color.cyan</answer>",
                "reasoning_content": "It turned.",
                "target": "2.color.cyan",
            },
            True,
        ),
        ({"completion": [RIGHT, RIGHT], "target": "2.color.cyan"}, True),
        ({"messages": [{"role": "assistant", "content": RIGHT}], "target": "2.color.cyan"}, True),
        (LM_EVAL, True),
    ],
)
@pytest.mark.parametrize("kind", ["rows.jsonl", "rows.parquet"])
def test_columns_are_read_alike_in_blocks_and_parts(row, correct, kind):
    Path(kind).write_bytes((lines_of if kind == "rows.jsonl" else parquet_of)([row] * 40))
    rows, _ = in_parts(kind)
    assert len(rows) == 40 * (2 if row.get("completion") == [RIGHT, RIGHT] else 1)
    assert all(row["correct"] is correct for row in rows)


@pytest.mark.parametrize("write", [lines_of, parquet_of])
def test_completions_that_are_there_once_more_do_not_count(write):
    rows = [LM_EVAL | {"doc_id": at, "filter": name} for at in range(30) for name in ("none", "first")]
    Path("rows").write_bytes(write(rows))
    assert len(in_parts("rows")[0]) == 30


def test_plan_of_parts_refuses_what_holds_no_rows():
    Path("image").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(DataError, match="PNG image"):
        plan_parts(["image"])
