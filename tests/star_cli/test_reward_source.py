"""Loading the reward that a command is about."""

import pytest

from rewards.errors import ConfigError
from star_cli.reward_source import RewardSource, load_function, load_reward

MINE = """
from helper import one

def solved(completions, solution):
    return [one() * float(gold in text) for text, gold in zip(completions, solution)]

def loose(completions, **columns):
    return [1.0 for _ in completions]

def named(completions, ground_truth, **columns):
    return [1.0 for _ in completions]

class Reward:
    def __call__(self, completions, **columns):
        return [0.0 for _ in completions]

reward = Reward()
constant = 3
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "helper.py").write_text("def one():\n    return 1\n")
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_a_function_of_a_file_and_what_stands_beside_it(mine):
    assert load_function(f"{mine}:solved")(["a b"], ["b"]) == [1.0]


def test_a_dotted_path(mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    assert load_function("rewards.functions.tvr_reward").__name__ == "tvr_reward"
    assert load_function("rewards:tvr_reward").__name__ == "tvr_reward"


@pytest.mark.parametrize(
    ("name", "target", "accepts"),
    [
        ("solved", "solution", ("solution",)),
        ("loose", "target", None),
        ("named", "ground_truth", None),
        ("reward", "target", None),
    ],
)
def test_the_gold_goes_where_the_function_takes_it(mine, name, target, accepts):
    audited = load_reward(RewardSource(f"{mine}:{name}"))
    assert (audited.target_column, audited.accepts) == (target, accepts)
    assert audited.name == f"{mine}:{name}"


def test_the_column_may_be_named(mine):
    assert load_reward(RewardSource(f"{mine}:loose", target_column="gts")).target_column == "gts"
    with pytest.raises(ConfigError, match="takes no column 'gts'; it takes solution"):
        load_reward(RewardSource(f"{mine}:solved", target_column="gts"))


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("{mine}:solvd", "did you mean 'solved'"),
        ("{mine}:Reward", "is a class; name an instance"),
        ("{mine}:constant", "is no function"),
        ("{mine}x.py:f", "no such file"),
        ("solved", "names no function"),
        ("no_such_package_anywhere.f", "ModuleNotFoundError"),
        ("rewards.functions.no_such", "has no .no_such."),
    ],
)
def test_what_cannot_be_loaded(mine, reference, says):
    with pytest.raises(ConfigError, match=says):
        load_function(reference.format(mine=mine))


def test_a_function_that_no_trainer_could_call(tmp_path):
    (tmp_path / "mine.py").write_text("def guess(rng, target): return 1.0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be called as a reward: it takes rng, target, and neither"):
        load_reward(RewardSource(f"{tmp_path / 'mine.py'}:guess"))


def test_a_scorer_that_a_benchmark_does_not_have():
    with pytest.raises(ConfigError, match=r"^mmsi:offical: a benchmark's scorers are mmsi:official and mmsi:strict$"):
        load_reward(RewardSource("mmsi:offical", task="mmsi"))


def test_a_module_without_functions_is_told_by_its_modules(tmp_path, monkeypatch):
    (tmp_path / "verl" / "utils").mkdir(parents=True)
    (tmp_path / "verl" / "reward_score.py").write_text("")
    (tmp_path / "empty_of_functions.py").write_text("X = 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"verl has no 'reward' and no functions at all, but modules"):
        load_function("verl.reward")
    with pytest.raises(ConfigError, match=r"^empty_of_functions has no 'reward' and no functions at all$"):
        load_function("empty_of_functions:reward")


CONVENTIONS = """
def verl(data_source, solution_str, ground_truth, extra_info=None, **settings):
    return 1.0

def easyr1(reward_inputs):
    return [{"overall": 1.0} for _ in reward_inputs]
"""


@pytest.mark.parametrize("convention", ["verl", "easyr1"])
def test_how_a_function_is_called_is_in_its_signature(tmp_path, convention):
    path = tmp_path / "others.py"
    path.write_text(CONVENTIONS)
    assert load_reward(RewardSource(f"{path}:{convention}")).convention == convention
    with pytest.raises(ConfigError, match=f"called as in {convention}"):
        load_reward(RewardSource(f"{path}:{convention}", target_column="gold"))


def test_a_benchmarks_scorer():
    scorer = load_reward(RewardSource("mmsi:strict", task="mmsi"))
    assert scorer.reward(["<think>a</think><answer>B</answer>", "C"], target=["B", "B"]) == [1.0, 0.0]
    with pytest.raises(ConfigError, match="does not score the answers of the task 'tvr'"):
        load_reward(RewardSource("mmsi:strict"))


def test_a_file_that_fails(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        load_function(f"{tmp_path / 'bad.py'}:f")


def test_ours():
    audited = load_reward(RewardSource(preset="paper", overrides={"conflicts": "last"}))
    assert audited.name == "tvr/paper (conflicts=last)"
    text = ["<think>a</think><answer>2.color.cyan</answer>"]
    assert audited.reward(text, target=["2.color.cyan"]) == [6.0]
    alone = load_reward(RewardSource(with_format=False))
    assert alone.reward(text, target=["2.color.cyan"]) == [5.0]
    with pytest.raises(ConfigError, match="papr"):
        load_reward(RewardSource(preset="papr"))
