"""The wheel, alone: built, installed with its dependencies into a clean environment, used far from the source folder.

And the types of `star_r1` there and in an editable install, as pyright and mypy see them.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("parsers", "rewards", "benchmarks", "trainers", "star_cli", "star_r1")
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
    for name in ("pyproject.toml", "README.md", "LICENSE"):
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
    assert {name for name in names if ".dist-info/" not in name} == set(files)
    assert {f"parsers/{grammar}.lark" for grammar in ("completion", "items", "record")} <= names
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
    "multiview": multiview_reward(["<think>View 1: [sofa, ball, left]</think><answer>B</answer>"], target=["B"], references=[[["sofa", "ball"], []]]),
    "file": rewards.__file__,
    "heavy": [name for name in {HEAVY} if name in sys.modules],
}}))
"""
    found = json.loads(run(python, "-c", program, cwd=tmp_path))
    assert not Path(found.pop("file")).is_relative_to(ROOT)
    assert found == {"tvr": [6.0], "alias": [6.0], "trance": 0.0, "multiview": [1.5], "heavy": []}


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


USE = """\
from typing import assert_type

import star_r1
from star_r1.tvr import default
from star_r1.verl import compute_score
from star_r1 import TVR, Score, TieredSpec, audit, evaluate, score_completion, train, tvr_reward

assert_type(tvr_reward(["a"], target=["2.color.cyan"], preset="paper"), list[float | None])
assert_type(score_completion("a", "2.color.cyan", preset="paper", mode="lenient"), Score)
assert_type(TVR, TieredSpec)
assert_type(star_r1.__version__, str)
assert_type(evaluate([{}], "mmsi").rows, int)
assert_type(compute_score("star-r1/tvr", "a", "2.color.cyan", preset="paper"), dict[str, float | str])
assert_type(default(["a"], target=["2.color.cyan"]), list[float | None])
train("sft", {}).folder.exists()
audit
"""
WRONG = """\
from star_r1 import evaluate, score_completion, train, tvr_reward

tvr_reward(1)
score_completion("a", "b", mode="loose")
evaluate([{}])
train("grpo")
from star_r1 import tvr_rewrd
"""


@pytest.fixture(scope="module")
def editable(source, tmp_path_factory):
    """Return the interpreter of an environment in which the project is installed as developers do it."""
    environment = tmp_path_factory.mktemp("editable")
    run(sys.executable, "-m", "venv", environment, cwd=environment)
    installed = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(installed, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", source, cwd=environment)
    return installed


@pytest.mark.parametrize("checker", ["pyright", "mypy"])
@pytest.mark.parametrize("install", ["python", "editable"])
def test_types_are_resolved_where_it_is_installed(install, checker, request, tmp_path):
    pytest.importorskip(checker)
    installed = request.getfixturevalue(install)
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "wrong.py").write_text(WRONG)

    def check(file):
        options = {"pyright": ("--pythonpath", installed), "mypy": ("--strict", "--python-executable", installed)}
        command = [sys.executable, "-m", checker, *options[checker], file]
        done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=False)
        return [line for line in done.stdout.splitlines() if " error:" in line], done

    found, done = check("use.py")
    assert (found, done.returncode) == ([], 0), done.stdout + done.stderr
    found, done = check("wrong.py")
    lines = [int(line.split(":")[1]) for line in found]
    assert sorted(set(lines)) == [3, 4, 5, 6, 7], done.stdout + done.stderr
