"""Policies that look at no image earn no R_ref: on generated questions, and on labels like MindCube's."""

import random
from itertools import combinations
from statistics import fmean

import pytest

from parsers.references import References
from parsers.types import Relation
from rewards.references import score_informedness
from tests.measure.reference_signal import (
    BLIND,
    LOOKING,
    generated_rows,
    mindcube_rows,
    r_ref,
    reasoning,
    score_rows,
    true_sets,
)

ROWS = 300
SAME_EVERYWHERE = list(BLIND)[:4]


@pytest.fixture(scope="module", params=["generated", "mindcube"])
def rows(request):
    return generated_rows(ROWS) if request.param == "generated" else mindcube_rows(ROWS)


@pytest.mark.parametrize("name", SAME_EVERYWHERE)
def test_the_same_in_every_view_is_worth_exactly_nothing(rows, name):
    values = r_ref(rows, BLIND[name])
    assert len(values) >= ROWS * 2 / 3
    assert set(values) == {0.0}


@pytest.mark.parametrize("name", list(BLIND)[4:])
def test_guesses_are_worth_nothing_on_average(rows, name):
    values = [value for seed in range(8) for value in r_ref(rows, BLIND[name], seed)]
    assert abs(fmean(values)) < 0.04
    assert min(values) < -0.2  # not because nobody wins: what guesses win, other guesses lose


def test_who_looks_earns_what_is_seen(rows):
    found = {name: fmean(r_ref(rows, policy)) for name, policy in LOOKING.items()}
    assert found["the truth"] == 1.0
    assert 0.2 < found["one true view"] < 0.5
    assert 0.15 < found["sees a third"] < 0.45 < found["sees two thirds"] < 0.85


def test_rows_of_views_that_all_show_the_same_are_unlabelled():
    around = mindcube_rows(3)[2]
    assert len({tuple(names) for names in around["references"]}) == 1
    batch = score_rows([around], [f"<think>{reasoning(true_sets(around))}</think><answer>A</answer>"])
    assert (batch.labelled.tolist(), batch.total.tolist(), batch.unit.tolist()) == ([False], [1.0], [1.0])


def test_no_policy_ties_with_one_that_answers_otherwise(rows):
    """The best references beside a wrong answer, the worst beside a right one, blind policies with a random letter."""
    rng = random.Random(1)
    worst = [list(reversed(true_sets(row))) for row in rows]
    right = score_rows(
        rows,
        [
            f"<think>{reasoning(sets)}</think><answer>{row['target']}</answer>"
            for sets, row in zip(worst, rows, strict=True)
        ],
    )
    wrong = score_rows(rows, [f"<think>{reasoning(true_sets(row))}</think><answer>Z</answer>" for row in rows])
    assert right.total.min() >= 0.5
    assert wrong.total.max() <= 0.25
    silent = score_rows(rows, [f"<think></think><answer>{row['target']}</answer>" for row in rows]).total.mean()
    for policy in BLIND.values():
        guessed = [rng.choice("ABCD"[: len(row["options"] or "AB")]) for row in rows]
        texts = [
            f"<think>{reasoning(policy(true_sets(row), rng))}</think><answer>{letter}</answer>"
            for row, letter in zip(rows, guessed, strict=True)
        ]
        assert score_rows(rows, texts).total.mean() < silent / 2


# --- relations alone -------------------------------------------------------------------------------------------------

NAMES = ["sofa", "lamp", "desk"]


def said(sides):
    """Relations of all pairs in each view, by one side a view."""
    return {
        view: tuple(Relation(one, other, side) for (one, other), side in zip(combinations(NAMES, 2), each, strict=True))
        for view, each in enumerate(sides, 1)
    }


def test_relations_that_are_guessed_are_worth_nothing():
    """A row of objects, seen from the front and from behind: only left and right tell the views apart."""
    rng, found = random.Random(3), {"constant": [], "guessed": [], "true": []}
    for _ in range(3000):
        views = [[rng.choice(["left", "right"])] * 3 for _ in range(3)]
        guess = [[rng.choice(["left", "right"]) for _ in range(3)] for _ in range(3)]
        labels = {view: [list(each) for each in triplets] for view, triplets in said(views).items()}
        for name, sides in (("constant", guess[:1] * 3), ("guessed", guess), ("true", views)):
            score = score_informedness(References(said(sides)), [NAMES] * 3, relations=labels)
            if score is not None:
                found[name].append(score.value)
    assert set(found["constant"]) == {0.0}
    assert set(found["true"]) == {1.0}
    assert abs(fmean(found["guessed"])) < 0.04
