"""The explanation shows the matching that pays: its lines add up to the score, exactly."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.types import Completion, Fault, Records
from rewards import TVR, ConfigError, DataError, TieredSpec, score_completion
from rewards.explain import explain_completion, explain_parsed
from rewards.score import ParsedBatch
from rewards.spec import PRESETS, preset_spec

GRAPH = TieredSpec(  # not a chain: neither of (source, target) and (source, label) is within the other
    fields=("source", "target", "label"),
    tiers={("source", "target", "label"): 5.0, ("source", "target"): 2.0, ("source", "label"): 2.5, ("label",): 0.5},
)

small = st.integers(0, 2)
values = st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0, 1.5, 7.3])
record = st.tuples(small, st.sampled_from(["color", "size"]), st.sampled_from(["a", "b", "c"]))
predicted = st.lists(record, max_size=8)
true = st.lists(record, max_size=5, unique=True)
invalid = st.integers(0, 3)


@st.composite
def tvr_specs(draw):
    overrides = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "matching": st.sampled_from(["one_to_one", "literal"]),
                "conflicts": st.sampled_from(["last", "each"]),
                "incorrect": st.sampled_from(["not_exact", "not_attribute", "not_object", "no_tier"]),
                "scale": st.sampled_from([None, "n_gt"]),
                "miss_table": st.sampled_from(["reduced", "full"]),
                "count": st.sampled_from(["shortfall", "difference"]),
                "also_underprediction": st.booleans(),
                "multiset": st.booleans(),
                "incorrect_penalty": values,
                "underprediction_penalty": values,
                "tiers": st.fixed_dictionaries({}, optional={"exact": values, "attribute": values, "object": values}),
            },
        )
    )
    return preset_spec(TVR, draw(st.sampled_from(sorted(PRESETS))), **overrides)


@st.composite
def graph_specs(draw):
    return GRAPH.change(
        matching=draw(st.sampled_from(["one_to_one", "literal"])),
        conflicts=draw(st.sampled_from(["last", "each"])),
        incorrect=draw(st.sampled_from(["not_exact", "not_target", "no_tier"])),
        scale=draw(st.sampled_from([None, "n_gt"])),
        tiers={"target": draw(values), "label": draw(values)},
    )


def explain(spec, predictions, truth, broken=0):
    faults = tuple(Fault("not_a_record", "nonsense", at) for at in range(broken))
    reading = ParsedBatch([Completion("", "")], [Records(tuple(predictions), faults)])
    return explain_parsed(reading, tuple(truth), spec)


@given(spec=tvr_specs() | graph_specs(), predictions=predicted, truth=true, broken=invalid)
def test_lines_add_up_to_the_score(spec, predictions, truth, broken):
    explanation = explain(spec, predictions, truth, broken)
    assert explanation.parts == dict(explanation.score.parts)
    total = 0.0
    for value in explanation.parts.values():
        total += value
    assert total == explanation.score.total


@given(spec=tvr_specs() | graph_specs(), predictions=predicted, truth=true)
def test_matches_are_real(spec, predictions, truth):
    explanation = explain(spec, predictions, truth)
    assert [each.record for each in explanation.predictions] == predictions
    keys = dict(zip(spec.parts, spec.table, strict=True))
    for each in explanation.predictions:
        assert (each.matched is None) == (each.tier is None)
        if each.matched is not None:
            at = [spec.fields.index(name) for name in keys[each.tier]]
            assert [each.record[i] for i in at] == [each.matched[i] for i in at]
            assert each.matched in truth
            assert not each.superseded
        assert each.earned >= 0 >= each.charged
        assert (each.earned > 0) <= (each.paid_as is not None)
    matched = Counter(each.matched for each in explanation.predictions if each.matched is not None)
    if spec.matching == "one_to_one":
        assert all(times == 1 for times in matched.values())
    assert set(explanation.missing) == set(truth) - set(matched)


@given(predictions=predicted, truth=true)
def test_literal_pays_each_prediction_its_best_tier(predictions, truth):
    explanation = explain(preset_spec(TVR, "paper"), predictions, truth)
    for each in explanation.predictions:
        best = max((sum(each.record[:n] == other[:n] for n in (1, 2, 3)) for other in truth), default=0)
        assert each.earned == (0.0, 0.5, 1.5, 5.0)[best]


def lines(explanation):
    return [(each.tier, each.earned, each.charged) for each in explanation.predictions]


def answer(text):
    return f"<think>Looked.</think><answer>{text}</answer>"


def test_tiers_of_the_paper():
    explanation = explain_completion(
        answer("2.color.cyan, 0.shape.cube, 4.size.large, 7.color.red"),
        "2.color.cyan, 0.shape.sphere, 4.material.glass, 1.size.small",
    )
    assert lines(explanation) == [
        ("exact", 5.0, 0.0),
        ("attribute", 1.5, -1.0),
        ("object", 0.5, -1.0),
        (None, 0.0, -1.0),
    ]
    assert explanation.missing == ((1, "size", "small"),)
    assert explanation.score.total == 1 + 5 + 1.5 + 0.5 - 3


def test_repeats_pay_only_under_paper():
    twice = answer("2.color.cyan, 2.color.cyan")
    assert lines(explain_completion(twice, "2.color.cyan")) == [(None, 0.0, -1.0), ("exact", 5.0, 0.0)]
    assert lines(explain_completion(twice, "2.color.cyan", preset="paper")) == [("exact", 5.0, 0.0)] * 2


def test_only_the_last_of_two_values_earns():
    explanation = explain_completion(answer("2.color.cyan, 2.color.red"), "2.color.cyan")
    first, second = explanation.predictions
    assert first.superseded
    assert first.matched is None
    assert (second.tier, second.earned, second.charged) == ("attribute", 1.5, -1.0)


def test_dropped_tier_is_shown_as_what_it_is_paid_as():
    (only,) = explain_completion(answer("2.color.red"), "2.color.cyan", preset="no_attribute_tier").predictions
    assert (only.tier, only.paid_as, only.earned) == ("attribute", "object", 0.5)
    (only,) = explain_completion(answer("2.size.small"), "2.color.cyan", preset="no_object_tier").predictions
    assert (only.tier, only.paid_as, only.earned) == ("object", None, 0.0)


def test_pieces_that_are_no_records():
    explanation = explain_completion(answer("2.color.cyna, 2.color.cyan,"), "2.color.cyan")
    good, bad = explanation.predictions
    assert (good.tier, good.charged) == ("exact", 0.0)
    assert (bad.record, bad.fault.code, bad.charged) == (None, "unknown_value", -1.0)
    assert [note.code for note in explanation.notes] == ["trailing_separator"]


def test_items_that_are_no_records_are_charged_up_to_the_number_of_true_ones():
    explanation = explain_completion(answer("nothing moved, so, it, seems"), "2.color.cyan, 0.shape.cube")
    assert [(each.charged, each.beyond) for each in explanation.predictions] == [(-1.0, False)] * 2 + [(0.0, True)] * 2
    assert dict(explanation.score.parts)["incorrect"] == -2.0
    assert dict(explanation.score.parts)["underprediction"] == 0.0
    assert explanation.missing == ((2, "color", "cyan"), (0, "shape", "cube"))
    explanation = explain_completion(answer("nothing moved"), "none")
    assert [(each.charged, each.beyond) for each in explanation.predictions] == [(0.0, True)]


def test_broken_envelope():
    explanation = explain_completion("<think>a</think> so <answer>2.color.cyan</answer>", "2.color.cyan")
    assert explanation.completion.fault.code == "text_between"
    assert explanation.predictions == ()
    assert explanation.parts["format"] == 0.0


def test_naive_binary_pays_the_set_as_a_whole():
    explanation = explain_completion(answer("2.color.cyan"), "2.color.cyan", preset="naive_binary")
    assert lines(explanation) == [("exact", 0.0, 0.0)]
    assert explanation.parts["exact"] == 1.0


@given(st.text(max_size=40) | st.text("<>/thinkanswer2.color,yd[]()\n", max_size=60).map(answer))
def test_agrees_with_score_completion_on_any_text(text):
    for preset in ("default", "paper"):
        explanation = explain_completion(text, "2.color.cyan, 0.shape.cube", preset=preset)
        assert explanation.score == score_completion(text, "2.color.cyan, 0.shape.cube", preset=preset)
        assert explanation.parts == dict(explanation.score.parts)


def test_errors():
    with pytest.raises(ConfigError, match="no records to match"):
        explain_completion(answer("B"), "B", task="multiview")
    with pytest.raises(ConfigError, match="did you mean 'matching'"):
        explain_completion(answer("B"), "2.color.cyan", matchin="literal")
    with pytest.raises(DataError, match="not a color"):
        explain_completion(answer("B"), "2.color.cyna")


def test_tiers_that_end_in_the_same_field_have_names_of_their_own():
    assert GRAPH.parts == ("exact", "target", "source_label", "label")
    (only,) = explain(GRAPH, [(1, "color", "a")], [(1, "size", "a")]).predictions
    assert (only.tier, only.earned) == ("source_label", 2.5)
