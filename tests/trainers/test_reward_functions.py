import pickle
import sys

import pytest

from rewards import ConfigError, score_completion
from rewards.errors import DataError
from rewards.score_table import ScoreTable
from trainers.config import StarArguments
from trainers.reward_functions import OURS, WatchedReward, check_targets, reward_functions

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


def raises_on_red(completions, target, **columns):
    return [float(len(text)) if "red" not in text else 1 / 0 for text in completions]


async def raises_later(completions, **columns):
    raise KeyError("nothing")


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


def test_a_function_that_raises_is_named_with_step_row_and_line():
    message = r"step 7: row 'q': reward function 'f' raised ZeroDivisionError: .* .test_reward_functions.py:\d+"
    with pytest.raises(ConfigError, match=message):
        WatchedReward(raises_on_red, "f")([RIGHT, NEAR], target=["x", "y"], id=["p", "q"], trainer_state=State())
    with pytest.raises(ConfigError, match="row 1 of the batch: reward function 'f' raised"):
        WatchedReward(raises_on_red, "f")([RIGHT, NEAR], target=["x", "y"])


def test_a_coroutine_that_raises_or_returns_too_few_is_named():
    import asyncio

    (function,) = reward_functions(StarArguments(reward_funcs=[f"{__file__}:raises_later"]))
    with pytest.raises(ConfigError, match="reward function 'raises_later' raised KeyError"):
        asyncio.run(function(completions=["a"]))


def test_a_wrong_target_within_a_run_is_named_by_its_id():
    (function,) = reward_functions(StarArguments())
    with pytest.raises(DataError, match="step 7: row 'q': .*cyna"):
        function([RIGHT, NEAR], target=["2.color.cyan", "2.color.cyna"], id=["p", "q"], trainer_state=State())


def test_targets_of_all_rows_are_read():
    functions = reward_functions(StarArguments())
    check_targets(functions, 2, {"target": ["2.color.cyan", None]})
    with pytest.raises(DataError) as caught:
        check_targets(functions, 2, {"target": ["2.color.cyan", "2.color.cyna"]})
    assert caught.value.row == 1


QUESTION = '{"target": "B", "options": ["left", "right"]}'
MIXED = {"target": ["2.color.cyan", QUESTION, None], "task": ["tvr", "mindcube", "mindcube"]}


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["tvr_reward"], MIXED),
        (["format_reward", "tvr_accuracy_reward"], MIXED),
        (None, MIXED),
        (["star_r1.tvr.paper"], MIXED),
        (["tvr_reward"], {"target": MIXED["target"], "data_source": ["star-r1/tvr", "star-r1/multiview", "x"]}),
        (["tvr_reward"], {"target": ["2.color.cyan", QUESTION.replace("}", ', "task": "mmsi"}')]}),
    ],
)
def test_rows_of_a_task_that_is_not_rewarded_are_refused(names, columns):
    functions = reward_functions(StarArguments(reward_funcs=names))
    with pytest.raises(DataError, match=r"row 1: its task is '\w+', which .* cannot reward") as caught:
        check_targets(functions, len(columns["target"]), columns)
    assert caught.value.row == 1


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["tvr_reward", "multiview_reward"], MIXED),
        (["format_reward", "tvr_accuracy_reward", "answer_reward", "reference_reward"], MIXED),
        (["tvr_reward", f"{__file__}:raises_on_red"], MIXED),  # what somebody's own function rewards, only they know
        (["format_reward"], {"task": ["tvr"]}),
        (["reference_reward"], {"target": ["B", "A"], "task": ["mindcube", "multiview"]}),  # without labels: None
        (["multiview_reward"], {"target": ["B"], "task": ["counting"]}),  # a column of the data set's own
        (["tvr_reward"], {"target": ["2.color.cyan"], "task": ["trance"]}),
    ],
)
def test_rows_of_tasks_that_are_rewarded_are_taken(names, columns):
    check_targets(reward_functions(StarArguments(reward_funcs=names)), len(columns["task"]), columns)


def test_what_is_logged_of_a_mixed_batch_with_packed_targets():
    (function,) = reward_functions(StarArguments())
    logged, table = {}, {}
    logs = {"log_metric": logged.__setitem__, "log_extra": table.__setitem__}
    columns = {"target": ['{"target": "2.color.cyan, 1.size.small"}', QUESTION], "task": ["tvr", "mindcube"]}
    assert function([RIGHT, RIGHT], **columns, **logs) == [5.0, None]
    assert logged["tvr/true_predictions"] == 2.0
    assert table["correct"] == [False, None]
    assert table["target"] == ["2.color.cyan, 1.size.small", "B"]


def test_completions_are_scored_once(monkeypatch):
    """Also where the data have views; the seconds that are logged are those of one scoring."""
    calls = []
    inner = ScoreTable.batch
    monkeypatch.setattr(ScoreTable, "batch", lambda *given, **more: calls.append(1) or inner(*given, **more))
    (function,) = reward_functions(StarArguments())
    logged = {}
    function([RIGHT, NEAR], target=["2.color.cyan"] * 2, view=["left", "right"], log_metric=logged.__setitem__)
    assert len(calls) == 1
    assert logged["accuracy/left"] == 1.0
    assert logged["tvr/true_predictions"] == 1.0


def test_tables_carry_ids_and_images():
    table = {}
    format_first = reward_functions(StarArguments(reward_funcs=["format_reward", "tvr_accuracy_reward"]))
    columns = {"id": ["p", "q"], "images_file_names": [["a.png"], ["b.png"]], "target": ["2.color.cyan"] * 2}
    for function in format_first:
        function([RIGHT, "nothing"], log_extra=table.__setitem__, **columns)
    assert table["images_file_names"] == [["a.png"], ["b.png"]]
    assert table["id"] == ["p", "q"]
    assert table["correct"] == [True, False]
    assert table["fault"] == [None, "no_think"]
    table.clear()
    WatchedReward(skips, "f", first=True)(["a", "b"], log_extra=table.__setitem__, **columns)
    assert table["target"] == ["2.color.cyan"] * 2
    assert set(table) == {"id", "images_file_names", "target"}


def test_a_lenient_reading_is_for_the_accuracy_alone():
    said = "<think> a</think> So: <answer>2.color.cyan</answer>"
    names = ["format_reward", "tvr_accuracy_reward"]
    paid = {
        mode: [function([said], target=["2.color.cyan"])[0] for function in functions]
        for mode in ("strict", "lenient")
        if (functions := reward_functions(StarArguments(reward_funcs=names, mode=mode)))
    }
    assert paid == {"strict": [0.0, -1.0], "lenient": [0.0, 5.0]}


def test_a_file_finds_its_siblings(tmp_path, monkeypatch):
    (tmp_path / "beside_it.py").write_text("VALUE = 4.0\n")
    file = tmp_path / "mine.py"
    file.write_text(
        "from beside_it import VALUE\n\ndef four(completions, **columns):\n    return [VALUE] * len(completions)\n"
    )
    monkeypatch.setattr("sys.path", list(sys.path))
    (function,) = reward_functions(StarArguments(reward_funcs=[f"{file}:four"]))
    assert function(["a"]) == [4.0]
