"""Where the outside comes in: packed targets, mixed data sets, misuse, null, logging of several functions."""

import json
import pickle
import warnings

import numpy as np
import pyarrow as pa
import pytest

from rewards import (
    ConfigError,
    DataError,
    TaskReward,
    answer_reward,
    format_reward,
    multiview_reward,
    reference_reward,
    score_batch,
    score_completion,
    task_parts,
    tvr_accuracy_reward,
    tvr_reward,
    unpack_gold,
)
from rewards import columns as columns_module
from rewards.answers import read_options
from rewards.tasks import load_task, task_names

GOOD = "<think>a</think><answer>{}</answer>"
RIGHT = GOOD.format("2.color.cyan")
SEEN = "<think>View 1: [sofa, ball, behind] View 2: [sofa, lamp, left]</think><answer>B</answer>"
ROW = {"target": "B", "references": [["sofa", "ball"], ["sofa", "lamp"]], "options": ["right", "left"]}
FUNCTIONS = [tvr_reward, tvr_accuracy_reward, multiview_reward, answer_reward, reference_reward, format_reward]


# --- packed targets, and columns of other libraries ------------------------------------------------------------------

PACKED = {
    "a string": json.dumps(ROW),
    "a string with white space before it": "\n" + json.dumps(ROW),
    "a mapping": ROW,
    "a mapping that names its task": ROW | {"task": "multiview"},
    "arrays of numpy": {
        "target": np.str_("B"),
        "references": np.array([np.array(["sofa", "ball"]), np.array(["sofa", "lamp"])], dtype=object),
        "options": np.array(["right", "left"]),
    },
    "a scalar of Arrow": pa.scalar(ROW),
    "structs of Arrow": pa.array(
        [
            {"target": "B", "references": {"1": ["sofa", "ball"], "2": ["sofa", "lamp"], "3": None}, "options": {"A": "right", "B": "left", "C": None}},
            {"target": "C", "references": {"1": ["x"], "2": None, "3": ["y"]}, "options": {"A": "a", "B": "b", "C": "c"}},
        ]
    )[0],
}  # fmt: skip


@pytest.mark.parametrize("name", PACKED)
def test_packed_targets_score_as_columns_do(name):
    packed = PACKED[name]
    assert (
        multiview_reward([SEEN], solution=[packed])
        == multiview_reward([SEEN], **{k: [v] for k, v in ROW.items()})
        == [1.5]
    )
    assert answer_reward([SEEN], label=[packed]) == [1.0]
    assert reference_reward([SEEN], ground_truth=[packed]) == [0.5]
    assert answer_reward([SEEN.replace(">B<", ">left<")], label=[packed]) == [1.0]
    for score in (score_completion(SEEN, packed, task="multiview"), score_batch([SEEN], [packed], task="multiview")[0]):
        assert (score.total, score.correct) == (1.5, True)


@pytest.mark.parametrize(
    "packed",
    [
        "2.color.cyan",
        '{"target": "2.color.cyan"}',
        {"target": [[2, "color", "cyan"]]},
        pa.scalar("2.color.cyan"),
        '{"obj_idx": 2, "attr": "color", "val": "cyan"}',
        {"obj_idx": 2, "attr": "color", "val": "cyan"},
        pa.scalar({"index": 2, "attribute": "color", "value": "cyan"}),
    ],
)
def test_packed_targets_of_lists(packed):
    assert tvr_reward([RIGHT] * 60, solution=[packed] * 60) == [6.0] * 60
    assert score_completion(RIGHT, packed).total == 6.0


def test_packed_and_plain_rows_in_one_batch():
    targets = [json.dumps(ROW), "A", None, ROW]
    columns = {"references": [None, [["sofa"], ["lamp"]], None, [["x"], ["y"]]]}
    assert multiview_reward([SEEN] * 4, target=targets, **columns) == [
        1.5,
        0.25 / 3,
        None,
        1.0,
    ]  # a column's own comes first


def test_columns_of_numpy_and_arrow():
    table = pa.table({"target": ["B"], "references": [ROW["references"]], "options": [ROW["options"]]})
    assert multiview_reward([SEEN], **{name: table[name] for name in table.column_names}) == [1.5]
    frame = {name: np.array([None, value], dtype=object)[1:] for name, value in ROW.items()}
    assert multiview_reward([SEEN], **frame) == [1.5]
    relations = np.array([[["sofa", "ball", "behind"]], [["sofa", "lamp", "left"]]])
    score = score_completion(
        SEEN, "B", task="multiview", references=ROW["references"], relations=relations, relation_weight=0.5
    )
    assert score.parts["reference"] == 0.5
    scored = score_completion(np.str_(RIGHT), np.array([["2", "color", "cyan"]]))
    assert scored.total == 6.0


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_rows_of_a_frame_are_taken_in_their_order(order):
    """In pandas a number finds an entry by its label: of a shuffled frame another row's."""
    pd = pytest.importorskip("pandas")
    rows = [("2.color.cyan", "tvr"), ("B", "mindcube"), ("0.shape.cube", "tvr"), ("yes", "multiview")]
    names = ["completion", "target", "task"]
    frame = pd.DataFrame([(GOOD.format(target), target, task) for target, task in rows], columns=names).loc[order]
    expected = [[6.0, None, 6.0, None][at] for at in order], [[None, 1.0, None, 1.0][at] for at in order]
    table = pa.Table.from_pandas(frame)
    for source in (frame, table, {name: frame[name].to_numpy() for name in names}):
        columns = {name: source[name] for name in names[1:]}
        assert (
            tvr_reward(source["completion"], **columns),
            multiview_reward(source["completion"], **columns),
        ) == expected
    for column in (table["task"].dictionary_encode(), frame["task"].astype("category")):
        assert tvr_reward(frame["completion"], target=frame["target"], task=column) == expected[0]
    sources = {
        "data_source": [f"star-r1/{each}" for each in frame["task"]],
        "extra_info": [{"task": each} for each in frame["task"]],
    }
    for name, column in sources.items():
        assert tvr_reward(frame["completion"], target=frame["target"], **{name: pa.array(column)}) == expected[0]


def test_a_target_is_looked_for_row_by_row():
    """Data sets that were put together hold it under two names."""
    columns = {"target": ["2.color.cyan", None, None], "solution": [None, "2.color.cyan", None], "answer": [None] * 3}
    assert tvr_reward([RIGHT] * 3, **columns) == [6.0, 6.0, None]
    assert tvr_reward([RIGHT] * 3, **{name: pa.array(column) for name, column in columns.items()}) == [6.0, 6.0, None]


def test_an_object_of_json_without_a_target_is_no_answer_in_words():
    for target in ('{"answer": "B", "options": ["left", "right"]}', ' {"gold": 3}'):
        with pytest.raises(DataError, match="an object of JSON, whose answer stands under no 'target'"):
            multiview_reward([SEEN], solution=[target])
    assert score_completion(GOOD.format("{a, b}"), "{a, b}", task="multiview").total == 1.0


def test_what_is_packed_wrongly_is_named():
    for packed, message in (
        ('{"target": "B", "options": [', "row 1: the packed target is no JSON"),
        ('{"target": null}', "row 1: the packed target holds no 'target'"),
        ('{"target": ' + "[" * 100_000, "row 1: the packed target is no JSON"),
        ('{"target": "B", "task": 3}', "row 1: the task of the packed target is 3; it is a name"),
    ):
        with pytest.raises(DataError, match=message):
            multiview_reward([SEEN] * 2, solution=["B", packed])
    assert unpack_gold(ROW) == ROW
    assert unpack_gold({"index": 2}) == {"target": {"index": 2}}
    assert multiview_reward([SEEN] * 2, solution=["B", {"target": None}]) == [1.0, None]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("option", "options"), ("Options", "options"), ("choices", "options"), ("reference", "references"),
     ("refs", "references"), ("relation", "relations"), ("tsk", "task"), ("tasks", "task")],
)  # fmt: skip
def test_a_key_of_a_packed_target_that_is_nearly_a_known_one_is_refused(name, meant):
    packed = {"target": "B", name: ["right", "left"]}
    message = f"the packed target holds '{name}', which is not read: did you mean '{meant}'?"
    for target in (packed, json.dumps(packed), pa.scalar(packed)):
        for score in (
            lambda: multiview_reward([SEEN], solution=[target]),  # noqa: B023
            lambda: score_completion(SEEN, target, task="multiview"),  # noqa: B023
            lambda: unpack_gold(target),  # noqa: B023
        ):
            with pytest.raises(DataError) as caught:
                score()
            assert caught.value.message == message
    assert multiview_reward([SEEN], solution=[{"target": "B", "difficulty": 3, "question": "?"}]) == [1.0]
    both = {"target": "B", name: None, meant: None}
    assert multiview_reward([SEEN], solution=[both]) == [1.0]


@pytest.mark.parametrize(
    ("options", "read"),
    [
        (["left", None, "right", None], {"A": "left", "C": "right"}),
        ([1, 2.5], {"A": "1", "B": "2.5"}),
        (np.array([1, 2]), {"A": "1", "B": "2"}),
        (pa.scalar(["left", "right"]), {"A": "left", "B": "right"}),
        ('{"A": "left", "B": "right"}', {"A": "left", "B": "right"}),
        ([], None),
        (None, None),
    ],
)
def test_options(options, read):
    assert read_options(options) == read


@pytest.mark.parametrize("options", ["left, right", 3, [["left"]], [True], "[", ["x"] * 27, {"A": {}}])
def test_options_that_are_none(options):
    with pytest.raises(DataError, match="^options: "):
        read_options(options)


# --- mixed data sets -------------------------------------------------------------------------------------------------

MIXED = {"target": ["2.color.cyan", "B", "4.position.left.1"], "references": [None, ROW["references"], None]}
COMPLETIONS = [RIGHT, SEEN, GOOD.format("4.position.left.1")]


@pytest.mark.parametrize(
    "column",
    [
        {"task": ["tvr", "multiview", "trance"]},
        {"data_source": [f"star-r1/{name}" for name in ("tvr", "multiview", "trance")]},
        {"extra_info": [{"task": name, "index": 1} for name in ("tvr", "multiview", "trance")]},
    ],
    ids=["task", "data_source", "extra_info"],
)
def test_each_row_is_scored_under_its_own_task(column):
    assert tvr_reward(COMPLETIONS, **MIXED, **column) == [6.0, None, 6.0]
    assert tvr_accuracy_reward(COMPLETIONS, **MIXED, **column) == [5.0, None, 5.0]
    assert multiview_reward(COMPLETIONS, **MIXED, **column) == [None, 1.5, None]
    assert reference_reward(COMPLETIONS, **MIXED, **column) == [None, 0.5, None]
    assert TaskReward("multiview")(COMPLETIONS, **MIXED, **column) == [None, 1.5, None]
    assert format_reward(COMPLETIONS, **MIXED, **column) == [1.0] * 3


def test_packed_targets_name_their_task():
    packed = [
        {"target": "2.color.cyan", "task": "tvr"},
        ROW | {"task": "multiview"},
        json.dumps({"target": "4.position.left.1", "task": "trance"}),
    ]
    assert tvr_reward(COMPLETIONS, solution=packed) == [6.0, None, 6.0]
    assert multiview_reward(COMPLETIONS, solution=packed) == [None, 1.5, None]
    assert [score_completion(*each).total for each in zip(COMPLETIONS, packed, strict=True)] == [6.0, 1.5, 6.0]
    assert score_batch(COMPLETIONS[:1], packed[:1], task="multiview").total.tolist() == [6.0]
    with pytest.raises(ConfigError, match=r"rows of several tasks \(multiview, trance, tvr\)"):
        score_batch(COMPLETIONS, packed)


def test_rows_of_another_benchmark_keep_its_letters():
    five = SEEN.replace(">B<", ">E<")
    columns = {"target": ["B", "B"], "task": ["mindcube", "multiview"]}
    faults = {}
    multiview_reward([five] * 2, **columns, log_extra=faults.__setitem__)
    assert faults["fault"] == ["unknown_letter", None]


def test_a_task_of_ones_own_scores_its_rows_and_those_of_the_same_parts(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nkind: question\nreward: {answer_weight: 2, reference_weight: 0}\n")
    reward = TaskReward(str(path))
    assert reward([SEEN] * 3, target=["B"] * 3, task=["mine", "multiview", "tvr"]) == [2.0, 2.0, None]


def test_words_that_are_no_tasks_are_the_data_sets_own():
    assert tvr_reward([RIGHT] * 2, target=["2.color.cyan"] * 2, task=["spatial", "counting"]) == [6.0, 6.0]
    assert tvr_reward([RIGHT] * 2, target=["2.color.cyan"] * 2, data_source=["tvr", "hub/tvr"]) == [6.0, 6.0]
    assert tvr_reward([RIGHT] * 2, target=["2.color.cyan"] * 2, extra_info=[{"split": "rl"}, None]) == [6.0, 6.0]
    with pytest.raises(DataError, match="^row 1: task: unknown task 'multivew'"):
        tvr_reward([RIGHT] * 2, target=["2.color.cyan", "B"], task=["tvr", "multivew"])


def test_a_word_that_is_nearly_a_task_is_warned_of():
    for word in ("multivew", "TVR", "multi_view"):
        for name, column in (("task", [word]), ("extra_info", [{"task": word}])):
            columns_module._warn_once.cache_clear()
            columns_module.warn_of_task.cache_clear()
            with pytest.warns(
                UserWarning, match=rf"^the task '{word}' of a row is none of ours, and not read \(did you mean '"
            ):
                assert tvr_reward([RIGHT], target=["2.color.cyan"], **{name: column}) == [6.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for word in ("spatial", "counting", "object rotation", "what", ""):
            assert tvr_reward([RIGHT], target=["2.color.cyan"], task=[word]) == [6.0]


def test_a_source_of_ours_names_a_task(tmp_path):
    for name, says in (("multivew", r" \(did you mean 'multiview'\?\)"), ("", "; it is one of .*multiview")):
        with pytest.raises(DataError, match=f"^row 1: task: unknown task '{name}'{says}"):
            tvr_reward([RIGHT] * 2, target=["2.color.cyan"] * 2, data_source=["hub/tvr", f"star-r1/{name}"])
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nkind: question\nreward: {answer_weight: 2, reference_weight: 0}\n")
    assert TaskReward(str(path))([SEEN], target=["B"], data_source=["star-r1/mine"]) == [2.0]


# --- misuse ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_one_completion_is_no_batch(function):
    for one in (RIGHT, {"role": "assistant", "content": RIGHT}, b"text"):
        with pytest.raises(ConfigError, match="it is a list with one entry a row$"):
            function(one, target=["2.color.cyan"])
    with pytest.raises(ConfigError, match="^completions is a str"):
        score_batch(RIGHT, ["2.color.cyan"])
    with pytest.raises(ConfigError, match="^there are 2 completions and 'AB' for targets$"):
        score_batch([SEEN, SEEN], "AB", task="multiview")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("prest", "paper", "preset"),
        ("overides", {}, "overrides"),
        ("think_prefiled", True, "think_prefilled"),
        ("reference_weigth", 0.5, "reference_weight"),
        ("incorect", "no_tier", "incorrect"),
    ],
)
def test_a_keyword_that_is_nearly_a_setting_is_refused(function, name, value, meant):
    with pytest.raises(ConfigError, match=rf"^unknown setting '{name}' \(did you mean '{meant}'\?\)$"):
        function([RIGHT], target=["2.color.cyan"], **{name: value})


def test_settings_are_not_given_to_a_reward_that_has_its_own():
    with pytest.raises(ConfigError, match=r"^preset is set when the reward is made: TaskReward\(preset='paper'\)$"):
        TaskReward()([RIGHT], target=["2.color.cyan"], preset="paper")
    assert TaskReward()([RIGHT], target=["2.color.cyan"], preset=["a column"]) == [6.0]


def test_a_column_that_is_nearly_one_of_ours_is_warned_of_once():
    columns_module._warn_once.cache_clear()
    with pytest.warns(
        UserWarning,
        match=r"^column 'reference' is not read \(did you mean 'references'\?\)$",
    ):
        multiview_reward([SEEN], target=["B"], reference=[ROW["references"]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        multiview_reward([SEEN], target=["B"], reference=[ROW["references"]])
        multiview_reward([SEEN], target=["B"], reference=[[]], references=[ROW["references"]])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("tsk", "task"), ("Task", "task"), ("targets", "target"), ("option", "options"), ("choices", "options")],
)
def test_columns_whose_misspelling_changes_a_score(name, meant):
    columns_module._warn_once.cache_clear()
    with pytest.warns(UserWarning, match=rf"^column '{name}' is not read \(did you mean '{meant}'\?\)$"):
        multiview_reward([SEEN], label=["B"], **{name: ["B"]})


@pytest.mark.parametrize("value", ["hard", 0.5, {"exact": 9}])
def test_a_keyword_that_is_neither_setting_nor_column_is_warned_of(value):
    columns_module._warn_once.cache_clear()
    with pytest.warns(UserWarning, match="^keyword 'weights' is not read: it is no setting"):
        assert tvr_reward([RIGHT], target=["2.color.cyan"], weights=value) == [6.0]


def test_what_is_no_batch_or_column_is_refused():
    for batch in (None, 5, {RIGHT}, (each for each in [RIGHT])):
        for function in FUNCTIONS:
            with pytest.raises(ConfigError, match="it is a list with one entry a row$"):
                function(batch, target=["2.color.cyan"])
    for column in ("B", {"A": 1}, iter(["B"]), 5):
        with pytest.raises(ConfigError, match="must have one entry for each of the 1 completions"):
            multiview_reward([SEEN], target=column)
    with pytest.raises(ConfigError, match="1 targets and .* for references"):
        score_batch([SEEN], ["B"], task="multiview", references={"a": 1})
    with pytest.raises(ConfigError, match="overrides is 'scale'; it is a mapping"):
        tvr_reward([RIGHT], target=["2.color.cyan"], overrides="scale")
    with pytest.raises(ConfigError, match=r"preset is \['paper'\]; it is a name"):
        score_completion(RIGHT, "2.color.cyan", preset=["paper"])


def test_what_trainers_pass_is_known():
    extras = {"prompts": ["?"], "completion_ids": [[1]], "trainer_state": object(), "environments": None, "images": [None], "finish_reason": ["stop"], "is_truncated": [False], "prompt_id": ["a"], "request_id": "x", "rollout_infos": [{}], "messages": [[]], "kind": ["where"], "some_flag": True, "problem": ["?"]}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tvr_reward([RIGHT], target=["2.color.cyan"], **extras) == [6.0]
        assert multiview_reward([SEEN], target=["B"], **extras) == [1.0]


# --- null, special tokens, reasoning kept apart ----------------------------------------------------------------------


def test_a_completion_of_null_is_the_fault_of_its_row():
    pd = pytest.importorskip("pandas")
    for null in (float("nan"), np.float64("nan"), pd.NA, pa.scalar(None)):
        assert tvr_reward([null, RIGHT], target=["2.color.cyan"] * 2) == [-1.0, 6.0]
    assert tvr_reward(pa.array([None, RIGHT]), target=["2.color.cyan"] * 2) == [-1.0, 6.0]
    batch = score_batch([None, RIGHT], ["2.color.cyan"] * 2)
    assert batch.total.tolist() == [-1.0, 6.0]
    assert batch.faults[0].code == "empty"
    assert format_reward([None, RIGHT]) == [0.0, 1.0]
    assert multiview_reward([None, SEEN], target=["B", "B"]) == [0.0, 1.0]


@pytest.mark.parametrize(
    "token",
    [
        "<|im_end|>",
        "<|eot_id|>",
        "</s>",
        "<eos>",
        " <end_of_turn>\n",
        "<｜end▁of▁sentence｜>",
        "<|im_end|><|endoftext|>",
    ],
)
def test_special_tokens_at_the_end_are_not_graded(token):
    assert tvr_reward([RIGHT + token], target=["2.color.cyan"]) == [6.0]
    assert format_reward([RIGHT + token]) == [1.0]
    assert tvr_reward([[{"role": "assistant", "content": RIGHT + token}]], target=["2.color.cyan"]) == [6.0]
    assert tvr_reward([RIGHT + token + " more"], target=["2.color.cyan"]) == [-1.0]


@pytest.mark.parametrize("think_prefilled", ["auto", True, False])
def test_reasoning_that_is_kept_apart_is_scored(think_prefilled):
    apart = [{"role": "assistant", "reasoning_content": "a", "content": "<answer>2.color.cyan</answer>"}]
    assert tvr_reward([apart], target=["2.color.cyan"], think_prefilled=think_prefilled) == [6.0]
    assert format_reward([apart], think_prefilled=think_prefilled) == [1.0]
    seen = [
        {
            "role": "assistant",
            "thinking": SEEN[len("<think>") : SEEN.index("</think>")],
            "content": "<answer>B</answer>",
        }
    ]
    assert multiview_reward([seen], target=["B"], references=[ROW["references"]], think_prefilled=think_prefilled) == [
        1.5
    ]
    assert score_batch([apart], ["2.color.cyan"]).prefilled.tolist() == [False]


# --- what frameworks need to know ------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", task_names())
def test_parts_are_known_before_scoring(task):
    assert task_parts(task) == task_parts(load_task(task)) == load_task(task).parts
    target = [] if load_task(task).kind == "records" else load_task(task).cases[0].target
    keys = ["total", "correct", "parsed", "prefilled", "unit", *task_parts(task)]
    for completion in ("", GOOD.format("x"), GOOD.format("A"), None):
        flat = score_completion(completion, target, task=task).flat()
        assert list(flat) == keys
        assert {type(value) for value in flat.values()} == {float}
        assert pickle.loads(pickle.dumps(flat)) == flat
    assert score_completion("a</think><answer>A</answer>", target, task=task).flat()["prefilled"] == 1.0


def test_parts_of_other_tables():
    assert task_parts("tvr", tiers={("index", "attribute", "value"): 5.0, ("value",): 1.0}, table=()) == (
        "format",
        "exact",
        "value",
        "incorrect",
        "underprediction",
    )
    with pytest.raises(ConfigError, match="unknown preset"):
        task_parts("tvr", "papr")


# --- logging ---------------------------------------------------------------------------------------------------------


class Trainer:
    """What TRL does with what is logged: columns grow, metrics are averaged."""

    def __init__(self):
        self.columns, self.metrics = {}, {}

    def log_extra(self, name, values):
        self.columns.setdefault(name, []).extend(values)

    def log_metric(self, name, value):
        self.metrics.setdefault(name, []).append(value)

    def step(self, functions, completions, **columns):
        for function in functions:
            function(completions=completions, **columns, log_extra=self.log_extra, log_metric=self.log_metric)


def test_two_functions_log_a_batch_once():
    trainer = Trainer()
    for _ in range(2):
        trainer.step(
            [format_reward, tvr_accuracy_reward, tvr_reward], [RIGHT, "?"], target=["2.color.cyan"] * 2, id=["a", "b"]
        )
    assert trainer.columns == {
        "answer": ["2.color.cyan", None] * 2,
        "fault": [None, "no_think"] * 2,
        "correct": [True, False] * 2,
        "target": ["2.color.cyan"] * 4,
        "id": ["a", "b"] * 2,
    }
    assert {len(values) for values in trainer.metrics.values()} == {2}
    assert {name.split("/")[0] for name in trainer.metrics} == {"tvr"}


def test_two_presets_are_two_metrics():
    twice, trainer = GOOD.format("2.color.cyan, 2.color.cyan"), Trainer()
    paper = TaskReward("tvr", preset="paper", name="tvr_paper")
    trainer.step([TaskReward(), paper, TaskReward(preset="calibrated")], [twice], target=["2.color.cyan"])
    assert trainer.metrics["tvr/exact"] == [5.0]
    assert trainer.metrics["tvr_paper/exact"] == [10.0]
    assert trainer.metrics["task_reward/incorrect"] == [-5.0]
    assert len(trainer.columns["answer"]) == 1


def test_a_mixed_batch_is_logged_by_task():
    trainer = Trainer()
    columns = MIXED | {"task": ["tvr", "multiview", "trance"], "id": ["a", "b", "c"]}
    trainer.step([tvr_reward, multiview_reward, answer_reward], COMPLETIONS, **columns)
    assert (
        trainer.metrics["tvr/accuracy"]
        == trainer.metrics["trance/accuracy"]
        == trainer.metrics["multiview/accuracy"]
        == [1.0]
    )
    assert trainer.columns["answer"] == ["2.color.cyan", None, "4.position.left.1"]
    assert trainer.columns["answer_multiview"] == [None, "B", None]
    assert trainer.columns["id"] == ["a", "b", "c"]
    assert {len(values) for values in trainer.columns.values()} == {3}


def test_batches_are_told_apart():
    """By the list itself, the step, and who logs: the same list again in another step is another batch."""
    trainer, batch, state = Trainer(), [RIGHT], type("State", (), {"global_step": 1})()
    trainer.step([tvr_reward] * 2, batch, target=["2.color.cyan"], trainer_state=state)
    state.global_step = 2
    trainer.step([tvr_reward] * 2, batch, target=["2.color.cyan"], trainer_state=state)
    trainer.step([tvr_reward] * 2, [RIGHT], target=["2.color.cyan"], trainer_state=state)
    assert len(trainer.metrics["tvr/exact"]) == 3
    other = Trainer()
    other.step([tvr_reward], batch, target=["2.color.cyan"])
    assert len(other.metrics["tvr/exact"]) == 1
