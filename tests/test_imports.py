"""What an import costs, and the alias module beside other people's files of the same names."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("lark", "scipy", "yaml", "torch", "transformers", "trl", "pydantic", "msgspec", "click", "rich")
SCORE = """
from {module} import score_completion, tvr_reward
print(tvr_reward(["<think>a</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"]))
"""


def python(program, cwd=ROOT, first=None):
    """Run a program in a new process and return what it printed; *first* goes before the project on the path."""
    path = os.pathsep.join(filter(None, [first, str(ROOT)]))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded(program):
    """Return which of the heavy packages a program has loaded when it ends."""
    return python(f"{program}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])").splitlines()[-1]


@pytest.mark.parametrize("module", ["parsers", "rewards", "star_r1"])
def test_importing_loads_nothing_heavy(module):
    assert loaded(f"import {module}") == "[]"
    assert loaded(f"import {module}; {module}.{'parse_completion' if module == 'parsers' else 'tvr_reward'}") == "[]"


def test_parsers_stand_alone():
    program = "import parsers; [getattr(parsers, name) for name in parsers.__all__]; import sys; print('numpy' in sys.modules)"
    assert python(program) == "False"


def test_scoring_lists_loads_yaml_alone():
    assert loaded(SCORE.format(module="rewards")) == "['yaml']"


def test_unknown_names_of_parsers():
    program = "import parsers\ntry:\n    parsers.parse_nothing\nexcept AttributeError as error:\n    print(error)"
    assert python(program) == "module 'parsers' has no attribute 'parse_nothing'"


# --- beside foreign files --------------------------------------------------------------------------------------------

FOREIGN = "WHO = 'somebody else'\nfrom star_r1 import tvr_reward\ndef mine(completions, **columns):\n    return tvr_reward(completions, **columns)\n"
CALL = "(['<think>a</think><answer>2.color.cyan</answer>'], target=['2.color.cyan'])"


@pytest.mark.parametrize("names", [("rewards",), ("parsers",), ("rewards", "parsers")])
def test_the_alias_beside_foreign_files(names, tmp_path):
    for name in names:
        (tmp_path / f"{name}.py").write_text("WHO = 'somebody else'\n")
    program = (
        f"from star_r1 import tvr_reward, multiview_reward, score_completion\nprint(tvr_reward{CALL})\n"
        "print(multiview_reward(['<think>View 1: [sofa, ball, left]</think><answer>2</answer>'], target=[2], references=[[['sofa', 'ball'], []]]))\n"
        "tiers = {('index', 'attribute', 'value'): 5, ('value',): 1}\n"
        "print(score_completion('<think>a</think><answer>1.color.cyan</answer>', '2.color.cyan', tiers=tiers, table=()).total)\n"
        f"print([__import__(name).WHO for name in {names}])"
    )
    assert python(program, tmp_path, str(tmp_path)).splitlines() == [
        "[6.0]",
        "[1.5]",
        "1.0",
        str(["somebody else"] * len(names)),
    ]


@pytest.mark.parametrize("first", ["rewards", "star_r1"])
def test_the_alias_inside_a_foreign_rewards_file(first, tmp_path):
    (tmp_path / "rewards.py").write_text(FOREIGN)
    program = f"import {first}\nimport rewards\nprint(rewards.mine{CALL}, rewards.WHO, rewards.__file__)"
    assert python(program, tmp_path, str(tmp_path)) == f"[6.0] somebody else {tmp_path / 'rewards.py'}"


def test_the_alias_without_foreign_files():
    program = f"import rewards, star_r1\nprint(star_r1.tvr_reward is rewards.tvr_reward, star_r1.__all__ == rewards.__all__, star_r1.tvr_reward{CALL})"
    assert python(program) == "True True [6.0]"


@pytest.mark.parametrize("name", ["evaluate", "audit", "train"])
def test_what_loads_when_it_is_asked_for(name, tmp_path):
    assert python(f"import star_r1\nprint(star_r1.{name}.__name__, {name!r} in dir(star_r1))") == f"{name} True"
    program = f"import star_r1\ntry:\n    star_r1.{name}\nexcept ImportError as error:\n    print(error)"
    for file, package in (("rewards.py", "rewards"), ("benchmarks.py", "benchmarks"), ("trainers.py", "trainers")):
        (tmp_path / file).write_text("")
        expected = (
            f"star_r1.{name} needs the package {package!r} of star-r1, but {tmp_path / file} is in the way: rename it"
        )
        assert python(program, tmp_path, str(tmp_path)) == expected
        (tmp_path / file).unlink()


def test_unknown_names_and_the_version_of_the_alias():
    program = "import star_r1\ntry:\n    star_r1.tvr_rewrd\nexcept AttributeError as error:\n    print(error)\nprint(star_r1.__version__)"
    said, version = python(program).splitlines()
    assert said == "module 'star_r1' has no attribute 'tvr_rewrd'"
    assert version[0].isdigit() or version == "source"


@pytest.mark.parametrize(
    "name", ["tvr_reward", "tvr_accuracy_reward", "multiview_reward", "answer_reward", "reference_reward"]
)
def test_signatures_show_what_can_be_given(name):
    program = f"import inspect, star_r1\nfunction = star_r1.{name}\nprint(*inspect.signature(function).parameters)\nprint(function.__doc__)"
    shown, *docstring = python(program).splitlines()
    assert {"completions", "target", "preset", "mode", "overrides"} <= set(shown.split())
    described = re.findall(r"^ {8}(\w+): ", "\n".join(docstring), flags=re.MULTILINE)
    assert {"target", "preset", "mode", "overrides"} <= set(described) or any(
        line.strip().startswith("Arguments") for line in docstring
    )
