"""Credit moves between tokens and none is made: the mean over tokens is the completion's advantage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import ConfigError
from rewards.credit import decided, span_credit, token_advantages
from rewards.spans import Span, score_spans

TARGET = "2.color.cyan, 0.shape.cube"
ANSWERS = st.lists(
    st.sampled_from(["2.color.cyan", "2.color.red", "0.shape.cube", "1.size.small", "x", ""]), max_size=4
)


def text_of(answer):
    return f"<think>b</think><answer>{', '.join(answer)}</answer>"


def cut(text, width):
    ends = [*range(width, len(text), width), len(text)]
    return [(end - width if end % width == 0 else end - end % width, end) for end in ends]


@given(
    groups=st.lists(st.lists(ANSWERS, min_size=3, max_size=3), min_size=1, max_size=3),
    width=st.integers(1, 9),
    scale=st.sampled_from([1.0, 0.5, 3.0]),
)
def test_the_mean_is_the_advantage(groups, width, scale):
    texts = [text_of(answer) for group in groups for answer in group]
    spans = [score_spans(text, TARGET).records for text in texts]
    advantages = np.linspace(-2, 2, len(texts))
    offsets = [[*cut(text, width), (len(text), len(text))] for text in texts]
    credit = span_credit(spans, 3)
    found = token_advantages(advantages, spans, credit, offsets, scale=scale)
    assert found.shape == (len(texts), max(map(len, offsets)))
    for row, tokens in enumerate(offsets):
        assert np.isclose(found[row, : len(tokens)].mean(), advantages[row])
        assert not found[row, len(tokens) :].any()
        # the slow twin: each token by itself
        extra = [
            sum(
                value
                for span, value in zip(spans[row], credit[row], strict=True)
                if any(span.start <= at < max(span.end, span.start + 1) for at in range(*token))
            )
            for token in tokens
        ]
        expected = advantages[row] + (np.array(extra) - np.mean(extra)) / scale
        assert np.allclose(found[row, : len(tokens)], expected)


def test_credit_is_what_a_completion_adds_beyond_its_group():
    spans = [
        score_spans(text_of([answer]), TARGET).records for answer in ("2.color.cyan", "2.color.red", "0.shape.cube")
    ]
    first, second, third = span_credit(spans, 3)
    mean = (5.0 + 0.5) / 3  # of the cell (2, color); the third names it not
    assert (first[0], second[0], third[0]) == (5.0 - mean, 0.5 - mean, 5.0 - 5.0 / 3)
    assert not any(credit.any() for credit in span_credit([spans[0]] * 3, 3))


def test_a_row_without_spans_keeps_its_advantage():
    found = token_advantages([1.5, -1.5], [(), ()], span_credit([(), ()], 2), [[(0, 1), (1, 2)], []])
    assert found.tolist() == [[1.5, 1.5], [0.0, 0.0]]


def test_groups_must_be_whole():
    with pytest.raises(ConfigError, match="3 completions are no whole groups of 2"):
        span_credit([()] * 3, 2)


@pytest.mark.parametrize(
    ("span", "what"),
    [
        (Span(0, 1, "record", None, "unparseable"), ("record", None)),
        (Span(0, 1, "record", ("x",), "exact"), ("record", ("x",))),
        (Span(0, 1, "answer", "B", "correct"), ("answer", None)),
        (Span(0, 1, "reference", (1, "sofa"), "correct"), ("reference", (1, "sofa"))),
    ],
)
def test_what_a_span_decides(span, what):
    assert decided(span) == what
