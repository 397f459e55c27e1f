import copy
import json

import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mindcube import cogmap, cogmap_scoring
from benchmarks.mindcube.cogmap import extract_map, is_valid
from rewards.errors import DataError

NAMES = st.sampled_from(["sofa", "lamp", "desk", "door", "Image 1"])
FACINGS = st.sampled_from(["up", "right", "down", "left", "inner", "outer", "north", ["up"], []])
GRID = st.lists(st.integers(0, 9), min_size=2, max_size=2)
SIMPLE = st.dictionaries(
    NAMES, st.fixed_dictionaries({"position": GRID}, optional={"facing": FACINGS}), min_size=1, max_size=5
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["objects", "views", "name", "position", "facing", "sofa"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def as_complex(simple):
    return {"objects": [{"name": name, **thing} for name, thing in simple.items()]}


def test_every_golden_row_agrees():
    golden = rows("mindcube_cogmap")
    assert len(golden) == 600
    assert sum(row["float_noise_sensitive"] for row in golden) == 39
    assert disagreements("mindcube_cogmap", cogmap_scoring.score_official) == []


def test_the_table_of_the_official_evaluator_agrees():
    table = cogmap_scoring.aggregate(scored("mindcube_cogmap", cogmap_scoring.score_official))
    assert agrees(table, aggregate("mindcube_cogmap"))


def test_the_table_leaves_translation_out_and_holds_no_nan():
    row = cogmap_scoring.score_official({"response": "{}", "grounded_cogmap": "{}"})
    table = cogmap_scoring.aggregate([{"id": "translation_1", **row}])
    assert (table["total"], table["unfiltered_total"], table["settings"]["translation"]["total"]) == (0, 1, 1)
    assert table["cogmap_similarity"]["valid_accuracy"] == 0.0


def test_means_are_added_in_the_order_of_the_rows():
    """Added setting by setting, these eight round to 0.5813."""
    row = cogmap_scoring.score_official({"response": json.dumps(ROOM), "grounded_cogmap": json.dumps(ROOM)})
    similarities = {
        "among": [0.7333333333333334, 0.0, 0.8833333333333333, 0.7666666666666666],
        "around": [0.4666666666666666, 0.41666666666666663, 0.3833333333333333, 0.9999999999999998],
    }
    order = ["among", "around", "among", "among", "among", "around", "around", "around"]
    scored = [{**row, "id": name, "overall_similarity": similarities[name].pop(0)} for name in order]
    assert cogmap_scoring.aggregate(scored)["cogmap_similarity"]["avg_overall_similarity"] == 0.5812


def test_exact_integer_rotations_would_not_agree(monkeypatch):
    exact = tuple(rotation._replace(matrix=rotation.matrix.round()) for rotation in cogmap.ROTATIONS)
    monkeypatch.setattr(cogmap, "ROTATIONS", exact)
    sensitive = {row["id"] for row in rows("mindcube_cogmap") if row["float_noise_sensitive"]}
    assert set(disagreements("mindcube_cogmap", cogmap_scoring.score_official)) == sensitive


ROOM = {"a": {"position": [5, 3]}, "b": {"position": [7, 5]}, "c": {"position": [5, 7]}}


def test_a_plain_map_against_a_truth_with_facings_scores_seven_tenths():
    truth = as_complex({name: {**thing, "facing": "up"} for name, thing in ROOM.items()})
    result = cogmap.compare_maps(ROOM, truth)
    assert (result["directional_similarity"], result["facing_similarity"], result["isomorphic"]) == (
        1.0,
        0.0,
        True,
    )
    assert result["overall_similarity"] == pytest.approx(0.7)


def test_a_single_object_without_facing_scores_three_tenths():
    lone = {"sofa": {"position": [1, 1]}}
    result = cogmap.compare_maps(lone, lone)
    assert (result["overall_similarity"], result["isomorphic"]) == (0.3, True)


def test_a_half_turn_without_diagonals_is_recognised():
    line = {"a": {"position": [1, 5], "facing": "up"}, "b": {"position": [4, 5], "facing": "left"}}
    turned = {"a": {"position": [8, 4], "facing": "down"}, "b": {"position": [5, 4], "facing": "right"}}
    result = cogmap.compare_maps(turned, line)
    assert (result["best_rotation"], result["overall_similarity"], result["isomorphic"]) == (
        "z_rot_180",
        1.0,
        True,
    )


def test_views_count_only_where_the_generated_map_has_views():
    truth = as_complex(ROOM) | {"views": [{"name": "Image 1", "position": [5, 6], "facing": "up"}]}
    assert cogmap.compare_maps(ROOM, truth)["coverage"] == 1.0
    assert cogmap.compare_maps(as_complex(ROOM) | {"views": []}, truth)["coverage"] == 0.75


@pytest.mark.parametrize(
    ("x", "facing", "seen", "back"),
    [
        (5.1, None, "inner", "inner"),
        (5.4, None, None, None),
        (5.4, "inner", "inner", "outer"),
        (5.4, "outer", "outer", "inner"),
        (5.6, "inner", "right", "left"),
    ],
)
def test_things_in_one_spot_are_told_apart_by_facing(x, facing, seen, back):
    places = {"a": cogmap.Place(5, 5, facing), "b": cogmap.Place(x, 5, None)}
    assert cogmap.relations(places, places) == {"a": {"b": seen}, "b": {"a": back}}


@pytest.mark.parametrize(
    ("cogmap_", "valid"),
    [
        ({"sofa": {"position": [1, 2]}}, True),
        ({"sofa": {"position": ["1", 2.5, 9]}}, True),
        ({"sofa": {"position": [1]}}, False),
        ({"sofa": {"position": "12"}}, False),
        ({"sofa": {"position": [None, 1]}}, False),
        ({"sofa": {"position": [10**400, 1]}}, False),
        ({"sofa": {}}, False),
        ({"sofa": []}, False),
        ({"sofa": {"position": [1, 2], "facing": None}}, True),
        ({"sofa": {"position": [1, 2], "facing": []}}, True),
        ({"sofa": {"position": [1, 2], "facing": [None]}}, False),
        ({"sofa": {"position": [1, 2], "facing": " NORTH "}}, True),
        ({"sofa": {"position": [1, 2], "facing": "towards me"}}, False),
        ({"objects": [{"name": "sofa", "position": [1, 2]}]}, True),
        ({"objects": [{"position": [1, 2]}]}, False),
        ({"objects": [], "views": None}, False),
        ({"objects": {"position": [1, 2]}}, True),  # a simple map with a thing called "objects"
    ],
)
def test_well_formed_maps(cogmap_, valid):
    assert is_valid(cogmap_) is valid


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("} {", None),
        ("{", None),
        ('<cogmap>```json\n{"a": {"position": [1, 2]}}\n```</cogmap>', {"a": {"position": [1, 2]}}),
        ("{}", {}),
        ("{ // nothing\n}", {}),
        ("{a: {position: [1, 2,],},}", {"a": {"position": [1, 2]}}),
        ('{"a": 1} then {"b": {"position": [3, 4]}}', {"b": {"position": [3, 4]}}),
        ('{"a": {"x": 1}, "a": {"x": 2} oops}', {"a": {"x": 2}}),
        ("{" * 50_000 + "}" * 50_000, None),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, None),
        ('{"a": ' + "9" * 5000 + "}", None),
    ],
)
def test_maps_in_text(text, found):
    assert extract_map(text) == found


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="'grounded_cogmap' is missing"):
        cogmap_scoring.score_official({"response": "{}"})


def test_the_truth_may_be_a_mapping_or_none():
    response = json.dumps(ROOM)
    assert cogmap_scoring.score_official({"response": response, "grounded_cogmap": ROOM})["isomorphic"] is True
    assert cogmap_scoring.score_official({"response": response, "grounded_cogmap": None})["parsable_json"] is False


@given(SIMPLE)
def test_a_map_equals_itself(simple):
    result = cogmap.compare_maps(simple, simple)
    assert result["coverage"] == result["facing_similarity"] == 1.0
    assert result["isomorphic"] is True
    assert result["best_rotation"] == "identity"


@given(SIMPLE, st.integers(-20, 20), st.integers(-20, 20))
def test_moving_the_whole_map_changes_nothing(simple, dx, dy):
    moved = copy.deepcopy(simple)
    for thing in moved.values():
        thing["position"] = [thing["position"][0] + dx, thing["position"][1] + dy]
    assert cogmap.compare_maps(moved, simple)["isomorphic"] is True


@given(ANYTHING, ANYTHING)
def test_any_two_values_are_compared(first, second):
    result = cogmap.compare_maps(first, second)
    for name in ("coverage", "directional_similarity", "facing_similarity", "overall_similarity"):
        assert 0.0 <= result[name] <= 1.0


@given(st.text(alphabet='{}[]",:/ ab1\n') | st.text())
def test_any_text_is_read(text):
    assert isinstance(extract_map(text), dict | None)


@pytest.mark.parametrize(
    "text", ["{" * 10**6, "{" + "w" * 10**6 + "}", "{a" + " " * 10**6 + "}", "{" + ", " * 10**5 + "}"]
)
def test_a_megabyte_is_read(text):
    assert extract_map(text) is None
