"""Objects by their written name, as `star audit`, `star train` and recipes take them."""

import pickle
import sys

import pytest

from rewards.errors import ConfigError
from rewards.named import named_object

FILE = """
from dataclasses import dataclass
from helper import one

@dataclass
class Reward:
    weight: int = one()

def solved(completions):
    return [one()] * len(completions)
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "helper", "file_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "helper.py").write_text("def one():\n    return 1\n")
    (tmp_path / "mine.py").write_text(FILE)
    yield tmp_path / "mine.py"
    for name in ("mine", "helper", "file_mine"):
        sys.modules.pop(name, None)


def test_a_file_with_what_lies_beside_it_and_its_own_name(file):
    before = list(sys.path)
    solved, reward = named_object(f"{file}:solved"), named_object(f"{file}:Reward")
    assert solved(["a", "b"]) == [1, 1]
    assert reward.__module__ == "mine"
    assert pickle.loads(pickle.dumps(reward())) == reward()
    assert sys.path == before


def test_a_file_named_like_a_loaded_module_hides_nothing(file, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (file.parent / "rewards.py").write_text("def tvr(completions):\n    return 'theirs'\n")
    assert named_object("rewards.py:tvr")([]) == "theirs"
    assert sys.modules["rewards"].__name__ == "rewards"
    assert named_object("rewards:tvr_reward").__module__ == "rewards.functions"
    with pytest.raises(ConfigError, match=r"rewards has no 'tvr' .*for the file here write rewards\.py:"):
        named_object("rewards.tvr")


@pytest.mark.parametrize("name", ["mine.solved", "mine:solved"])
def test_modules_of_the_working_directory(file, name, monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    assert named_object(name)(["a"]) == [1]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine.py:solvd", r"reward_funcs: mine\.py has no 'solvd' \(did you mean 'solved'\?\)"),
        ("no.py:f", r"'no\.py:f' cannot be imported: FileNotFoundError: no\.py: there is no such file"),
        ("solved", r"'solved' names no function; write package\.module\.function or file\.py:function"),
        ("mine.py", r"'mine\.py' names a file and no function in it; write mine\.py:function"),
        ("no_such_package_anywhere.f", "cannot be imported: ModuleNotFoundError"),
        ("bad.py:f", "cannot be imported: ZeroDivisionError"),
        ("bad.f", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_had(file, name, says):
    (file.parent / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError, match=f"^reward_funcs: .*{says.removeprefix('reward_funcs: ')}"):
        named_object(name, "reward_funcs")
