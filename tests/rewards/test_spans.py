"""Where a reward comes from: shares and rest add up to the total, and places are places of the completion as given."""

import json
import pickle
from math import isclose
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import TVR as TVR_FORMAT
from parsers.records import parse_records
from rewards import ConfigError, completion_text, score_batch, score_completion
from rewards.batch_score import BatchScore
from rewards.score import score_for_specs
from rewards.spans import Span, Spans, score_spans
from rewards.spec import PRESETS
from tests.case_names import plain
from tests.strategies import answers, completions, hostile_completions, targets

CASES = Path(__file__).parents[1] / "cases"


def cases(name):
    with (CASES / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def check(completion, score, spans, *, exact=True):
    text = completion_text(completion)
    assert spans.total == score.total if exact else isclose(spans.total, score.total, abs_tol=1e-12)
    for found in (spans.records, spans.references):
        last = 0
        for span in found:
            assert last <= span.start <= span.end <= len(text)
            last = span.end


@given(
    completion=answers(max_size=4).flatmap(lambda answer: completions(answer[0])) | hostile_completions(),
    target=targets(),
    preset=st.sampled_from(sorted(PRESETS)),
    mode=st.sampled_from(["strict", "lenient"]),
)
def test_shares_and_rest_are_the_total(completion, target, preset, mode):
    score = score_completion(completion, target, preset=preset, mode=mode)
    spans = score.spans
    check(completion, score, spans)
    for span in spans.records:
        if span.value is not None:
            assert parse_records(completion[span.start : span.end], TVR_FORMAT).items == (span.value,)
    assert [span.value for span in spans.records if span.value] == list(score.answer.items if score.answer else ())


@given(target=targets(min_size=1), penalty=st.sampled_from([0.0, 0.1, 1 / 3, 7.3]), answer=answers(max_size=4))
def test_shares_of_any_number_are_the_total_but_for_rounding(target, penalty, answer):
    completion = f"<think>b</think><answer>{answer[0]}</answer>"
    for changes in ({"incorrect_penalty": penalty}, {"scale": "n_gt"}, {"tiers": {"attribute": penalty}}):
        score = score_completion(completion, target, **changes)
        check(completion, score, score.spans, exact=False)


@pytest.mark.parametrize("case", cases("rewards.jsonl"), ids=lambda case: plain(case["name"]))
def test_the_case_table_of_rewards(case):
    score = score_completion(case["completion"], case["target"], **case["options"])
    check(case["completion"], score, score.spans, exact=False)


@pytest.mark.parametrize(
    ("answer", "target", "preset", "tiers"),
    [
        ("2.color.cyan", "2.color.cyan", "default", [("exact", 5.0)]),
        ("2.color.red", "2.color.cyan", "default", [("attribute", 0.5)]),
        ("2.shape.cube", "2.color.cyan", "default", [("object", -0.5)]),
        ("2.shape.cube", "2.color.cyan", "no_object_tier", [("incorrect", -1.0)]),
        ("2.color.red", "2.color.cyan", "no_attribute_tier", [("object", -0.5)]),
        ("1.shape.cube", "2.color.cyan", "default", [("incorrect", -1.0)]),
        ("2.color.cyan, 2.color.cyan", "2.color.cyan", "default", [("superseded", -1.0), ("exact", 5.0)]),
        ("2.color.cyan, 2.shape.cube", "2.color.cyan", "default", [("exact", 5.0), ("excess", -1.0)]),
        ("2.color.cyan, x, y", "2.color.cyan", "default", [("exact", 5.0), ("unparseable", -1.0), ("uncounted", 0.0)]),
        ("2.color.cyan, 1.size.small", "2.color.cyan", "naive_binary", [("exact", 0.0), ("incorrect", 0.0)]),
        ("2.color.cyan, 2.color.cyan", "2.color.cyan", "paper", [("exact", 5.0), ("exact", 5.0)]),
    ],
)
def test_tiers_and_shares(answer, target, preset, tiers):
    completion = f"<think>b</think><answer>{answer}</answer>"
    score = score_completion(completion, target, preset=preset)
    assert [(span.tier, span.share) for span in score.spans.records] == tiers
    check(completion, score, score.spans)


def test_what_is_missing_belongs_to_no_record():
    score = score_completion("<think>b</think><answer>2.color.cyan</answer>", "2.color.cyan, 0.shape.cube")
    assert score.spans.rest == {"format": 1.0, "underprediction": -1.0}
    binary = score_completion("<think>b</think><answer>2.color.cyan</answer>", "2.color.cyan", preset="naive_binary")
    assert binary.spans.rest["exact"] == 1.0


@pytest.mark.parametrize(
    "completion",
    [
        "<think>b</think><answer>2.color.cyan</answer><|im_end|>",
        [{"role": "assistant", "content": "<think>b</think><answer>2.color.cyan</answer>"}],
        {"role": "assistant", "reasoning_content": "b", "content": "<answer>2.color.cyan</answer>"},
    ],
)
@pytest.mark.parametrize("prefilled", ["auto", False])
def test_places_are_those_of_the_text_as_given(completion, prefilled):
    (span,) = score_spans(completion, "2.color.cyan", think_prefilled=prefilled).records
    assert completion_text(completion)[span.start : span.end] == "2.color.cyan"


def test_a_batch_finds_the_spans_of_its_rows():
    texts = [f"<think>{'b' * at}</think><answer>{at}.color.cyan</answer>" for at in range(3)]
    batch = score_batch(texts, ["1.color.cyan"] * 3)
    for text, score in zip(texts, batch, strict=True):
        assert text[slice(*score.spans.records[0][:2])] == str(score.answer.items[0])
    packed = score_batch(texts[:1], ['{"target": "B", "task": "multiview"}'])
    assert packed[0].spans.records[0].kind == "answer"
    assert pickle.loads(pickle.dumps(batch[0])).spans == batch[0].spans
    assert batch[0] == score_completion(texts[0], "1.color.cyan")
    assert "source" not in repr(batch[0])


def test_a_score_without_its_completion_has_no_spans():
    from rewards import TVR
    from rewards.score import parse_answers, parse_completions

    parsed = parse_answers(parse_completions(["x"], mode="strict", think_prefilled="auto"), TVR_FORMAT)
    (batch,) = score_for_specs(parsed, [()], [TVR])
    assert isinstance(batch, BatchScore)
    with pytest.raises(ConfigError, match="without its completion"):
        _ = batch[0].spans


# --- questions -------------------------------------------------------------------------------------------------------

NAMES = ("sofa", "ball", "lamp", "red chair", "me")
RELATIONS = ("left", "behind", "front-left", "near", "leaning against")
triplets = st.lists(st.tuples(*map(st.sampled_from, (NAMES, NAMES, RELATIONS))), max_size=4)
views = st.lists(triplets, min_size=1, max_size=3)


def reasoning(said):
    lines = (
        f"View {view}: {' '.join('[' + ', '.join(each) + ']' for each in here)}" for view, here in enumerate(said, 1)
    )
    return "\n".join(lines)


@given(
    said=views,
    true=st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=3),
    preset=st.sampled_from(["default", "paper"]),
    answer=st.sampled_from(["B", "C", "perhaps"]),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
    facts=st.lists(st.sampled_from([("sofa", "ball", "left"), ("lamp", "ball", "behind")]), max_size=2, unique=True),
)
def test_shares_of_questions_are_the_total(  # noqa: PLR0917  hypothesis fills them in
    said, true, preset, answer, weight, facts
):
    completion = f"<think>{reasoning(said)}</think><answer>{answer}</answer>"
    settings = {"task": "multiview", "references": [sorted(each) for each in true], "preset": preset}
    settings |= {"relations": [facts], "relation_weight": weight, "format_weight": 0.5}
    score = score_completion(completion, "B", **settings)
    check(completion, score, score.spans, exact=False)
    assert score.spans.rest.keys() == {"format", "reference"}


@pytest.mark.parametrize("case", cases("reference_scores.jsonl"), ids=lambda case: plain(case["why"]))
def test_the_case_table_of_references(case):
    completion = f"<think>{case['text']}</think><answer>B</answer>"
    for preset in ("default", "paper"):
        score = score_completion(completion, "B", task="multiview", references=case["truth"], preset=preset)
        check(completion, score, score.spans, exact=False)


def test_tiers_of_references():
    completion = (
        "<think>View 1: [sofa, ball, behind] [ball, me, near] [zebra, lamp]\nView 2: [sofa, ball, left]\n"
        "View 7: [sofa, lamp, left]</think><answer>(B)</answer>"
    )
    score = score_completion(completion, "B", task="multiview", references=[["sofa", "ball"], ["sofa", "lamp"]])
    found = [(completion[s.start : s.end], s.tier, s.share) for s in score.spans.references]
    assert found == [
        ("sofa", "correct", 0.0),
        ("ball", "correct", 0.25),
        ("ball", "repeated", 0.0),
        ("me", "unlabelled", 0.0),
        ("[zebra, lamp]", "unparseable", 0.0),
        ("sofa", "correct", 0.0),
        ("ball", "incorrect", -0.25),
        ("sofa", "unlabelled", 0.0),
        ("lamp", "unlabelled", 0.0),
    ]
    assert score.spans.records == (Span(136, 139, "answer", "B", "correct", 1.0),)


def test_relations_have_spans_where_they_are_scored():
    completion = (
        "<think>View 1: [sofa, ball, left] [lamp, ball, behind] [ball, lamp, behind]\n"
        "View 2: [ball, sofa, left]</think><answer>B</answer>"
    )
    true = {"references": [["sofa", "ball"], ["sofa", "lamp"]]}
    true["relations"] = [[["sofa", "ball", "left"]], [["sofa", "ball", "left"]]]
    for preset in ("default", "paper"):
        settings = true | {"task": "multiview", "relation_weight": 0.5, "preset": preset}
        score = score_completion(completion, "B", **settings)
        relations = [s for s in score.spans.references if s.kind == "relation"]
        tiers = [(completion[s.start : s.end], s.tier) for s in relations]
        if preset == "paper":
            assert tiers == [
                ("left", "correct"),
                ("behind", "contradicted"),
                ("behind", "contradicted"),
                ("left", "incorrect"),
            ]
            assert relations[0].share > 0
        check(completion, score, score.spans, exact=False)


def test_no_answer_leaves_nothing_to_point_at():
    score = score_completion("View 1: [sofa, ball, left]", "B", task="multiview", references=[["sofa"], ["ball"]])
    assert score.spans == Spans(rest={"format": 0.0, "answer": 0.0, "reference": 0.0})
