"""The explanation of a question shows what its score is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import ConfigError, score_completion
from rewards.explain import explain_question

names = st.sampled_from(["sofa", "ball", "lamp", "door", "the camera", "me"])
triplet = st.tuples(names, names, st.sampled_from(["left", "behind", "near"])).map(lambda t: f"[{', '.join(t)}]")
view = st.tuples(st.integers(1, 4), st.lists(triplet, max_size=4)).map(lambda v: f"View {v[0]}: {' '.join(v[1])}")
reasoning = st.lists(view, max_size=4).map("\n".join)
answer = st.sampled_from(["B", "A", "(b)", "nothing", "", "A or B"])
envelope = st.sampled_from(["<think>{}</think><answer>{}</answer>", "{}</think><answer>{}</answer>", "{}{}"])
labels = st.none() | st.lists(st.lists(names, max_size=3), min_size=1, max_size=3)
weights = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from([0.0, 0.3, 1.0, 2.5]) for name in ("answer_weight", "reference_weight")}
    | {"preset": st.sampled_from(["default", "paper"]), "wrong_reference_share": st.sampled_from([0.0, 0.3, 1.0])}
    | {"format_weight": st.sampled_from([0.0, 1.0])},
)


@given(envelope, reasoning, answer, labels, weights)
def test_parts_are_those_of_the_score(form, think, said, references, changes):
    text = form.format(think, said)
    explanation = explain_question(text, "B", references=references, **changes)
    assert explanation.score == score_completion(text, "B", task="multiview", references=references, **changes)
    assert explanation.parts == dict(explanation.score.parts)
    assert sum(explanation.parts.values()) == explanation.score.total


@given(reasoning, st.lists(st.lists(names, max_size=3), min_size=1, max_size=3))
def test_the_sets_that_are_shown_are_the_sets_that_are_scored(think, references):
    explanation = explain_question(f"<think>{think}</think><answer>B</answer>", "B", references=references)
    assert all(each.f1 is None for each in explanation.views)
    for each in () if explanation.references is None else explanation.references.names:
        assert {view.number for view in explanation.views if each.item in view.true} == each.true
        assert {view.number for view in explanation.views if each.item in view.named} == each.written
    explanation = explain_question(
        f"<think>{think}</think><answer>B</answer>", "B", references=references, preset="paper"
    )
    for each in explanation.views:
        size = len(each.named) + len(each.true)
        assert each.f1 == (2 * len(each.named & each.true) / size if size else 1.0)
        assert each.missing | (each.named & each.true) == each.true
        assert each.extra | (each.named & each.true) == each.named
    assert explanation.references.value == pytest.approx(
        sum(each.f1 for each in explanation.views) / len(explanation.views)
    )


def test_views():
    think = "View 1: [the Sofa, balls, behind] [sofa, lamp, left]\nView 3: [door, lamp, right]"
    explanation = explain_question(
        f"<think>{think}</think><answer>B</answer>", "B", references={1: ["sofa", "ball"], 2: ["door"]}, preset="paper"
    )
    first, second = explanation.views
    assert (first.named, first.missing, first.extra) == ({"sofa", "ball", "lamp"}, set(), {"lamp"})
    assert first.f1 == 0.8
    assert (second.written, second.named, second.missing, second.f1) == (False, set(), {"door"}, 0.0)
    assert explanation.references.extra_views == (3,)
    assert explanation.parts == {"format": 0.0, "answer": 1.0, "reference": 0.4}


def test_relations_count_where_they_are_weighed():
    explanation = explain_question(
        "<think>View 1: [sofa, ball, left]</think><answer>B</answer>",
        "B",
        references=[["sofa", "ball"]],
        relations=[[["ball", "sofa", "right"]]],
        relation_weight=0.5,
        preset="paper",
    )
    assert explanation.views[0].relations_f1 == 1.0
    assert explanation.parts["reference"] == 1.0


def test_names_that_tell_views_apart():
    think = "View 1: [the Sofa, balls, behind] [gray sofa, lamp, left]\nView 2: [door, ball, right]"
    explanation = explain_question(
        f"<think>{think}</think><answer>A</answer>", "B", references=[["sofa", "red ball"], ["red ball", "door"], []]
    )
    assert [
        (each.item, sorted(each.true), sorted(each.written), each.value) for each in explanation.references.names
    ] == [
        ("door", [2], [2], 1.0),
        ("red ball", [1, 2], [1, 2], 1.0),
        ("sofa", [1], [1], 1.0),
        ("lamp", [], [1], 0.0),
    ]
    assert (explanation.references.value, explanation.reference_weight) == (0.75, 0.25)
    assert explanation.views[0].extra == {"lamp"}
    assert explanation.parts == {"format": 0.0, "answer": 0.0, "reference": 0.1875}
    alone = explain_question(f"<think>{think}</think><answer>B</answer>", "B", references=[["sofa"]])
    assert (alone.references, alone.parts["reference"], alone.views[0].named) == (None, 0.0, {"sofa", "ball", "lamp"})


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_broken_envelope_names_nothing(preset):
    references = [["sofa", "ball"], []]
    explanation = explain_question("View 1: [sofa, ball, left] B", "B", references=references, preset=preset)
    assert explanation.completion.fault.code == "no_think"
    assert explanation.references.value == 0.0
    assert explanation.views[0].named == set()
    assert explanation.score.total == 0.0


def test_list_tasks_are_refused():
    with pytest.raises(ConfigError, match="is no question"):
        explain_question("B", "B", task="tvr")
