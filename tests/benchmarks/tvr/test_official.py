"""TVR's official scorer: golden rows and aggregate, an independent twin, cases, wrong input."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.run.score_files import refused_rows
from benchmarks.tvr.codec import encode_scene, encode_steps
from benchmarks.tvr.execution import execute
from benchmarks.tvr.row_stats import row_stats
from benchmarks.tvr.scoring import ROW_SCORES, aggregate, score_rows
from benchmarks.tvr.world import ATTRIBUTES, DIRECTIONS, PAIRS, VALUES, State
from parsers.types import Fault, Records, Transformation
from rewards.errors import DataError
from tests.json_lines import read
from tests.oracles import tvr_state as oracle

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def golden_rows():
    return read(GOLDEN / "tvr_state.jsonl.gz")


def test_every_golden_row_agrees(golden_rows):
    scores = score_rows(golden_rows)
    assert len(scores) == 1500
    for row, score in zip(golden_rows, scores, strict=True):
        assert list(score) == list(ROW_SCORES)
        for name, value in row["expected"].items():
            assert type(score[name]) is type(value), (row["id"], name)
            assert score[name] == pytest.approx(value, abs=1e-6), (row["id"], name)
        assert score["invalid_steps"] == 0


def test_every_golden_aggregate_agrees(golden_rows):
    golden = json.loads((GOLDEN / "tvr_aggregate.json").read_text())
    ours = aggregate(row_stats(golden_rows))
    assert list(ours) == list(golden)
    for part, numbers in golden.items():
        assert list(ours[part]) == list(numbers)
        assert ours[part] == pytest.approx(numbers, abs=1e-6)
        for name in ("acc", "loose_acc", "avg_step_diff"):  # sums of integers: the n + 1e-8 shows
            assert ours[part][name] == pytest.approx(numbers[name], rel=1e-13)


def test_the_twin_agrees_with_the_golden_rows(golden_rows):
    for row in golden_rows:
        score = oracle.score_row(row)
        assert {name: score[name] for name in row["expected"]} == pytest.approx(row["expected"], abs=1e-6)


def test_final_objects_follow_from_the_reference(golden_rows):
    bare = [{key: value for key, value in row.items() if key != "final_objects"} for row in golden_rows]
    half = [row if k % 2 else bare[k] for k, row in enumerate(golden_rows)]
    assert score_rows(bare) == score_rows(golden_rows) == score_rows(half)


def test_a_batch_is_its_rows(golden_rows):
    some = golden_rows[::50]
    assert score_rows(some) == [score for row in some for score in score_rows([row])]


# Objects near each other, on the border of the picture and on that of the world, so that every rule is met.
places = st.lists(st.integers(-4, 4).map(lambda k: 10 * k) | st.integers(-40, 40), min_size=2, max_size=2)
objects = st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in ATTRIBUTES} | {"position": places})
scenes = st.lists(objects, min_size=1, max_size=10)
moves = st.tuples(st.sampled_from(sorted(DIRECTIONS)), st.sampled_from([1, 2]))


def steps_on(n_objects):
    """Steps that can be carried out, in every accepted form."""
    index = st.integers(0, n_objects - 1)
    plain = [(name, value) for name, value in PAIRS if name != "position"]
    pair = st.one_of(
        st.sampled_from(plain),
        moves.map(lambda move: ("position", list(move))),
        moves.map(lambda move: ("position", f"{move[0]}.{move[1]}")),
    )
    triple = st.tuples(index, pair).map(lambda both: (both[0], *both[1]))
    record = triple.map(lambda t: dict(zip(("obj_idx", "attr", "val"), t, strict=True)))
    return st.lists(triple | record | triple.map(list), max_size=6)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(PAIRS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def rows(draw, junk=False):
    initial = draw(scenes)
    row = {
        "initial_objects": initial,
        "transformations": draw(steps_on(len(initial))),
        "prediction": draw(steps_on(len(initial))),
        "view": draw(st.sampled_from(["Camera_Left", "center", "right", None])),
    }
    if draw(st.booleans()):
        others = st.lists(objects, min_size=len(initial), max_size=len(initial))
        row["final_objects"] = draw(others | st.just(initial))
    if junk:
        row["prediction"] = draw(st.permutations([*row["prediction"], *draw(st.lists(anything, max_size=3))]))
    return row


def close(ours, theirs):
    return [{**score, "norm_dist": pytest.approx(score["norm_dist"], rel=1e-6)} for score in theirs] == ours


@given(st.lists(rows(), max_size=5))
def test_agrees_with_the_twin(batch):
    assert close(score_rows(batch), [oracle.score_row(row) for row in batch])


@given(st.lists(rows(), min_size=1, max_size=5), st.data())
def test_attributes_that_may_not_change(batch, data):
    allowed = data.draw(st.lists(st.sampled_from(oracle.ATTRIBUTES), unique=True))
    for row in batch:
        row |= {"attributes": allowed, "transformations": [], "final_objects": row["initial_objects"]}
    assert close(score_rows(batch), [oracle.score_row(row) for row in batch])


@given(rows(junk=True))
def test_no_prediction_raises_and_nonsense_is_counted(row):
    [score] = score_rows([row])
    readable = [item for item in row["prediction"] if oracle_reads(item, len(row["initial_objects"]))]
    [clean] = score_rows([row | {"prediction": readable}])
    assert score["pred_step"] == len(row["prediction"])
    assert score["invalid_steps"] == len(row["prediction"]) - len(readable)
    assert (score["dist"], score["err_overlap"]) == (clean["dist"], clean["err_overlap"])
    assert score["correct"] == (clean["correct"] and not score["invalid_steps"])
    assert math.isfinite(score["norm_dist"])


def oracle_reads(item, n_objects):
    return oracle.read_step(item, n_objects, oracle.ATTRIBUTES) is not None


@given(anything)
def test_a_whole_prediction_may_be_nonsense(prediction):
    row = {"initial_objects": [CUBE], "transformations": [], "prediction": prediction}
    [score] = score_rows([row])
    assert score["invalid_steps"] <= score["pred_step"]


@given(rows(), st.randoms())
def test_colours_shapes_and_materials_may_come_in_any_order(row, random):
    kept = [step for step in row["prediction"] if Transformation(*triple(step)).attribute not in ("position", "size")]
    last = {triple(step)[:2]: step for step in kept}
    shuffled = random.sample(list(last.values()), len(last))
    first, second = score_rows([row | {"prediction": kept}, row | {"prediction": shuffled}])
    assert (first["dist"], first["correct"]) == (second["dist"], second["correct"])


def triple(step):
    return tuple(step.values()) if isinstance(step, dict) else tuple(step)


@given(scenes, st.data())
def test_execution_keeps_the_given_state(initial, data):
    state, before = (State(*(part[None] for part in encode_scene(initial))) for _ in range(2))
    execute(state, encode_steps([data.draw(steps_on(len(initial)))]))
    assert all((a == b).all() for a, b in zip(state, before, strict=True))


CUBE = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}
DEMO = [
    {"color": "gray", "shape": "cylinder", "size": "small", "material": "metal", "position": [-19, 37]},
    {"color": "blue", "shape": "sphere", "size": "medium", "material": "rubber", "position": [10, 10]},
    {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, -14]},
    {"color": "green", "shape": "cube", "size": "large", "material": "metal", "position": [-12, 12]},
    {"color": "green", "shape": "sphere", "size": "small", "material": "glass", "position": [-10, -10]},
    {"color": "purple", "shape": "sphere", "size": "small", "material": "glass", "position": [33, -33]},
]
TRUE = [(2, "color", "cyan"), (2, "position", ("behind", 2)), (4, "color", "brown")]
CASES = {
    # name: (prediction, dist, loosely correct, correct)
    "exact": (TRUE, 0, True, True),
    "reversed": (TRUE[::-1], 0, True, True),
    "a repeat": ([*TRUE, TRUE[0]], 0, True, True),
    "a change to the same": ([*TRUE, (1, "color", "blue")], 0, True, True),
    "a wrong value, then the right one": ([(2, "color", "gray"), *TRUE], 0, True, True),
    "a move of two as two of one": (
        [TRUE[0], (2, "position", ("behind", 1)), (2, "position", "behind.1"), TRUE[2]],
        0,
        True,
        True,
    ),
    "a hidden object moved unseen": ([*TRUE, (0, "position", ("behind", 1))], 0, True, True),
    "empty": ([], 3, False, False),
    "one missing": (TRUE[:2], 1, False, False),
    "one wrong value": ([(2, "color", "blue"), *TRUE[1:]], 1, False, False),
    "one false": ([*TRUE, (1, "shape", "cube")], 1, False, False),
    "overwritten later": ([*TRUE, (4, "color", "gray")], 1, False, False),
    "a visible object moved out": ([*TRUE, (3, "position", ("front-right", 1))], 1, False, False),
    "out of the world": ([*TRUE, (0, "position", ("right", 1))], 1, False, False),
    "out of the world and back": (
        [*TRUE, (0, "position", ("right", 1)), (0, "position", ("left", 1))],
        0,
        True,
        False,
    ),
    "an overlap, undone": (
        [*TRUE, (4, "position", ("right", 2)), (4, "position", ("left", 2))],
        0,
        True,
        False,
    ),
    "an index that wraps upstream": ([*TRUE, (-1, "color", "purple")], 0, True, False),
    "an index of no object": ([*TRUE, (6, "color", "red")], 0, True, False),
    "an index of no TRANCE scene": ([*TRUE, (10, "color", "red")], 0, True, False),
    "an unknown attribute": ([*TRUE, (1, "texture", "red")], 0, True, False),
    "an unknown value": ([*TRUE, (1, "color", "pink")], 0, True, False),
    "an unknown direction": ([*TRUE, (1, "position", ("up", 1))], 0, True, False),
    "an unknown number of steps": ([*TRUE, (1, "position", ("left", 3))], 0, True, False),
}


@pytest.mark.parametrize(("prediction", "dist", "loose", "correct"), CASES.values(), ids=CASES)
def test_cases(prediction, dist, loose, correct):
    [score] = score_rows([{"initial_objects": DEMO, "transformations": TRUE, "prediction": prediction}])
    assert (score["dist"], score["loose_correct"], score["correct"]) == (dist, loose, correct)
    assert score["norm_dist"] == pytest.approx(dist / 3)
    assert score["pred_step"] == len(prediction)


def test_error_flags_of_the_cases():
    named = {
        name: {"initial_objects": DEMO, "transformations": TRUE, "prediction": case[0]} for name, case in CASES.items()
    }
    scores = dict(zip(named, score_rows(list(named.values())), strict=True))
    assert {name for name in named if scores[name]["err_overlap"]} == {"an overlap, undone"}
    assert {name for name in named if scores[name]["err_invalid_position"]} == {
        "out of the world",
        "out of the world and back",
    }
    assert {name for name in named if scores[name]["invalid_steps"]} == {
        name for name in named if name.startswith("an ") and "overlap" not in name
    }


def test_another_way_out_of_the_picture_is_accepted():
    reference = [(3, "position", "front-right.1")]
    [score] = score_rows(
        [{"initial_objects": DEMO, "transformations": reference, "prediction": [(3, "position", "right.1")]}]
    )
    assert score["correct"]


def test_forms_of_a_prediction():
    row = {"initial_objects": DEMO, "transformations": TRUE}
    parsed = Records(
        items=(Transformation(2, "color", "cyan"), Transformation(2, "position", "behind.2")),
        invalid=(Fault("unknown_value", "4.color.brwn"),),
    )
    named = [{"index": 2, "attribute": "color", "value": "cyan"}]
    none, whole, keys = score_rows([row | {"prediction": p} for p in (None, parsed, named)])
    assert (none["pred_step"], none["dist"]) == (0, 3)
    assert (whole["pred_step"], whole["invalid_steps"], whole["dist"]) == (3, 1, 1)
    assert (keys["pred_step"], keys["invalid_steps"], keys["dist"]) == (1, 0, 2)


def test_a_reference_of_no_steps_divides_by_one():
    empty = {"initial_objects": DEMO, "transformations": []}
    right, wrong = score_rows([empty | {"prediction": []}, empty | {"prediction": TRUE}])
    assert (right["norm_dist"], right["correct"]) == (0, True)
    assert (wrong["norm_dist"], wrong["dist"]) == (3, 3)


def test_a_very_long_answer_is_carried_out():
    walk = [(2, "position", "behind.1"), (2, "position", "front.1")] * 5000
    [score] = score_rows([{"initial_objects": DEMO, "transformations": TRUE, "prediction": walk + TRUE}])
    assert score["correct"]
    far = [(2, "position", "behind.2")] * 5000
    [score] = score_rows([{"initial_objects": DEMO, "transformations": TRUE, "prediction": far}])
    assert score["err_invalid_position"]
    assert not score["err_overlap"]


def test_aggregate_leaves_out_what_no_row_has():
    row = {"initial_objects": DEMO, "transformations": TRUE, "prediction": TRUE}
    result = aggregate(row_stats([row | {"view": "Camera_Left"}, row | {"attributes": None}]))
    assert list(result) == ["with_position"]
    keys = {key.rpartition("/")[0] for key in result["with_position"]}
    assert keys == {"", "left", "step_3", "step_3/left"}
    assert aggregate(row_stats([])) == {}


WRONG_GOLD = {
    "row 0: no prediction, or no transformations (or target)": {"transformations": None},
    "row 0: transformations 'none' is not a list of transformations": {"transformations": "none"},
    "row 0: transformations[1]: 'cyna' is not a color (did you mean 'cyan'?)": {
        "transformations": [TRUE[0], (0, "color", "cyna")]
    },
    "row 0: transformations[0]: 'colour' is not an attribute (did you mean 'color'?)": {
        "transformations": [(0, "colour", "cyan")]
    },
    "row 0: transformations[0]: index -1 is not 0 to 9": {"transformations": [(-1, "color", "cyan")]},
    "row 0: transformations[0] 7 is not a transformation (obj_idx, attr, val)": {"transformations": [7]},
    "row 0: transformations[0] (6, 'color', 'red') is not possible in this scene or task": {
        "transformations": [(6, "color", "red")]
    },
    "row 0: transformations[1] (2, 'position', ('behind', 2)) is not possible in this scene or task": {
        "attributes": ["color"]
    },
    "row 0: attributes: 'colour' is not one of color, shape, size, material, position": {"attributes": ["colour"]},
    "row 0: initial_objects and final_objects differ in number": {"final_objects": DEMO[:2]},
    "row 0: final_objects[0].color 'cyna' is not a color (did you mean 'cyan'?)": {
        "final_objects": [CUBE | {"color": "cyna"}]
    },
    "row 0: initial_objects is not a list of 1 to 10 objects": {"initial_objects": []},
}


@pytest.mark.parametrize(("message", "change"), WRONG_GOLD.items(), ids=[str(k) for k in range(len(WRONG_GOLD))])
def test_wrong_gold_is_named(message, change):
    row = {"initial_objects": DEMO, "transformations": TRUE, "prediction": []}
    with pytest.raises(DataError) as caught:
        score_rows([row | change])
    assert str(caught.value) == message


def test_all_wrong_rows_are_found_and_named_by_their_place():
    good = {"initial_objects": DEMO, "transformations": TRUE, "prediction": []}
    batch = [good, good | {"transformations": None}, good, good | {"initial_objects": [1]}, good]
    found = refused_rows(score_rows, batch)
    assert list(found) == [1, 3]
    assert found[3].startswith("initial_objects[0] is not an object")
    assert refused_rows(score_rows, [good]) == {}
    assert refused_rows(score_rows, []) == {}


def test_no_rows():
    assert score_rows([]) == []


@pytest.mark.parametrize("index", [np.int64(2), 2.0])
def test_an_index_may_be_any_number_equal_to_it(index):
    row = {"initial_objects": DEMO, "transformations": TRUE}
    [score] = score_rows([row | {"prediction": [(index, "color", "cyan")]}])
    assert (score["dist"], score["invalid_steps"]) == (2, 0)
