"""The wheel, alone: built, installed with its dependencies into a clean environment, used far from the source folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("parsers", "rewards", "benchmarks", "trainers", "star_cli")
KEPT_OUT = ("tests/", "docs/", "examples/", "recipes/")
DATA = (".lark", ".yaml", ".typed")
GOOD = "<think>It turned.</think><answer>2.color.cyan</answer>"
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")

pytestmark = pytest.mark.slow


def run(*command, cwd, **variables):
    """Run a command without this project on any path and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a copy of what the wheel is built from, so that nothing is written into the repository."""
    copy = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "star_r1.py"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        target,
        source,
        cwd=target,
    )
    (found,) = target.glob("star_r1-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return the interpreter of an environment that holds the wheel and what it depends on, and no more."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", environment, cwd=environment)
    installed = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(installed, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, cwd=environment)
    return installed


def test_what_the_wheel_holds(source, wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = [
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
    ]
    expected = {name for name in files if not name.startswith(KEPT_OUT)} | {"star_r1.py"}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert {f"parsers/{grammar}.lark" for grammar in ("completion", "pieces", "record")} <= names
    assert {f"rewards/tasks/{task}.yaml" for task in ("tvr", "trance", "multiview")} <= names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert all(any(name.endswith(kind) for name in names) for kind in DATA)
    assert not [name for name in names if name.startswith(KEPT_OUT)]
    assert any(name.endswith("/LICENSE") for name in names)


def test_rewards_away_from_the_source(python, tmp_path):
    program = f"""
import json, sys
import rewards
from rewards import tvr_reward, multiview_reward, score_completion
import star_r1
print(json.dumps({{
    "tvr": tvr_reward([{GOOD!r}], target=["2.color.cyan"]),
    "alias": star_r1.tvr_reward([{GOOD!r}], target=["2.color.cyan"]),
    "trance": score_completion({GOOD!r}, "4.position.left.1", task="trance").total,
    "multiview": multiview_reward(["<think>View 1: [sofa, ball, left]</think><answer>B</answer>"], target=["B"], references=[[["sofa", "ball"]]]),
    "file": rewards.__file__,
    "heavy": [name for name in {HEAVY} if name in sys.modules],
}}))
"""
    found = json.loads(run(python, "-c", program, cwd=tmp_path))
    assert not Path(found.pop("file")).is_relative_to(ROOT)
    assert found == {"tvr": [6.0], "alias": [6.0], "trance": 0.0, "multiview": [2.0], "heavy": []}


@pytest.mark.skipif(not (ROOT / "star_cli" / "main.py").exists(), reason="there is no command line yet")
def test_star_score_away_from_the_source(python, tmp_path):
    rows = [{"id": name, "completion": text, "target": "2.color.cyan"} for name, text in (("a", GOOD), ("b", "?"))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    star = python.with_name("star")
    assert "score" in run(star, "--help", cwd=tmp_path)
    summary = json.loads(run(star, "score", "rows.jsonl", "--json", "--out", "scores.jsonl", cwd=tmp_path))
    assert isinstance(summary, dict)
    scores = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [(row["id"], row["total"], row["correct"]) for row in scores] == [("a", 6.0, True), ("b", -1.0, False)]
    program = f"import sys\nfrom star_cli.main import main\ntry:\n    main()\nfinally:\n    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    command = [python, "-c", program, "score", "rows.jsonl", "--quiet"]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr
    assert done.returncode == 0
