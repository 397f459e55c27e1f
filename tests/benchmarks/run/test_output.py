"""Where output rows go: one writer at a time, a file whole or not at all, a folder of parts that the same command completes."""

import json
import os
import random
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.run.output import locked
from benchmarks.run.rewards import score_rewards
from rewards import ConfigError, DataError
from tests.benchmarks.run.corpora import CASES, EXAMPLE, list_lines, made_files, score

ROOT = Path(__file__).parents[3]
CHILD = """
import json, os, signal, sys, threading
from tests.benchmarks.run.corpora import score
def told(done):
    print(done.rows, flush=True)
    seen.append(done)
    if len(seen) == killed[0]:
        threading.Timer(killed[1], os.kill, (os.getpid(), signal.SIGKILL)).start()
if __name__ == "__main__":
    files, options, run, killed, seen = *json.loads(sys.argv[1]), []
    found = score(files, options, on_progress=told, **run)
    print("FOUND", json.dumps(found.as_dict()), flush=True)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_bytes(list_lines(400, 5, bad=0.1))
    return tmp_path


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def parts_of(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).glob("part-*.jsonl")))


def start(files, options, *, killed=(0, 0), **run):
    """Start a run that kills itself so many seconds after that sign of progress: nobody outside could be in time."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps([files, options, run, killed])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )


# --- one writer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet", "parts/"])
def test_a_second_writer_is_refused_and_told_who_writes(here, out):
    if out.endswith("parquet"):
        pytest.importorskip("pyarrow")
    os.mkfifo("pipe")
    files = ["in.jsonl", "pipe"] if not out.endswith("/") else ["in.jsonl"]
    Path("parts").mkdir()
    with locked(Path("parts/manifest.json"), "parts/") if out.endswith("/") else start(files, {}, out=out) as holder:
        if not out.endswith("/"):
            holder.stdout.readline()
        with pytest.raises(ConfigError, match=rf"{out} is being written by process \d+ on \S+: "):
            score_rewards(["in.jsonl"], out=out, overwrite=True)
        if not out.endswith("/"):
            holder.kill()
    score_rewards(["in.jsonl"], out=out, overwrite=True)  # the lock of a process that is gone holds nobody up
    assert [name for name in names() if name.startswith(".")] == []
    assert [name for name in names("parts") if name.endswith((".lock", ".partial"))] == []


def test_a_lock_is_one_at_a_time_also_where_it_is_removed(here):
    script = """
import sys
from pathlib import Path
from benchmarks.run.output import locked
from rewards import ConfigError
held = 0
while held < 150:
    try:
        with locked(Path("x"), "x"):
            with open("inside", "x"):
                pass
            Path("inside").unlink()
            held += 1
    except ConfigError:
        pass
"""
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3


# --- a file ----------------------------------------------------------------------------------------------------------


def stop_after(rows):
    """Return a progress callback that stops a run as a crash would."""

    def stop(done):
        if done.rows >= rows:
            raise KeyboardInterrupt

    return stop


def test_a_file_is_there_whole_or_not_at_all(here):
    with pytest.raises(KeyboardInterrupt):
        score_rewards(["in.jsonl"], out="out.jsonl", on_progress=stop_after(1))
    assert names() == ["in.jsonl"]
    Path("out.jsonl").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        score_rewards(["in.jsonl"], out="out.jsonl", overwrite=True, on_progress=stop_after(1))
    assert Path("out.jsonl").read_text() == "old"
    assert names() == ["in.jsonl", "out.jsonl"]


def test_a_killed_run_leaves_nothing_that_hinders_the_next(here):
    os.mkfifo("pipe")
    with start(["in.jsonl", "pipe"], {}, out="out.jsonl") as process:
        process.stdout.readline()
        process.kill()
    assert any(name.endswith(".partial") for name in names())
    score_rewards(["in.jsonl"], out="out.jsonl")
    assert names() == ["in.jsonl", "out.jsonl", "pipe"]


def test_output_is_never_overwritten_by_the_way(here):
    score_rewards(["in.jsonl"], out="out.jsonl")
    before = Path("out.jsonl").read_bytes()
    with pytest.raises(ConfigError, match="out.jsonl already exists; --overwrite replaces it"):
        score_rewards(["in.jsonl"], out="out.jsonl", preset="paper")
    assert Path("out.jsonl").read_bytes() == before
    score_rewards(["in.jsonl"], out="out.jsonl", overwrite=True, preset="paper")
    assert Path("out.jsonl").read_bytes() != before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.csv", r"--out ends in .jsonl or .parquet, or in / for a folder of parts"),
        ("none/out.jsonl", "there is no folder none"),
        ("none/parts/", "there is no folder"),
        ("in.jsonl", "the output is also an input"),
    ],
)
def test_wrong_outputs(here, out, message):
    before = Path("in.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=message):
        score_rewards(["in.jsonl"], out=out, overwrite=True)
    assert Path("in.jsonl").read_bytes() == before
    assert names() == ["in.jsonl"]


@pytest.mark.parametrize("out", [None, "out.jsonl", "out.parquet", "parts/"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_input_that_changes_while_it_is_read(here, out, workers):
    if out == "out.parquet":
        pytest.importorskip("pyarrow")

    def append(_):
        with Path("in.jsonl").open("ab") as file:
            file.write(b"{}\n")

    with pytest.raises(DataError, match="in.jsonl changed while being read; score it again"):
        score_rewards(["in.jsonl"], out=out, workers=workers, on_progress=append)
    assert names() == (["in.jsonl"] if out != "parts/" else ["in.jsonl", "parts"])


def test_parquet_holds_the_same_rows(here):
    parquet = pytest.importorskip("pyarrow.parquet")
    with Path("in.jsonl").open("ab") as file:
        file.write(b'{"id": [7], "completion": "x", "target": ""}\n')
    score_rewards(["in.jsonl"], out="out.jsonl")
    for workers in (1, 2):
        score_rewards(["in.jsonl"], out="out.parquet", overwrite=True, workers=workers, part_bytes=9000)
        expected = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
        for row in expected:
            row["id"] = row["id"] if isinstance(row["id"], str | None) else json.dumps(row["id"])
            row["group"] = row["group"] if isinstance(row["group"], str | None) else json.dumps(row["group"])
        assert parquet.read_table("out.parquet").to_pylist() == expected
    assert names() == ["in.jsonl", "out.jsonl", "out.parquet"]


def test_parquet_without_pyarrow_is_refused_at_once(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'star-r1\[scale\]'"):
        score_rewards(["in.jsonl"], out="out.parquet")
    assert names() == ["in.jsonl"]


# --- a folder of parts -----------------------------------------------------------------------------------------------


def test_the_manifest_says_what_the_parts_are(here):
    score_rewards(["in.jsonl"], out="out.jsonl")
    found = score_rewards(["in.jsonl"], out="parts/", part_bytes=20_000)
    manifest = json.loads(Path("parts/manifest.json").read_text())
    content, at, line, rows, errors = Path("in.jsonl").read_bytes(), 0, 1, 0, 0
    for part in manifest["parts"]:
        written = Path("parts", part["name"]).read_bytes()
        assert (part["sha256"], part["bytes"]) == (sha256(written).hexdigest(), len(written))
        assert (part["input"], part["start"], part["first_line"]) == ("in.jsonl", at, line)
        assert part["rows"] == written.count(b"\n")
        assert part["errors"] == written.count(b',"error":"')
        rows, errors = rows + part["rows"], errors + part["errors"]
        line += content[at : part["end"]].count(b"\n")
        at = part["end"]
    assert (at, rows, errors) == (len(content), found.rows + found.errors, found.errors)
    assert len(manifest["parts"]) > 3
    assert parts_of("parts") == Path("out.jsonl").read_bytes()
    assert [part["name"] for part in manifest["parts"]] == [path.name for path in sorted(Path("parts").glob("part-*"))]


@pytest.mark.parametrize("case", ["mixed", "tvr as a benchmark"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_command_makes_what_is_missing_and_checks_what_is_there(case, workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs, options = CASES[case]
    for name in inputs:
        Path(name).write_bytes(made_files()[name])
    run = {"out": "parts/", "part_bytes": 30_000, "workers": workers}
    whole = score(inputs, options, out="out.jsonl")
    score(inputs, options, **run)
    parts = sorted(Path("parts").glob("part-*.jsonl"))
    times = {path.name: path.stat().st_mtime_ns for path in parts}
    parts[0].unlink()
    last = parts[-1].read_bytes()
    parts[-1].write_bytes(last[:-2] + b" \n")
    record = Path("parts/.part-00001.tally")
    record.write_bytes(record.read_bytes()[:50])
    told = []
    again = score(inputs, options, on_notice=told.append, **run)
    assert again == whole
    assert told == [f"{parts[-1].name} is not what was written, and is made again"]
    assert parts_of("parts") == Path("out.jsonl").read_bytes()
    kept = [path.name for path in parts if path.stat().st_mtime_ns == times[path.name]]
    assert kept == [path.name for path in parts[2:-1]] != []


def test_errors_are_told_also_of_parts_that_are_there(here):
    first, again = [], []
    found = score_rewards(["in.jsonl"], out="parts/", on_error=first.append, part_bytes=9000)
    assert score_rewards(["in.jsonl"], out="parts/", on_error=again.append, part_bytes=9000) == found
    assert again == first
    assert len(first) == found.errors > 3


@pytest.mark.parametrize(
    ("options", "what"),
    [({"preset": "paper"}, "settings"), ({"mode": "lenient"}, "settings"), ({"mapping": {"group": "id"}}, "settings")],
)
def test_another_run_does_not_mix_with_the_parts(here, options, what):
    score_rewards(["in.jsonl"], out="parts/")
    before = parts_of("parts")
    with pytest.raises(ConfigError, match=f"parts/ holds the parts of a run with other {what}; --overwrite removes"):
        score_rewards(["in.jsonl"], out="parts/", **options)
    assert parts_of("parts") == before
    score_rewards(["in.jsonl"], out="parts/", overwrite=True, **options)
    score_rewards(["in.jsonl"], out="out.jsonl", **options)
    assert parts_of("parts") == Path("out.jsonl").read_bytes()


def test_another_input_does_not_mix_with_the_parts(here):
    score_rewards(["in.jsonl"], out="parts/")
    with Path("in.jsonl").open("ab") as file:
        file.write(b"\n{}")
    with pytest.raises(ConfigError, match="of a run with other inputs; --overwrite removes them"):
        score_rewards(["in.jsonl"], out="parts/")
    with pytest.raises(ConfigError, match="of a run with other files and inputs"):
        score_rewards([str(EXAMPLE)], out="parts/")


def test_fewer_parts_leave_none_of_the_old(here):
    score_rewards(["in.jsonl"], out="parts/", part_bytes=5000)
    assert len(names("parts")) > 20
    score_rewards([str(EXAMPLE)], out="parts/", overwrite=True)
    assert names("parts") == [".part-00000.tally", "manifest.json", "part-00000.jsonl"]


def test_a_folder_of_other_things_is_left_alone(here):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="mine holds 'notes.txt', which is none of ours; name an empty folder"):
            score_rewards(["in.jsonl"], out="mine", overwrite=overwrite)
    Path("mine/manifest.json").write_text("{")
    with pytest.raises(ConfigError, match="manifest.json cannot be read"):
        score_rewards(["in.jsonl"], out="mine/")
    Path("mine/manifest.json").write_text("[]")
    with pytest.raises(ConfigError, match="manifest.json is none of ours"):
        score_rewards(["in.jsonl"], out="mine/")
    assert Path("mine/notes.txt").read_text() == "x"


@pytest.mark.parametrize("options", [{"out": "parts/"}, {"workers": 2}, {"engine": "ray"}])
def test_what_is_read_once_or_in_order_is_not_cut(here, options):
    with pytest.raises(ConfigError, match="- can be read only once, and not in parts; write it to a file first"):
        score_rewards(["-"], **options)
    with pytest.raises(ConfigError, match="a limit is for a look at the first rows"):
        score_rewards(["in.jsonl"], limit=3, **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_strict_input_stops_at_the_first_bad_row(here, workers):
    errors = []
    score_rewards(["in.jsonl"], on_error=errors.append)
    for out in (None, "out.jsonl", "parts/"):
        with pytest.raises(DataError) as raised:
            score_rewards(["in.jsonl"], out=out, strict_input=True, workers=workers, part_bytes=3000)
        assert str(raised.value) == errors[0]
    assert names() == ["in.jsonl", "parts"]
    found = score_rewards(["in.jsonl"], out="parts/", part_bytes=3000)
    score_rewards(["in.jsonl"], out="out.jsonl")
    assert parts_of("parts") == Path("out.jsonl").read_bytes()
    assert found.errors == len(errors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "spark"}, "there is no engine 'spark'; there are here, ray"),
        ({"workers": 0}, "there is at least 1 worker, not 0"),
        ({"address": "auto"}, "it goes with the engine ray"),
        ({"address": "auto", "engine": "ray", "workers": 3}, "leave workers away"),
    ],
)
def test_wrong_executors(here, options, message):
    with pytest.raises(ConfigError, match=message):
        score_rewards(["in.jsonl"], **options)


def test_ray_that_is_not_installed(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"the engine ray needs 'star-r1\[ray\]'.*pip install 'star-r1\[ray\]'"):
        score_rewards(["in.jsonl"], engine="ray")


@pytest.mark.slow
@pytest.mark.parametrize(("case", "workers", "seed"), [("several files", 1, 1), ("tvr as a benchmark", 2, 2)])
def test_killed_again_and_again(case, workers, seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = random.Random(seed)
    inputs, options = CASES[case]
    for name in inputs:
        Path(name).write_bytes(made_files()[name])
    whole = score(inputs, options, out="out.jsonl")
    kills = 0
    for _ in range(5):
        moment = rng.randrange(1, 8), rng.random() * 0.01
        with start(inputs, options, killed=moment, out="parts/", part_bytes=15_000, workers=workers) as process:
            process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 2
    assert score(inputs, options, out="parts/", part_bytes=15_000, workers=workers) == whole
    assert parts_of("parts") == Path("out.jsonl").read_bytes()
    assert not [name for name in names("parts") if name.endswith((".partial", ".lock"))]
