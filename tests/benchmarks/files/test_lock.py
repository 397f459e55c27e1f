"""One writer at a time, told by name; what a killed one has left behind stops nobody."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.files.lock import locked
from benchmarks.files.write import whole_folder
from rewards import ConfigError
from star_cli.main import star
from trainers.data.generate import GenerationSettings, generate

ROOT = Path(__file__).parents[3]
HELD = r"is being written by process \d+ on \S+: "


def command(*arguments):
    return [sys.executable, "-m", "star_cli", *map(str, arguments)]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_a_lock_is_of_a_folder_that_is_there(tmp_path):
    with pytest.raises(ConfigError, match="out: there is no folder .*gone"), locked(tmp_path / "gone" / "x", "out"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="out: there is no folder .*file"), locked(tmp_path / "file" / "x", "out"):
        pass


def test_a_lock_that_a_killed_process_has_left_is_taken_over(tmp_path):
    script = "import sys, time; from pathlib import Path; from benchmarks.files.lock import locked\n"
    script += f"with locked(Path({str(tmp_path / 'x')!r}), 'x'): print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        holder.stdout.readline()
        with (
            pytest.raises(ConfigError, match=f"x is being written by process {holder.pid} on "),
            locked(tmp_path / "x", "x"),
        ):
            pass
        holder.kill()
    assert [path.name for path in tmp_path.iterdir()] == [".x.lock"]
    with locked(tmp_path / "x", "x"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_is_not_held_by_what_its_holder_has_forked(tmp_path):
    """A worker that outlives a killed process blocks nobody; and one that ends like its parent takes no lock away."""
    script = "import os, signal; from pathlib import Path; from benchmarks.files.lock import locked\n"
    script += f"with locked(Path({str(tmp_path / 'x')!r}), 'x'):\n"
    script += " if os.fork(): print(os.getpid(), flush=True); signal.pause()\n"
    script += " if os.fork(): os.wait(); print(os.getpid(), flush=True); signal.pause()\n"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        pids = [int(holder.stdout.readline()) for _ in range(2)]
        worker = max(pids, key=lambda pid: pid != holder.pid)
        assert (tmp_path / ".x.lock").exists()
        with pytest.raises(ConfigError, match=HELD), locked(tmp_path / "x", "x"):
            pass
        holder.kill()
        holder.wait()
        with locked(tmp_path / "x", "x"):
            os.kill(worker, signal.SIGKILL)


def test_a_lock_that_is_removed_while_it_is_taken_is_taken_anew(tmp_path, monkeypatch):
    plain, calls = fcntl.flock, []

    def flock(handle, how):
        plain(handle, how)
        if not calls:
            (tmp_path / ".x.lock").unlink()  # as the one before does at its end
        calls.append(handle)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "x", "x"):
        assert len(calls) == 2
        assert (tmp_path / ".x.lock").exists()


def test_scenes_are_made_by_one_process_and_finished_by_the_next(tmp_path):
    """Two of the same command in one folder: the second is refused; when the first was killed, it finishes its work.

    The first stands still meanwhile, so that it is not done before the second has begun.
    """
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    same = ("--count", 1500, "--seed", 3)
    with subprocess.Popen(command("data", "generate", shared, *same), cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        while not list(shared.glob(".parts/*.data.jsonl")):
            assert first.poll() is None
            time.sleep(0.005)
        first.send_signal(signal.SIGSTOP)
        second = subprocess.run(
            command("data", "generate", shared, *same), cwd=ROOT, capture_output=True, text=True, check=False
        )
        first.send_signal(signal.SIGKILL)
    assert second.returncode == 2
    assert f"{shared} is being written by process {first.pid} on" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert (shared / ".settings.json.lock").exists()
    for folder in (whole, shared):
        generate(folder, GenerationSettings(count=1500, seed=3))
    assert contents(whole) == contents(shared)


@pytest.mark.parametrize("left", [".settings.json.4711.partial", ".settings.json.lock"])
def test_settings_that_were_half_written_block_no_folder(tmp_path, left):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / left).write_text('{"count"')
    generate(tmp_path / "set", GenerationSettings(count=2))
    generate(tmp_path / "whole", GenerationSettings(count=2))
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


@pytest.mark.parametrize("other", ["notes.txt", ".settings.json.old", ".parts"])
def test_a_folder_of_somebody_else_stays_as_it_is(tmp_path, other):
    (tmp_path / other).write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        generate(tmp_path, GenerationSettings(count=2))
    assert contents(tmp_path) == {other: b"mine"}


@pytest.mark.parametrize("teacher", ["oracle", "labels", "openai:m"])
def test_chains_are_written_by_one_process(tmp_path, teacher):
    """A second one touches nothing: neither the file, nor the journal of a model behind a server."""
    if teacher.startswith("openai"):
        pytest.importorskip("openai")
    scenes, out = tmp_path / "scenes", tmp_path / "out.jsonl"
    generate(scenes, GenerationSettings(count=2))
    before = contents(tmp_path)
    with locked(out, str(out)):
        run = CliRunner().invoke(star, ["data", "cot", str(scenes), "--teacher", teacher, "--out", str(out)])
    assert run.exit_code == 2
    assert str(run.stderr).startswith("Error: ")
    assert " is being written by process " in run.stderr
    assert contents(tmp_path) == before


def test_a_folder_is_made_by_one_process_and_what_a_killed_one_left_is_gone(tmp_path):
    out, left = tmp_path / "set", tmp_path / ".set.partial"
    left.mkdir()
    (left / "half").write_text("x")
    with whole_folder(out) as partial:
        (partial / "a").write_text("1")
        with pytest.raises(ConfigError, match=HELD), whole_folder(out):
            pass
        assert not out.exists()
    assert contents(tmp_path) == {"set/a": b"1"}
    with pytest.raises(ConfigError, match="already exists"), whole_folder(out):
        pass
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "other") as partial:
        (partial / "a").write_text(str(1 / 0))
    assert contents(tmp_path) == {"set/a": b"1"}


@pytest.mark.parametrize("name", ["mix", "prepare"])
def test_prepared_sets_are_made_by_one_process(tmp_path, name):
    arguments = {
        "mix": [str(tmp_path / "source")],
        "prepare": ["mindcube", str(ROOT / "tests" / "golden" / "datasets" / "mindcube" / "prompts")],
    }[name]
    out = tmp_path / "set"
    with locked(out, str(out)):
        run = CliRunner().invoke(star, ["data", name, *arguments, "--out", str(out)])
    assert " is being written by process " in run.stderr, json.dumps(run.output)
    assert contents(tmp_path) == {}
