"""A run that is killed goes on where it was: the same bytes and the same table as one that was not."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.run.rewards import score_rewards
from rewards import ConfigError

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "tvr_predictions.jsonl"

# Scores files in small chunks, with a checkpoint after each, and says after each chunk that it is done.
CHILD = """
import json, sys
from benchmarks.files import sources
from benchmarks.run.rewards import score_rewards
sources.BLOCK, sources.CHUNK_ROWS = 1 << 12, 40
files, out, resume = json.loads(sys.argv[1])
summary = score_rewards(
    files, out=out, overwrite=not resume, resume=resume, checkpoint_seconds=0.0,
    on_progress=lambda done: print(done.rows, flush=True),
)
print("SUMMARY", json.dumps(summary.as_dict()), flush=True)
"""


def make_rows(count, seed):
    """Write lines with everything that happens: groups that stand apart, bad lines, bad gold, blank lines, repeated ids."""
    rng = random.Random(seed)
    rows = [json.loads(line) for line in EXAMPLE.read_text().splitlines()]
    lines = []
    for _ in range(count):
        row = dict(rng.choice(rows))
        kind = rng.random()
        if kind < 0.02:
            row["target"] = "2.color.cyna"
        line = json.dumps(row).encode()
        if 0.02 < kind < 0.04:
            line = line[: rng.randrange(1, len(line))]
        lines.append(b'{"id": "\xff"}' if 0.04 < kind < 0.05 else b"" if 0.05 < kind < 0.07 else line)
    return b"\n".join(lines)


def start(files, out, *, resume):
    arguments = json.dumps([list(map(str, files)), str(out), resume])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )


def finish(files, out, *, resume):
    with start(files, out, resume=resume) as process:
        *_, last = process.stdout
    assert process.returncode == 0
    return json.loads(last.removeprefix("SUMMARY "))


def kill_after(files, out, *, chunks, seconds, resume):
    """Start a run and kill it after some chunks and a moment; return whether it was still running."""
    with start(files, out, resume=resume) as process:
        seen = list(islice(process.stdout, chunks))
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    return process.returncode == -signal.SIGKILL and len(seen) == chunks


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("plain", 1), ("gzip", 2), ("parquet", 3)])
def test_killed_again_and_again(tmp_path, kind, seed):
    rng = random.Random(seed)
    files = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for number, path in enumerate(files):
        content = make_rows(1200, seed + number)
        path.write_bytes(gzip.compress(content) if kind == "gzip" else content)
    ending = "parquet" if kind == "parquet" else "jsonl"
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    whole, out = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    expected = finish(files, whole, resume=False)
    kills = 0
    for attempt in range(6):
        kills += kill_after(files, out, chunks=rng.randrange(8), seconds=rng.random() * 0.005, resume=attempt > 0)
        if out.exists():
            break
    assert kills >= 2
    assert finish(files, out, resume=True) == expected
    assert out.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "b.jsonl", whole.name, out.name}


def stop_after(rows):
    """Return a progress callback that stops a run as a crash would."""

    def stop(done):
        if done.rows >= rows:
            raise KeyboardInterrupt

    return stop


@pytest.fixture
def small_chunks(monkeypatch):
    from benchmarks.files import sources

    monkeypatch.setattr(sources, "BLOCK", 1 << 12)
    monkeypatch.setattr(sources, "CHUNK_ROWS", 10)


@pytest.fixture
def stopped(tmp_path, small_chunks):
    """A run that was stopped after about half of its rows, with a checkpoint after each chunk."""
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(make_rows(200, 5))
    with pytest.raises(KeyboardInterrupt):
        score_rewards([str(path)], out=str(out), checkpoint_seconds=0.0, on_progress=stop_after(100))
    assert not out.exists()
    return path, out


def test_the_errors_of_the_first_run_count_in_the_second(stopped, tmp_path):
    path, out = stopped
    first, second = [], []
    whole = score_rewards([str(path)], out=str(tmp_path / "whole.jsonl"), on_error=first.append)
    found = score_rewards([str(path)], out=str(out), resume=True, on_error=second.append)
    assert found == whole
    assert found.errors == len(first) > len(second) > 0
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"preset": "paper"}, "reward"),
        ({"mode": "lenient"}, "reward"),
        ({"limit": 3}, "limit"),
        ({"mapping": {"group": "id"}}, "mapping"),
    ],
)
def test_other_options_are_refused(stopped, options, what):
    path, out = stopped
    with pytest.raises(ConfigError, match=f"cannot resume, since the run was started with other {what}; --overwrite"):
        score_rewards([str(path)], out=str(out), resume=True, **options)
    assert score_rewards([str(path)], out=str(out), overwrite=True, **options)


def test_another_input_is_refused(stopped):
    path, out = stopped
    with path.open("ab") as file:
        file.write(b"\n{}")
    with pytest.raises(ConfigError, match="was started with other inputs"):
        score_rewards([str(path)], out=str(out), resume=True)
    with pytest.raises(ConfigError, match="was started with other files, inputs"):
        score_rewards([str(EXAMPLE)], out=str(out), resume=True)


def test_what_is_left_of_a_run_is_not_overwritten_by_the_way(stopped):
    path, out = stopped
    with pytest.raises(ConfigError, match="is left of an unfinished run; --resume goes on with it, --overwrite starts"):
        score_rewards([str(path)], out=str(out))
    with pytest.raises(ConfigError, match="give one of them"):
        score_rewards([str(path)], out=str(out), resume=True, overwrite=True)


def test_output_is_never_overwritten_by_the_way(tmp_path):
    out = tmp_path / "out.jsonl"
    score_rewards([str(EXAMPLE)], out=str(out))
    before = out.read_bytes()
    for resume in (False, True):
        with pytest.raises(ConfigError, match="is there already; --overwrite replaces it"):
            score_rewards([str(EXAMPLE)], out=str(out), resume=resume, preset="paper")
    assert out.read_bytes() == before
    score_rewards([str(EXAMPLE)], out=str(out), overwrite=True, preset="paper")
    assert out.read_bytes() != before


def test_the_old_output_stays_until_the_new_one_is_whole(tmp_path, small_chunks):
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    path = tmp_path / "in.jsonl"
    path.write_bytes(make_rows(200, 6))
    with pytest.raises(KeyboardInterrupt):
        score_rewards([str(path)], out=str(out), overwrite=True, checkpoint_seconds=0.0, on_progress=stop_after(50))
    assert out.read_text() == "old"
    score_rewards([str(path)], out=str(out), resume=True)
    assert len(out.read_text().splitlines()) > 150


def test_resume_without_anything_to_resume_starts(tmp_path):
    out = tmp_path / "out.jsonl"
    score_rewards([str(EXAMPLE)], out=str(out), resume=True)
    assert len(out.read_text().splitlines()) == 64
    out.unlink()
    (tmp_path / "out.jsonl.partial").write_text("killed before the first checkpoint")
    score_rewards([str(EXAMPLE)], out=str(out), resume=True)
    assert len(out.read_text().splitlines()) == 64


def test_a_run_that_reached_its_limit_stays_there(tmp_path, small_chunks):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(make_rows(200, 5))
    with pytest.raises(KeyboardInterrupt):
        score_rewards([str(path)], out=str(out), limit=50, checkpoint_seconds=0.0, on_progress=stop_after(50))
    # The checkpoint of the last chunk was not made; one that was made counts the same.
    assert score_rewards([str(path)], out=str(out), limit=50, resume=True).rows <= 50
    assert len(out.read_text().splitlines()) == 50


def test_wrong_outputs(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(EXAMPLE.read_bytes())
    for out, message in [
        (tmp_path / "out.csv", "--out ends in .jsonl or .parquet"),
        (tmp_path / "none" / "out.jsonl", "there is no folder"),
        (path, "the output is also an input"),
    ]:
        with pytest.raises(ConfigError, match=message):
            score_rewards([str(path)], out=str(out), overwrite=True)
    assert path.read_bytes() == EXAMPLE.read_bytes()


def test_a_damaged_checkpoint(stopped):
    path, out = stopped
    for damage, says in (("{", "cannot be read"), ("{}", "is no checkpoint of a run"), ("[]", "is no checkpoint")):
        Path(f"{out}.partial.checkpoint").write_text(damage)
        with pytest.raises(ConfigError, match=says):
            score_rewards([str(path)], out=str(out), resume=True)


def test_parquet_holds_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "in.jsonl"
    path.write_bytes(make_rows(300, 8) + b'\n{"id": 7, "completion": "x", "target": ""}\n')
    score_rewards([str(path)], out=str(tmp_path / "out.jsonl"))
    score_rewards([str(path)], out=str(tmp_path / "out.parquet"))
    expected = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert expected[-1]["id"] == 7
    expected[-1]["id"] = "7"
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == expected
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl", "out.parquet"}


def test_scenes_are_written_where_the_input_has_them(tmp_path):
    """Of rows and of bad rows, in files of which only one has scenes; numbers and text, in Parquet text."""
    said = {"completion": "<think>b</think><answer>2.color.cyan</answer>", "target": "2.color.cyan"}
    rows = [{"id": 0, "scene": "a", **said}, {"id": 1, "scene": 7, **said, "target": "2.color.cyna"}, {"id": 2, **said}]
    files = [tmp_path / "plain.jsonl", tmp_path / "scenes.jsonl"]
    files[0].write_text(json.dumps({"id": 3, **said}) + "\n")
    files[1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out.jsonl"
    score_rewards([str(path) for path in files], out=str(out))
    found = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [(row["id"], row.get("scene", "none")) for row in found] == [(3, "none"), (0, "a"), (1, 7), (2, "none")]
    assert [name for name in found[1] if name != "scene"] == list(found[0])
    assert list(found[1])[:2] == ["id", "scene"]
    assert found[2]["error"]
    parquet = pytest.importorskip("pyarrow.parquet")
    score_rewards([str(path) for path in files], out=str(tmp_path / "out.parquet"))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table["scene"].to_pylist() == [None, "a", "7", None]
    score_rewards([str(files[0])], out=str(tmp_path / "plain.parquet"))
    assert "scene" not in parquet.read_table(tmp_path / "plain.parquet").column_names


def test_parquet_without_pyarrow_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'star-r1\[scale\]'"):
        score_rewards([str(EXAMPLE)], out=str(tmp_path / "out.parquet"))
    assert not list(tmp_path.iterdir())
