"""Ray Data on a cluster: the same bytes and figures as here, also where a machine is lost in the middle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.run.rewards import score_rewards
from tests.benchmarks.run.corpora import CASES, made_files, score

pytest.importorskip("ray.data")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def run(code, *arguments, cwd):
    """Run a program in a process of its own: Ray is a thing of a whole process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *code, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=570)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def test_two_nodes_one_killed_in_the_middle(tmp_path):
    done = run(
        ["-m", "tests.measure.ray_cluster"], tmp_path, "--rows", 40_000, "--part-bytes", 2_000_000, "--kill", cwd=ROOT
    )
    assert "killed a node after" in done.stdout
    assert done.stdout.rstrip().endswith("nodes at the end: 1; same: True")


SCRIPT = """
import json, sys
import ray
from tests.benchmarks.run.corpora import CASES, score
ray.init(num_cpus=2, log_to_driver=False)
for case in sys.argv[1:]:
    files, options = CASES[case]
    for out in (f"{case}.jsonl", f"{case}/", f"{case}/", None):
        print(json.dumps(score(files, options, engine="ray", out=out, part_bytes=40_000).as_dict()))
"""


def test_one_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in made_files().items():
        Path(name).write_bytes(content)
    cases = ("several files", "tvr as a benchmark")
    for case in cases:
        Path(case).mkdir()
    found = [json.loads(line) for line in run(["-c", SCRIPT], *cases, cwd=tmp_path).stdout.splitlines()]
    for number, case in enumerate(cases):
        files, options = CASES[case]
        whole = score(files, options, out="out.jsonl", overwrite=True)
        assert found[4 * number : 4 * number + 4] == [json.loads(json.dumps(whole.as_dict()))] * 4
        parts = b"".join(path.read_bytes() for path in sorted(Path(case).glob("part-*.jsonl")))
        assert parts == Path(f"{case}.jsonl").read_bytes() == Path("out.jsonl").read_bytes()


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"completion": "x", "target": "2.color.cyan"}\n{"completion": 3, "target": "2.color.cyan"}\n')
    command = [sys.executable, "-m", "star_cli", "score", str(path), "--engine", "ray"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for more in ([], ["--strict-input"]):
        done = subprocess.run(
            [*command, *more], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert f"{path}:2: a completion is text or a list of messages, not int 3" in done.stderr.splitlines()[-1]
        assert ("total" in done.stdout) == (not more)
    assert score_rewards([str(path)]).errors == 1
