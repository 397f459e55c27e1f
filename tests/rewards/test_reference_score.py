"""R_ref: independent twins, properties, cases, attacks, wrong gold. First the F1 of preset paper, then the default."""

import itertools
import json
import pickle
import random
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parsers.references import References, parse_references, true_name
from parsers.types import Relation
from rewards.errors import ConfigError, DataError
from rewards.references import (
    reference_facts,
    reference_names,
    reference_triplets,
    score_informedness,
    score_references,
)
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
        ([["sofa"], 3], "view 2: 3"),
        ([None, None], "no view"),
        ({"1": None}, "no view"),
        ([{"sofa": 1}], "expected a list"),
        ([[["sofa"]]], "no name of an object"),
        ([["sofa", 3]], "view 1: 3 is no name"),
        ([["sofa", " ."]], "no name of an object"),
        ({"sofa": ["sofa"]}, "'sofa' is no view number, such as 1 or 'View 1'"),
        ({-1: ["sofa"]}, "-1 is no view number, such as 1 or 'View 1'"),
        ({True: ["sofa"]}, "True is no view number, such as 1 or 'View 1'"),
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
        ({"View": ["sofa"]}, {}, "references: 'View' is no view number, such as 1 or 'View 1'"),
        ({"10000": ["sofa"]}, {}, "references: '10000' is no view number, such as 1 or 'View 1'"),
        ({"1": ["sofa"], 1: ["ball"]}, {}, "references: a view is there twice: ['1', 1]"),
        ([["a"]], {"relations": 3}, "relations: 3 is a int, expected lists by view"),
        ([["a"]], {"relations": {"x": []}}, "relations: 'x' is no view number, such as 1 or 'View 1'"),
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
    truth = {"9999": [], "1": ["a"], 12345: ["b"]}
    assert reference_names(truth) == {9999: set(), 1: {"a"}, 12345: {"b"}}


@pytest.mark.parametrize("zero", [0, "0", "00", "View 0", "image 0"])
def test_labels_that_count_views_from_zero_are_refused(zero):
    for what, read, labels in (
        ("references", reference_names, {zero: ["a"], 1: ["b"]}),
        ("relations", reference_facts, {zero: [["a", "b", "left"]]}),
        ("relations", reference_triplets, {zero: [["a", "b", "left"]]}),
    ):
        with pytest.raises(DataError, match=f"^{what}: there is a view {zero!r}; views count from 1"):
            read(labels)
    assert reference_names({"0": None, "1": ["a"]}) == {1: {"a"}}  # Arrow's structs hold every key of the column


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


# --- the default: informedness across views --------------------------------------------------------------------------

VIEWS = st.lists(st.lists(NAME, max_size=4), min_size=1, max_size=4)


def informed(written, truth, **more):
    found = score_informedness(References({view: tuple(triplets) for view, triplets in written.items()}), truth, **more)
    return None if found is None else found.value


def written_sets(sets):
    """Return what names exactly these objects in each view."""
    return {view: near(*names) for view, names in enumerate(sets, 1) if names}


@given(WRITTEN, TRUTH)
def test_informedness_is_the_slope_of_its_twin(written, truth):
    found, expected = informed(written, truth), oracle.informedness({k: names(v) for k, v in written.items()}, truth)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(float(expected))
    assert found is None or -1 <= found <= 1


@given(WRITTEN, st.lists(TRIPLETS, min_size=1, max_size=4))
def test_informedness_of_relations_is_that_of_its_twin(written, truth):
    assume(all(len(oracle.consistent(each)) * 2 == len(oracle.statements(each)) for each in truth))
    everything = [["sofa", "ball", "lamp", "door", "red box", "tv"]] * len(truth)
    labelled = {view: oracle.consistent(each) for view, each in enumerate(truth, 1) if each}
    pairs = {(s, o, axis(r)) for said in labelled.values() for s, o, r in said}
    kept = {
        view: [(s, o, r) for s, o, r in oracle.consistent(each) if (s, o, axis(r)) in pairs]
        for view, each in written.items()
    }
    expected = oracle.informedness(kept, labelled)
    found = informed(written, everything, relations=truth)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(float(expected))


def axis(relation):
    return frozenset([relation, *oracle.rivals(relation)])


@given(VIEWS, st.lists(NAME))
def test_the_same_set_in_every_view_and_nothing_are_worth_exactly_nothing(truth, said):
    for sets in ([said] * len(truth), [[]] * len(truth), *([each] * len(truth) for each in truth)):
        assert informed(written_sets(sets), truth) in (0.0, None)


@given(VIEWS)
def test_the_truth_and_it_alone_earns_one(truth):
    assume(informed({}, truth) is not None)
    assert informed(written_sets(truth), truth) == 1.0
    for view in range(len(truth)):
        for name in truth[view]:
            less = [[each for each in names if each != name or at != view] for at, names in enumerate(truth)]
            apart = not all(name in names for names in truth)
            assert (informed(written_sets(less), truth) < 1.0) == apart


@given(WRITTEN, TRUTH, st.integers(1, 4), NAME)
def test_a_true_reference_more_never_earns_less_and_a_false_one_never_more(written, truth, view, name):
    assume(view in truth and informed({}, truth) is not None)
    more = {**written, view: (*written.get(view, ()), Relation(name, name, "near"))}
    before, after = informed(written, truth), informed(more, truth)
    if name in truth[view]:
        assert after >= before
    elif any(name in names for names in truth.values()):
        assert after <= before
    elif all(name not in names(triplets) for triplets in written.values()) and len(truth) > 1:
        assert abs(after) < abs(before) or before == after == 0  # true nowhere: it dilutes


@given(st.integers(0, 5))
def test_naming_what_may_be_there_is_not_free(extra):
    """In the view where something is seen, beside the truth, names that are true nowhere: 1, 3/4, 3/5, ..."""
    truth = [["sofa", "ball"], ["lamp"]]
    more = [f"thing {number}" for number in range(extra)]
    assert informed(written_sets([["sofa", "ball", *more], ["lamp"]]), truth) == pytest.approx(3 / (3 + extra))
    assert informed(written_sets([["sofa", "ball", *more], ["lamp", *more]]), truth) == 1
    relations = [[["sofa", "ball", "left"]], [["sofa", "ball", "right"]]]
    front = Relation("sofa", "ball", "front")
    written = {1: [Relation("sofa", "ball", "left"), front], 2: [Relation("sofa", "ball", "right")]}
    assert informed(written, [["sofa", "ball"]] * 2, relations=relations) == 1  # an axis that no label is about


@given(VIEWS)
def test_a_part_of_the_truth_earns_a_part(truth):
    """One view after the other, what is named rises from 0 to 1, and by something wherever there is something to tell."""
    assume(informed({}, truth) is not None)
    earned = [informed(written_sets(truth[:number]), truth) for number in range(len(truth) + 1)]
    assert earned[0] == 0
    assert earned[-1] == 1.0
    assert all(one <= other for one, other in itertools.pairwise(earned))


@given(st.lists(st.sets(NAME, max_size=4), min_size=2, max_size=4))
def test_guesses_are_worth_nothing_on_average(truth):
    """Exactly: the mean over all ways to give the true sets to the views, and over all sets of views for each name."""
    assume(informed({}, truth) is not None)
    orders = list(itertools.permutations(truth))
    assert sum(informed(written_sets(order), truth) for order in orders) / len(orders) == pytest.approx(0, abs=1e-12)
    name = next(name for name in sorted(set().union(*truth)) if not all(name in names for names in truth))
    subsets = itertools.product([[], [name]], repeat=len(truth))
    assert sum(informed(written_sets(sets), truth) for sets in subsets) == pytest.approx(0, abs=1e-12)


def test_relations_alone_count_where_names_tell_nothing_apart():
    same, flips = [["sofa", "ball"]] * 2, [[["sofa", "ball", "left"]], [["sofa", "ball", "right"]]]
    left, right = Relation("sofa", "ball", "left"), Relation("sofa", "ball", "right")
    for written, value in (
        ({1: [left], 2: [right]}, 1),
        ({1: [Relation("ball", "sofa", "right")], 2: [right]}, 1),
        ({1: [left]}, 0.5),
        ({1: [left], 2: [left]}, 0),
        ({1: [right], 2: [left]}, -1),
        ({1: [left, right], 2: [left, right]}, 0),
        ({1: [left, right], 2: [right]}, 0.5),  # what is contradicted is not said
    ):
        assert informed(written, same, relations=flips) == value
        assert informed(written, same, relations=flips, relation_weight=1.0) == value


def test_the_relations_share_and_what_has_none():
    truth, flips = [["sofa", "ball"], ["sofa", "lamp"]], [[["sofa", "ball", "left"]], [["sofa", "lamp", "left"]]]
    written = {1: [Relation("sofa", "ball", "right")], 2: [Relation("sofa", "lamp", "left")]}
    assert informed(written, truth, relations=flips) == 1
    assert (
        informed(written, truth, relations=flips, relation_weight=0.5) == 0.5 * 1 + 0.5 / 3
    )  # one of two, and a false one
    assert informed(written, truth, relations=[[], flips[1]], relation_weight=0.5) == 1  # one labelled view: no facts
    assert informed(written, [["sofa", "ball"]] * 2, relations=[flips[0]] * 2) is None


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("sofa", {"gray sofa", "lamp"}, "gray sofa"),
        ("gray sofa", {"sofa", "lamp"}, "sofa"),
        ("dark gray sofa", {"gray sofa"}, "gray sofa"),
        ("sofa", {"gray sofa", "sofa"}, "sofa"),
        ("red sofa", {"gray sofa", "sofa"}, "red sofa"),  # the truth tells a sofa from a modified one
        ("dark gray sofa", {"gray sofa", "sofa"}, "gray sofa"),
        ("cube", {"red cube", "blue cube"}, "cube"),
        ("red sofa", {"gray sofa"}, "red sofa"),
        ("fa", {"sofa"}, "fa"),
        ("gray", {"gray sofa"}, "gray"),
    ],
)
def test_head_nouns(name, known, found):
    assert true_name(name, known) == found


def test_head_nouns_count_under_every_rule():
    written = "View 1: [sofa, ball, left] View 2: [sofa, floor lamp, left]"
    truth = [["gray sofa", "red ball"], ["gray sofa", "lamp"]]
    parsed = parse_references(written)
    assert score_informedness(parsed, truth).value == 1
    assert score_references(parsed, truth).value == 1
    relations = [[["gray sofa", "red ball", "left"]], [["lamp", "gray sofa", "right"]]]
    assert score_references(parsed, truth, relations=relations, relation_weight=1.0).value == 1
    assert score_informedness(parsed, truth, relations=relations, relation_weight=1.0).value == 1


def test_whoever_looks_is_no_reference():
    truth = [["sofa", "camera"], ["lamp"]]
    parsed = parse_references("View 1: [sofa, me, left] View 2: [lamp, viewer, left]")
    assert [each.item for each in score_informedness(parsed, truth).names] == ["lamp", "sofa"]
    assert score_informedness(parsed, [["me"], []]) is None


def test_informedness_checks_its_labels():
    with pytest.raises(DataError, match="have no true references"):
        informed({}, [["sofa"]], relations={2: []})
    with pytest.raises(ConfigError, match="no true relations"):
        informed({}, [["sofa"]], relation_weight=0.5)
    with pytest.raises(DataError, match="there is no view"):
        informed({}, [])
