"""R_ref: an independent twin, properties, cases, attacks, wrong gold."""

import json
import pickle
import random
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parsers.references import References, parse_references
from parsers.values import Relation
from rewards.errors import ConfigError, DataError
from rewards.references import reference_facts, reference_names, score_references
from tests.case_names import plain
from tests.oracles import question_scores as oracle

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "reference_scores.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
NAME = st.sampled_from(["sofa", "ball", "lamp", "door", "red box", "tv"])
RELATION = st.sampled_from(["left", "right", "front", "behind", "near", "far", "front-left", "above-behind-right"])
TRIPLET = st.builds(Relation, NAME, NAME, RELATION).filter(lambda triplet: triplet.subject != triplet.object)
TRIPLETS = st.lists(TRIPLET, max_size=5)
WRITTEN = st.dictionaries(st.integers(1, 4), TRIPLETS.map(tuple), max_size=4)
TRUTH = st.dictionaries(st.integers(1, 4), st.lists(NAME, max_size=4), min_size=1, max_size=4)


def score(written, truth, **more):
    return score_references(References({view: tuple(triplets) for view, triplets in written.items()}), truth, **more)


def names(triplets):
    return [name for subject, other, _ in triplets for name in (subject, other)]


def near(*objects):
    """Triplets that name exactly these objects."""
    return tuple(Relation(name, objects[-1], "near") for name in objects)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_case(case):
    found = score_references(parse_references(case["text"]), case["truth"], **case.get("options", {}))
    assert found.value == pytest.approx(case["value"])
    assert list(found.extra_views) == case.get("extra", [])
    assert list(found.missing_views) == case.get("missing", [])


@given(WRITTEN, TRUTH)
def test_names_score_as_their_twin(written, truth):
    found = score(written, truth)
    assert found.value == pytest.approx(float(oracle.name_score({k: names(v) for k, v in written.items()}, truth)))
    assert found.value == pytest.approx(sum(found.per_view.values()) / len(truth))
    assert set(found.per_view) == set(truth)
    assert all(0 <= each <= 1 for each in found.per_view.values())


@given(TRIPLETS, TRIPLETS)
def test_relations_score_as_their_twin(written, truth):
    said = oracle.statements(truth)
    assume(truth and not any((s, o, rival) in said for s, o, r in said for rival in oracle.rivals(r)))
    found = score({1: written}, [names(truth)], relations=[truth], relation_weight=1.0)
    assert found.value == pytest.approx(float(oracle.relation_f1(written, truth)))


@given(TRUTH)
def test_one_is_for_the_exact_sets_only(truth):
    exact = {view: near(*objects) if objects else () for view, objects in truth.items()}
    assert score(exact, truth).value == 1
    for view in truth:
        assert score({**exact, view: near("stove", *truth[view])}, truth).value < 1
        if truth[view]:
            assert score({**exact, view: ()}, truth).value < 1


@given(WRITTEN, TRUTH, st.integers(1, 4), NAME)
def test_a_right_name_more_never_costs_and_a_wrong_one_never_pays(written, truth, view, name):
    assume(view in truth)
    more = {**written, view: (*written.get(view, ()), Relation(name, name, "near"))}
    before, after = score(written, truth).value, score(more, truth).value
    assert after >= before if name in truth[view] else after <= before


@given(WRITTEN, TRUTH, st.randoms())
def test_order_and_repeats_change_nothing(written, truth, shuffler: random.Random):
    views = list(written)
    shuffler.shuffle(views)
    twice = {view: shuffler.sample(list(written[view] * 2), 2 * len(written[view])) for view in views}
    assert score(twice, truth) == score(written, truth)
    assert score(written, {view: truth[view] * 2 for view in reversed(truth)}).value == pytest.approx(
        score(written, truth).value
    )


@given(TRUTH)
def test_naming_everything_pays_less_than_the_truth(truth):
    everything = near("sofa", "ball", "lamp", "door", "red box", "tv", "stove")
    exact = {view: near(*objects) if objects else () for view, objects in truth.items()}
    assert score(dict.fromkeys(truth, everything), truth).value < score(exact, truth).value


@given(TRUTH)
def test_naming_nothing_pays_only_where_nothing_is_to_be_named(truth):
    empty = sum(not objects for objects in truth.values())
    assert score({}, truth).value == pytest.approx(empty / len(truth))
    assert score({}, truth).missing_views == tuple(sorted(truth))


@given(TRIPLET)
def test_saying_both_pays_less_than_a_guess(triplet):
    twisted = Relation(triplet.object, triplet.subject, triplet.relation)
    assume(oracle.OPPOSITE.get(triplet.relation, "") != triplet.relation)
    truth = {"relations": [[triplet]], "relation_weight": 1.0}
    right = score({1: [triplet]}, [names([triplet])], **truth).value
    wrong = score({1: [twisted]}, [names([triplet])], **truth).value
    both = score({1: [triplet, twisted]}, [names([triplet])], **truth).value
    assert (right, wrong, both) == (1, 0, 0)


def test_a_relation_may_be_said_from_either_end():
    truth = {"truth": [["sofa", "ball"]], "relations": [[["sofa", "ball", "to the left of"]]], "relation_weight": 0.5}
    assert score({1: [Relation("sofa", "ball", "left")]}, **truth).value == 1
    assert score({1: [Relation("ball", "sofa", "right")]}, **truth).value == 1
    assert score({1: [Relation("ball", "sofa", "left")]}, **truth).value == 0.5


@given(WRITTEN, TRUTH, st.floats(0, 1))
def test_the_weight_mixes_names_and_relations(written, truth, weight):
    relations = {view: [["sofa", "ball", "left"]] for view in truth}
    parts = [score(written, truth, relations=relations, relation_weight=w).value for w in (0, 1)]
    mixed = score(written, truth, relations=relations, relation_weight=weight)
    assert mixed.value == pytest.approx((1 - weight) * parts[0] + weight * parts[1])
    assert mixed.value == pytest.approx(
        (1 - weight) * sum(mixed.per_view.values()) / len(truth)
        + weight * sum(mixed.per_view_relations.values()) / len(truth)
    )


def test_views_without_true_relations_do_not_enter_the_relation_part():
    written = {1: [Relation("sofa", "ball", "left")], 2: [Relation("door", "camera", "front")]}
    truth = [["sofa", "ball"], ["door"]]
    relations = {1: [["sofa", "ball", "left"]], 2: []}
    assert score(written, truth, relations=relations, relation_weight=0.5).per_view_relations == {1: 1.0}
    assert score(written, truth, relations=relations, relation_weight=0.5).value == 1
    assert score(written, truth, relations=[[], []], relation_weight=1.0).value == 1


@given(st.text(), TRUTH)
def test_any_reasoning_scores_between_nothing_and_one(text, truth):
    found = score_references(parse_references(text), truth)
    assert 0 <= found.value <= 1
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    "truth",
    [
        {1: ["sofa", "ball"], 2: []},
        {"1": ["The Sofa", "balls", "sofa"], "02": []},
        [["sofa", "ball"], []],
        (("ball", "sofa"), ()),
        [{"sofa", "ball"}, frozenset()],
        '[["sofa", "ball"], []]',
        '{"1": ["sofa", "ball"], "2": []}',
    ],
)
def test_true_names_come_in_many_forms(truth):
    assert reference_names(truth) == {1: {"sofa", "ball"}, 2: set()}


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (None, "expected lists by view"),
        (3, "expected lists by view"),
        (b"[]", "expected lists by view"),
        ([], "no view"),
        ({}, "no view"),
        ("", "not valid JSON"),
        ("sofa", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('"sofa"', "not valid JSON|expected lists by view"),
        ("3", "expected lists by view"),
        (["sofa", "ball"], "expected a list"),
        ([["sofa"], "ball"], "view 2: 'ball' is a str"),
        ([["sofa"], None], "view 2: None"),
        ([{"sofa": 1}], "expected a list"),
        ([[["sofa"]]], "no name of an object"),
        ([["sofa", 3]], "view 1: 3 is no name"),
        ([["sofa", " ."]], "no name of an object"),
        ({"one": ["sofa"]}, "'one' is no view number"),
        ({-1: ["sofa"]}, "-1 is no view number"),
        ({True: ["sofa"]}, "True is no view number"),
        ({1.0: ["sofa"]}, "no view number"),
        ({"1": ["sofa"], 1: ["ball"]}, "twice"),
        ({"²": ["sofa"]}, "no view number"),
    ],
)
def test_wrong_names_are_a_data_error(truth, message):
    with pytest.raises(DataError, match=message):
        score_references(References(), truth)


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        ([["sofa", "ball", "left"]], "no triplet"),
        ([[["sofa", "ball"]]], "no triplet"),
        ([["sofa left ball"]], "no triplet"),
        ([[["sofa", "ball", ""]]], "no relation"),
        ([[["sofa", "ball", 3]]], "no relation"),
        ([[["sofa", "", "left"]]], "no name"),
        ([[["sofa", "ball", "left"], ["ball", "sofa", "left"]]], "contradict"),
        ([[], [["sofa", "ball", "left"]]], r"views \[2\] have no true references"),
        ("left", "not valid JSON"),
    ],
)
def test_wrong_relations_are_a_data_error(relations, message):
    with pytest.raises(DataError, match=message):
        score_references(References(), [["sofa"]], relations=relations, relation_weight=0.5)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_out_of_range_is_a_config_error(weight):
    with pytest.raises(ConfigError, match="relation_weight"):
        score_references(References(), [["sofa"]], relations=[[]], relation_weight=weight)


def test_a_weight_needs_relations():
    with pytest.raises(ConfigError, match="no true relations"):
        score_references(References(), [["sofa"]], relation_weight=0.5)


def test_true_relations_may_be_json():
    assert reference_facts('{"1": [["sofa", "ball", "left of"]]}') == {1: {(("ball", "sofa", "lateral"), "right")}}


@pytest.mark.parametrize(
    ("truth", "more", "message"),
    [
        (None, {}, "references: None is a NoneType, expected lists by view"),
        ([], {}, "references: there is no view"),
        ("x" * 70, {}, f"references: not valid JSON (Expecting value: line 1 column 1 (char 0)): '{'x' * 60}'"),
        ([["sofa"], "ball"], {}, "view 2: 'ball' is a str, expected a list"),
        ([["sofa", 3]], {}, "view 1: 3 is no name of an object"),
        ({"one": ["sofa"]}, {}, "references: 'one' is no view number"),
        ({"10000": ["sofa"]}, {}, "references: '10000' is no view number"),
        ({"1": ["sofa"], 1: ["ball"]}, {}, "references: a view is there twice: ['1', 1]"),
        ([["a"]], {"relations": 3}, "relations: 3 is a int, expected lists by view"),
        ([["a"]], {"relations": {"x": []}}, "relations: 'x' is no view number"),
        ([["a"]], {"relations": [[["a", "b"]]]}, "view 1: ['a', 'b'] is no triplet [object 1, object 2, relation]"),
        ([["a"]], {"relations": [["a b"]]}, "view 1: 'a b' is no triplet [object 1, object 2, relation]"),
        ([["a"]], {"relations": ["a"]}, "view 1: 'a' is a str, expected a list"),
        ([["a"]], {"relations": [["abc"]]}, "view 1: 'abc' is no triplet [object 1, object 2, relation]"),
        ([["a"]], {"relations": [[b"abc"]]}, "view 1: b'abc' is no triplet [object 1, object 2, relation]"),
        ([["a"]], {"relations": [[{1, 2, 3}]]}, "view 1: {1, 2, 3} is no triplet [object 1, object 2, relation]"),
        ([["a"]], {"relations": [[["a", "b", 3]]]}, "view 1: 3 is no relation"),
        ([["a"]], {"relations": [[["", "b", "left"]]]}, "view 1: '' is no name of an object"),
        ([["a"]], {"relations": [[["a", 5, "left"]]]}, "view 1: 5 is no name of an object"),
        (
            [["a"]],
            {"relations": [[["a", "b", "left"], ["b", "a", "left"]]]},
            "relations, view 1: triplets contradict each other: [['a', 'b', 'left'], ['b', 'a', 'left']]",
        ),
        (
            [["a"]],
            {"relations": {1: [], 4: [], 3: [["a", "b", "on"]]}},
            "relations: views [3, 4] have no true references",
        ),
    ],
    ids=plain,
)
def test_words_for_wrong_gold(truth, more, message):
    with pytest.raises(DataError) as caught:
        score_references(References(), truth, **more)
    assert str(caught.value) == message


def test_words_for_wrong_weights():
    for options, message in (
        ({"relation_weight": 1.5, "relations": [[]]}, "relation_weight must lie in [0, 1], not 1.5"),
        ({"relation_weight": 0.5}, "relation_weight is set, but there are no true relations"),
    ):
        with pytest.raises(ConfigError) as caught:
            score_references(References(), [["sofa"]], **options)
        assert str(caught.value) == message
    for weight in (0, 1):
        assert score_references(References(), [["sofa"]], relations=[[]], relation_weight=weight).value == 0


def test_view_numbers():
    truth = {"9999": [], "0": ["a"], 12345: ["b"]}
    assert reference_names(truth) == {9999: set(), 0: {"a"}, 12345: {"b"}}
    assert reference_names({0: ["a"]}) == {0: {"a"}}


def test_who_looks_is_a_reference_only_where_the_truth_says_so():
    said = {1: [Relation("sofa", "camera", "near")]}
    assert score(said, [["sofa"]]).value == 1
    assert score(said, [["sofa", "me"]]).value == 1
    assert score({1: [Relation("sofa", "ball", "near")]}, [["sofa", "viewer"]]).value == 0.5


def test_relations_are_compared_part_by_part():
    truth = {"truth": [["a", "b"]], "relation_weight": 1.0, "relations": [[["a", "b", "front-left"]]]}
    assert score({1: [Relation("a", "b", "front-left")]}, **truth).value == 1
    assert score({1: [Relation("a", "b", "left")]}, **truth).value == pytest.approx(2 / 3)
    assert score({1: [Relation("a", "b", "behind-left")]}, **truth).value == 0.5
    both = [Relation("a", "b", "left"), Relation("b", "a", "front-left")]
    assert score({1: both}, **truth).value == 0
    assert score({2: both}, **truth).value == 0


def test_everything_about_a_score():
    parsed = parse_references("View 2: [sofa, ball, left]\nView 5: [a, b, on]\nView 4: none")
    found = score_references(parsed, {3: [], 2: ["sofa"], 1: ["tv"]}, relations={2: [["sofa", "ball", "left"]], 1: []})
    assert found == (
        (2 / 3 + 1 + 0) / 3,
        {3: 1.0, 2: pytest.approx(2 / 3), 1: 0.0},
        {2: 1.0},
        (4, 5),
        (1, 3),
    )
