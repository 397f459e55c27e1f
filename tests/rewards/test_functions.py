"""Reward functions: as trainers call them, their columns and settings, their sums, pickling, logging."""

import functools
import inspect
import pickle
import threading
from collections import UserList
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rewards
from parsers import records
from parsers.known import _current
from parsers.record_grammar import forget, record_grammar
from rewards import (
    ConfigError,
    DataError,
    TaskReward,
    answer_reward,
    format_reward,
    multiview_reward,
    reference_reward,
    score_batch,
    tvr_accuracy_reward,
    tvr_reward,
)
from rewards.columns import TARGET_COLUMNS
from rewards.spec import PRESETS
from tests.strategies import hostile_completions, targets

GOOD = "<think>a</think><answer>{}</answer>"
RIGHT, TWICE = GOOD.format("2.color.cyan"), GOOD.format("2.color.cyan, 2.color.cyan")
GOLD = ["2.color.cyan"]
SEEN = GOOD.replace("a<", "View 1: [sofa, ball, behind]<").format("B")
SHOWN = [["sofa", "ball"], ["lamp"]]  # SEEN names all of the first view and nothing of the second: R_ref 2/3
FUNCTIONS = [tvr_reward, tvr_accuracy_reward, format_reward, answer_reward, reference_reward, multiview_reward]
ROWS = st.lists(st.tuples(hostile_completions(), targets()), max_size=5)


def trl(completions, **columns):
    """Return the keywords with which TRL calls a reward function."""
    rows = len(completions)
    return {
        "prompts": [[{"role": "user", "content": "?"}]] * rows,
        "completions": completions,
        "completion_ids": [[1, 2, 3]] * rows,
        "trainer_state": object(),
        "log_extra": lambda column, values: None,
        "log_metric": lambda name, value: None,
        "image": [None] * rows,
    } | columns


# --- as trainers call them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_as_trl_calls_it(function):
    columns = {"answer": ["B"] * 2, "references": [SHOWN] * 2}
    if "tvr" in function.__name__:
        columns = {"solution": ["2.color.cyan"] * 2}
    seen = {"multiview_reward": 1 + 0.5 * 2 / 3, "reference_reward": 0.5 * 2 / 3}
    expected = ({"tvr_reward": 6, "tvr_accuracy_reward": 5} | seen).get(function.__name__, 1)
    text = RIGHT if "tvr" in function.__name__ else SEEN
    found = function(
        **trl([[{"role": "assistant", "content": text}], [{"role": "assistant", "content": "?"}]], **columns)
    )
    assert found == [expected, {"tvr_reward": -1.0, "tvr_accuracy_reward": -1.0}.get(function.__name__, 0.0)]
    assert [type(value) for value in found] == [float, float]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.__name__)
def test_names_and_pickles(function):
    assert getattr(rewards, function.__name__) is function
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__doc__.splitlines()[0].endswith(".")
    settings = ["target", "preset", "mode", "think_prefilled", "overrides"]
    settings = ["think_prefilled"] if function is format_reward else settings
    assert list(inspect.signature(function).parameters) == ["completions", *settings, "columns"]


@given(ROWS)
def test_strings_messages_and_parts_earn_the_same(rows):
    texts, gold = [text for text, _ in rows], [true for _, true in rows]
    expected = tvr_reward(texts, target=gold)
    for wrap in (
        lambda text: [{"role": "assistant", "content": text}],
        lambda text: {"role": "assistant", "content": text},
        lambda text: [{"role": "assistant", "content": [{"type": "text", "text": text}]}],
    ):
        assert tvr_reward([wrap(text) for text in texts], target=gold) == expected


@given(
    ROWS, st.sampled_from(list(PRESETS)), st.sampled_from(["strict", "lenient"]), st.sampled_from(["auto", True, False])
)
def test_separate_functions_add_up_to_the_total(rows, preset, mode, think_prefilled):
    texts, gold = [text for text, _ in rows], [true for _, true in rows]
    settings = {"preset": preset, "mode": mode, "think_prefilled": think_prefilled}
    total = tvr_reward(texts, target=gold, **settings)
    accuracy = tvr_accuracy_reward(texts, target=gold, **settings)
    form = format_reward(texts, think_prefilled=think_prefilled)
    assert total == [a + f for a, f in zip(accuracy, form, strict=True)]
    assert total == score_batch(texts, gold, **settings).total.tolist()


def test_multiview_adds_up():
    references = [SHOWN, SHOWN, None, [["sofa"]], [["lamp"], ["sofa", "ball"]]]
    columns = {"target": ["B", "A", "B", "B", "B"], "references": references}
    for preset, expected in (
        ("default", [0.5 * 2 / 3, 0.25 * 2 / 3, None, None, 0.5 * -2 / 3]),
        ("paper", [0.5, 0.5, None, pytest.approx(2 / 3), 0.0]),
    ):
        answer, total = (f([SEEN] * 5, **columns, preset=preset) for f in (answer_reward, multiview_reward))
        reference = reference_reward([SEEN] * 5, **columns, preset=preset)
        assert reference == expected
        assert total == [a + (r or 0.0) for a, r in zip(answer, reference, strict=True)]
        assert answer == [1.0, 0.0, 1.0, 1.0, 1.0]


def test_off_the_main_thread():
    """Some trainers score in threads, where signals (and so timeouts that use them) do not work."""
    found = []
    thread = threading.Thread(target=lambda: found.extend(tvr_reward([RIGHT] * 3, target=GOLD * 3)))
    thread.start()
    thread.join()
    assert found == [6.0] * 3


def test_many_threads_at_once():
    """Some trainers score in a thread pool: the first calls build the grammars, all of them share the caches."""
    texts = [
        GOOD.format(f"{number % 7}.color.{('cyan', 'red', 'cyna')[number % 3]}, {number}.siz.x")
        for number in range(400)
    ]
    expected = [tvr_reward([text], target=GOLD) for text in texts]
    record_grammar.cache_clear()
    records._cached.cache_clear()
    forget()
    _current.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: tvr_reward([text], target=GOLD), texts)) == expected


# --- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TARGET_COLUMNS)
def test_names_of_the_targets_column(name):
    assert tvr_reward([RIGHT], **{name: GOLD}) == [6.0]
    assert tvr_reward([RIGHT], **{name: GOLD, "x": ["0.size.small"]}) == [6.0]


def test_the_first_name_that_is_there_counts():
    columns = {name: ["0.size.small"] for name in TARGET_COLUMNS}
    for name in TARGET_COLUMNS:
        assert tvr_reward([RIGHT], **(columns | {name: GOLD})) == [6.0]
        columns[name] = None


@pytest.mark.parametrize("column", [tuple(GOLD), np.array(GOLD), np.array(GOLD, dtype=object), UserList(GOLD)])
def test_columns_of_other_types(column):
    assert tvr_reward([RIGHT], target=column) == [6.0]
    assert tvr_reward(np.array([RIGHT]), target=column, task=column, mode=column, preset=column) == [6.0]


def test_columns_named_like_settings_are_columns():
    columns = {
        "task": ["spatial"],
        "preset": ["x"],
        "mode": ["y"],
        "overrides": [{}],
        "think_prefilled": [1],
        "name": ["z"],
        "pays": ["q"],
    }
    assert tvr_reward([RIGHT], target=GOLD, **columns) == [6.0]
    assert format_reward([RIGHT], **columns) == [1.0]


@pytest.mark.parametrize(
    "function", [tvr_reward, tvr_accuracy_reward, answer_reward, multiview_reward, reference_reward]
)
def test_no_column_of_targets(function):
    message = (
        "^no column holds the target: expected one of target, ground_truth, gt_answer, gts, solution, answer, label, "
        "transformations; the columns are goal, prompts$"
    )
    with pytest.raises(ConfigError, match=message):
        function([RIGHT], prompts=["?"], goal=GOLD)
    with pytest.raises(ConfigError, match=r"the columns are none$"):
        function([RIGHT])


@pytest.mark.parametrize("column", ["2.color.cyan", [], ["none", "none"]])
def test_columns_must_have_an_entry_for_each_completion(column):
    with pytest.raises(ConfigError, match=r"^column 'target' must have one entry for each of the 1 completions$"):
        tvr_reward([RIGHT], target=column)
    with pytest.raises(ConfigError, match=r"^column 'references' must have one entry"):
        multiview_reward([SEEN], target=["B"], references=column)


# --- rows without gold -----------------------------------------------------------------------------------------------


def test_rows_without_target_get_none():
    assert tvr_reward([RIGHT, RIGHT, "?"], target=[None, "2.color.cyan", None]) == [None, 6.0, None]
    assert tvr_reward([RIGHT] * 60, target=[None, "2.color.cyan"] * 30) == [None, 6.0] * 30
    assert answer_reward([SEEN, SEEN], target=[None, "B"]) == [None, 1.0]
    references = [None, SHOWN, SHOWN, [["sofa", "ball"]]]
    assert reference_reward([SEEN] * 4, target=["A", None, "B", "B"], references=references, preset="paper") == [
        None,
        None,
        0.5,
        1.0,
    ]
    assert reference_reward([SEEN] * 4, target=["A", None, "B", "B"], references=references) == [
        None,
        None,
        0.5 * 2 / 3,
        None,  # one view: nothing can be told apart
    ]


def test_a_batch_without_any_target():
    """As of a batch in which every row belongs to another task."""
    metrics, extras = {}, {}
    columns = {"id": ["a", "b"], "log_metric": metrics.__setitem__, "log_extra": extras.__setitem__}
    assert tvr_reward([RIGHT, "?"], target=[None, None], **columns) == [None, None]
    assert metrics == {}
    nothing = [None, None]
    assert extras == dict.fromkeys(("answer", "fault", "correct", "target"), nothing) | {"id": ["a", "b"]}
    assert multiview_reward([SEEN], target=[None]) == [None]
    assert tvr_reward([], target=[]) == format_reward([]) == []


def test_wrong_gold_is_named_by_its_row_in_the_callers_batch():
    with pytest.raises(
        DataError, match=r"^row 2: target\[0\]\.value 'cyna' is not a color \(did you mean 'cyan'\?\)$"
    ) as caught:
        tvr_reward([RIGHT] * 3, target=[None, "2.color.cyan", [(2, "color", "cyna")]])
    assert caught.value.row == 2
    with pytest.raises(DataError, match=r"^row 1: a completion is text"):
        tvr_reward([RIGHT, 5], target=[None, "2.color.cyan"])
    with pytest.raises(DataError, match=r"^row 1: a completion is text"):
        format_reward([RIGHT, 5])


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_are_keywords_or_fields():
    assert tvr_reward([TWICE], target=GOLD, preset="paper") == [11.0]
    assert functools.partial(tvr_reward, preset="paper")([TWICE], target=GOLD) == [11.0]
    assert TaskReward(preset="paper")([TWICE], target=GOLD) == [11.0]
    assert tvr_reward([TWICE], target=GOLD, overrides={"matching": "literal", "conflicts": "each"}) == [11.0]
    assert tvr_reward(["a</think><answer>2.color.cyan</answer>"], target=GOLD, think_prefilled=False) == [-1.0]
    assert format_reward(["a</think><answer>2.color.cyan</answer>"], think_prefilled=False) == [0.0]
    assert tvr_reward([RIGHT + "!"], target=GOLD, mode="lenient") == [5.0]
    assert tvr_reward([GOOD.format("4.position.left.1")], target=["4.position.left.1"], task="trance") == [6.0]


def test_options_of_the_spec_are_keywords_too():
    assert tvr_reward([TWICE], target=GOLD, matching="literal", conflicts="each") == [11.0]
    assert tvr_reward([TWICE], target=GOLD, overrides={"matching": "literal"}, conflicts="each") == [11.0]
    assert tvr_reward([TWICE], target=GOLD, overrides={"conflicts": "each"}, incorrect_penalty=3) == [3.0]
    assert tvr_reward([TWICE], target=GOLD, overrides={"incorrect_penalty": 2}, incorrect_penalty=3) == [3.0]
    assert multiview_reward([SEEN], target=["B"], references=[SHOWN], answer_weight=2) == [2 + 0.5 * 2 / 3]
    assert multiview_reward([SEEN], target=["A"], references=[SHOWN], wrong_reference_share=0) == [0.0]


def test_tiers_and_their_table_are_settings():
    tiers = {("index", "attribute", "value"): 5.0, ("value",): 2.0}
    other = GOOD.format("3.color.cyan")
    assert tvr_reward([other], target=GOLD, tiers=tiers, table=()) == [2.0]
    assert tvr_reward([other], target=GOLD, tiers=tiers, table=tuple(tiers)) == [2.0]
    assert tvr_reward([RIGHT], target=GOLD, table=["mine"], tiers=["my own"], scale=["x"]) == [6.0]


def test_columns_of_questions():
    left = SEEN.replace(">B<", ">left<")
    columns = {"target": ["left", None, "left"], "options": [["right", "left"], None, ["up", "down", "left"]]}
    extras = {}
    assert answer_reward([left] * 3, **columns, log_extra=extras.__setitem__) == [1.0, None, 1.0]
    assert extras["answer"] == ["B", None, "C"]
    relations = [[[["sofa", "ball", "behind"]]], None, [[["sofa", "ball", "front"]]]]
    columns = {"target": ["B", None, "B"], "references": [[["sofa", "ball"]]] * 3, "relations": relations}
    assert reference_reward([SEEN] * 3, **columns, relation_weight=0.5, preset="paper") == [1.0, None, 0.5]


def test_parts_to_pay():
    wrong = GOOD.format("2.color.red, 5.size.small")
    assert TaskReward(pays=("attribute", "incorrect"))([wrong], target=GOLD) == [1.5 - 2.0]
    assert TaskReward(pays=("format",))([wrong], target=GOLD) == [1.0]
    assert TaskReward(task="multiview", pays=("answer",))([SEEN], target=["B"]) == [1.0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "tvrr"}, "^unknown task 'tvrr'"),
        ({"preset": "papers"}, "^unknown preset 'papers'"),
        ({"overrides": {"matchin": 1}}, "^unknown reward option 'matchin'"),
        ({"mode": "Strict"}, "^mode is 'Strict'"),
        ({"think_prefilled": "no"}, "^think_prefilled is 'no'"),
        (
            {"pays": ("exakt",)},
            "^task 'tvr' has no part 'exakt'; its parts are format, exact, attribute, object, incorrect, underprediction$",
        ),
        ({"pays": ("exact", "answer")}, "^task 'tvr' has no part 'answer'"),
        ({"pays": ()}, "^task 'tvr' is to reward nothing; its parts are format"),
        (
            {"task": "multiview", "pays": ("exact",)},
            "^task 'multiview' has no part 'exact'; its parts are format, answer, reference$",
        ),
    ],
)
def test_wrong_settings_are_refused_when_they_are_made(fields, message):
    with pytest.raises(ConfigError, match=message):
        TaskReward(**fields)


def test_wrong_settings_of_functions():
    with pytest.raises(ConfigError, match=r"^unknown preset"):
        tvr_reward([RIGHT], target=GOLD, preset="papers")
    with pytest.raises(ConfigError, match=r"^think_prefilled is 'no'"):
        format_reward([RIGHT], think_prefilled="no")


def test_configured_rewards_are_values_with_names():
    reward = TaskReward("tvr", preset="paper", overrides={"scale": "n_gt"}, name="tvr_paper")
    assert (reward.__name__, TaskReward().__name__, TaskReward.__name__) == ("tvr_paper", "task_reward", "TaskReward")
    again = pickle.loads(pickle.dumps(reward))
    assert (again, again.__name__) == (reward, "tvr_paper")
    assert again([TWICE], target=GOLD) == reward([TWICE], target=GOLD) == [11.0]
    assert reward != TaskReward(name="tvr_paper")
    with pytest.raises(AttributeError):
        reward.preset = "default"


# --- logging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [tvr_reward, tvr_accuracy_reward])
def test_what_is_logged(function):
    metrics, extras = [], {}
    function(
        [RIGHT, GOOD.format("2.color.red, x"), "?", RIGHT],
        target=[[(2, "color", "cyan")], "2.color.cyan", "2.color.cyan", None],
        id=np.array(["a", "b", "c", "d"]),
        log_metric=lambda name, value: metrics.append((name, value)),
        log_extra=extras.__setitem__,
    )
    assert metrics == [
        ("tvr/format", pytest.approx(2 / 3)),
        ("tvr/exact", pytest.approx(5 / 3)),
        ("tvr/attribute", 0.5),
        ("tvr/object", 0.0),
        ("tvr/incorrect", pytest.approx(-2 / 3)),
        ("tvr/underprediction", pytest.approx(-1 / 3)),
        ("tvr/accuracy", pytest.approx(1 / 3)),
        ("tvr/parsed", pytest.approx(1 / 3)),
        ("tvr/predictions", 1.0),
        ("tvr/prefilled", 0.0),
    ]
    assert all(type(value) is float for _, value in metrics)
    assert extras == {
        "answer": ["2.color.cyan", "2.color.red", None, None],
        "fault": [None, "not_a_record", "no_think", None],
        "target": ["[(2, 'color', 'cyan')]", "2.color.cyan", "2.color.cyan", None],
        "correct": [True, False, False, None],
        "id": ["a", "b", "c", "d"],
    }


def test_prefilled_openers_are_logged():
    metrics = {}
    tvr_reward([RIGHT, RIGHT.removeprefix("<think>")], target=GOLD * 2, log_metric=metrics.__setitem__)
    assert (metrics["tvr/prefilled"], metrics["tvr/predictions"]) == (0.5, 1.0)


def test_questions_are_logged_under_their_task():
    metrics, extras = {}, {}
    multiview_reward([SEEN], target=["B"], log_metric=metrics.__setitem__, log_extra=extras.__setitem__)
    shares = {"parsed": 1.0, "predictions": 1.0, "prefilled": 0.0}
    parts = {"format": 1.0, "answer": 1.0, "reference": 0.0, "accuracy": 1.0}  # the format, whatever it weighs
    assert metrics == {f"multiview/{name}": value for name, value in (parts | shares).items()}
    assert extras == {"answer": ["B"], "fault": [None], "correct": [True], "target": ["B"]}
