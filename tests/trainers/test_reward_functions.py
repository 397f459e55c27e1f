import pickle

import pytest

from rewards import ConfigError, score_completion
from trainers.config import StarArguments
from trainers.reward_functions import OURS, WatchedReward, reward_functions

RIGHT = "<think> a</think><answer>2.color.cyan</answer>"
NEAR = "<think> a</think><answer>2.color.red</answer>"


def three(completions, **columns):
    return [1.0, 2.0, 3.0]


def none(completions, **columns):
    return None


def nan(completions, **columns):
    return [float("nan")] * len(completions)


def skips(completions, **columns):
    return [None] * len(completions)


async def later(completions, **columns):
    return [0.0] * len(completions)


class State:
    global_step = 7


def test_the_default_pays_all_of_the_task():
    (function,) = reward_functions(StarArguments())
    assert function.__name__ == "tvr_reward"
    assert function([RIGHT, NEAR], target=["2.color.cyan"] * 2) == [6.0, 1.5]


@pytest.mark.parametrize("preset", ["default", "paper", "calibrated", "naive_binary", "no_object_tier"])
def test_preset_and_overrides_reach_our_functions(preset):
    for names in (["tvr_reward"], ["task_reward"]):
        star = StarArguments(preset=preset, reward_overrides={"underprediction_penalty": 3.0}, reward_funcs=names)
        (function,) = reward_functions(star)
        paid = function([NEAR], target=["2.color.cyan, 1.size.small"])
        score = score_completion(NEAR, "2.color.cyan, 1.size.small", preset=preset, underprediction_penalty=3.0)
        assert paid == [score.total]


def test_parts_add_up_to_the_whole():
    functions = reward_functions(StarArguments(reward_funcs=["format_reward", "tvr_accuracy_reward"]))
    for text in (RIGHT, NEAR, "", "<answer>2.color.cyan</answer>"):
        paid = [function([text], target=["2.color.cyan"])[0] for function in functions]
        assert sum(paid) == score_completion(text, "2.color.cyan").total


def test_a_task_declared_at_run_time_is_what_training_pays_for(tmp_path):
    path = tmp_path / "wiring.yaml"
    path.write_text(
        """
name: wiring
kind: records
fields:
  - {name: chip, kind: closed, values: [alpha, beta]}
  - {name: pin, kind: integer}
forms: ["{chip}:{pin}"]
reward:
  tiers:
    - {fields: [chip, pin], pays: 2.0}
    - {fields: [chip], pays: 0.25}
""",
        encoding="utf-8",
    )
    (function,) = reward_functions(StarArguments(task=str(path)))
    completions = [f"<think> a</think><answer>{answer}</answer>" for answer in ("alpha:3", "alpha:4", "gamma:1")]
    paid = function(completions, target=["alpha:3"] * 3)
    assert paid == [score_completion(text, "alpha:3", task=str(path)).total for text in completions]
    assert paid == [3.0, 0.25, 0.0]


def test_every_name_of_ours_is_found():
    for name in OURS:
        (function,) = reward_functions(StarArguments(reward_funcs=[name]))
        assert function.__name__ == name


def test_dotted_paths_and_files(tmp_path):
    file = tmp_path / "study.py"
    file.write_text("def length(completions, **columns):\n    return [float(len(text)) for text in completions]\n")
    functions = reward_functions(StarArguments(reward_funcs=[f"{file}:length", "rewards.functions.tvr_reward"]))
    assert [function.__name__ for function in functions] == ["length", "tvr_reward"]
    assert functions[0](["abc"], target=["2.color.cyan"]) == [3.0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["tvr_rewards"], "did you mean 'tvr_reward'"),
        (["tvr_reward", "tvr_reward"], "two reward functions are called 'tvr_reward'"),
        (["no.such.module"], "cannot be imported"),
        (["rewards.functions.nothing"], "has no 'nothing'"),
        (["missing.py:f"], "cannot be imported"),
    ],
)
def test_wrong_names(names, message):
    with pytest.raises(ConfigError, match=message):
        reward_functions(StarArguments(reward_funcs=names))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (three, "step 7: reward function 'f' returned 3 values for 2 completions"),
        (none, "step 7: reward function 'f' returned NoneType, not a list"),
        (nan, "step 7: reward function 'f' returned nan for completion 0"),
    ],
)
def test_what_a_function_returns_is_tested(function, message):
    with pytest.raises(ConfigError, match=message):
        WatchedReward(function, "f")(["a", "b"], trainer_state=State())


def test_none_is_a_value():
    assert WatchedReward(skips, "f")(["a"]) == [None]


def test_coroutines_are_left_to_the_trainer():
    (function,) = reward_functions(StarArguments(reward_funcs=[f"{__file__}:later"]))
    assert not isinstance(function, WatchedReward)


def test_views_and_time_are_logged():
    (function,) = reward_functions(StarArguments())
    logged = {}
    function(
        [RIGHT, NEAR, RIGHT, NEAR],
        target=["2.color.cyan", "2.color.cyan", "2.color.cyan", None],
        view=["left", "left", "right", "right"],
        log_metric=logged.__setitem__,
    )
    assert logged["accuracy/left"] == 0.5
    assert logged["accuracy/right"] == 1.0
    assert logged["reward_seconds"] > 0


def test_rewards_cross_process_borders():
    (function,) = reward_functions(StarArguments(preset="paper"))
    again = pickle.loads(pickle.dumps(function))
    assert again([RIGHT], target=["2.color.cyan"]) == [6.0]
    assert again.__name__ == "tvr_reward"
