"""Which tokens a group-relative advantage goes to: the spans of a reward, spread over the tokens that write them.

With A the advantage of a completion (one number), its spans k with their share s_k of the reward and what each decides,
c_k (the cell of a record, the name in a view, the answer), and m(c) the mean over the group of what c adds:

    e_t = Σ over the spans k that token t writes of (s_k − m(c_k)) / scale
    a_t = A + e_t − mean over tokens of e

so that the mean over the completion's tokens is A whatever the spans: credit moves between tokens, and none is made.
A token that writes no span has e_t = 0. *scale* brings e into the unit of A: what the trainer divided the rewards by.

The rule is that of a trial with small models (docs/training.md): harmless under a calibrated reward, not shown to help,
and harmful under the paper's.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from rewards.spans import Span


def decided(span: Span) -> Hashable:
    """Return what a span decides, the same for all completions of a group: a record's cell, a name in a view, ...

    >>> from rewards.spans import Span
    >>> decided(Span(0, 12, "record", (2, "color", "cyan"), "exact", 5.0))
    ('record', (2, 'color'))
    """
    value: Any = span.value
    if value is None or span.kind == "answer":
        return span.kind, None
    return span.kind, value[:-1] if span.kind == "record" and len(value) > 1 else value


def span_credit(spans: Sequence[Sequence[Span]], group_size: int) -> list[NDArray[np.float64]]:
    """Return for each completion s_k − m(c_k) of its spans, (spans,): what each adds beyond its group's average.

    Args:
        spans: of each completion, (rows,); the completions of a group stand together.
        group_size: completions of a group.

    Raises:
        ConfigError: if the rows are no whole groups.
    """
    if group_size < 1 or len(spans) % group_size:
        raise ConfigError(f"{len(spans)} completions are no whole groups of {group_size}")
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(spans), group_size):
        group = spans[start : start + group_size]
        sums: dict[Hashable, float] = defaultdict(float)
        for span in chain.from_iterable(group):
            sums[decided(span)] += span.share
        found += [np.array([span.share - sums[decided(span)] / group_size for span in row]) for row in group]
    return found


def token_advantages(
    advantages: ArrayLike,
    spans: Sequence[Sequence[Span]],
    credit: Sequence[NDArray[np.float64]],
    offsets: Sequence[ArrayLike],
    *,
    scale: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Spread the advantages of completions over their tokens; see the module for the formula.

    Args:
        advantages: A of each completion, (rows,).
        spans: of each completion, (rows,); see `rewards.spans.score_spans`. A row without spans keeps A everywhere.
        credit: of these spans, from `span_credit`.
        offsets: of each completion (tokens, 2): the characters that each token writes, from and up to; the same number
            twice for a token that writes none. A token writes a span that it has a character of.
        scale: what credit is divided by, > 0: a number, or (rows,).

    Returns:
        (rows, most tokens): a_t, and 0 beyond a completion's last token.

    >>> from rewards.spans import score_spans
    >>> texts = [f"<think>b</think><answer>{answer}</answer>" for answer in ("2.color.cyan", "2.color.red")]
    >>> spans = [score_spans(text, "2.color.cyan").records for text in texts]
    >>> tokens = [[(0, 24), (24, end), (end, end + 9)] for end in (36, 35)]
    >>> token_advantages([2.25, -2.25], spans, span_credit(spans, 2), tokens).tolist()
    [[1.5, 3.75, 1.5], [-1.5, -3.75, -1.5]]
    """
    whole = np.asarray(advantages, dtype=np.float64)
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), whole.shape)
    places = [np.asarray(each, dtype=np.int64).reshape(-1, 2) for each in offsets]
    found = np.zeros((len(places), max(map(len, places), default=0)))
    for row, (tokens, here, worth) in enumerate(zip(places, spans, credit, strict=True)):
        if len(tokens):
            begin, end = tokens.T
            extra = np.zeros(len(tokens))  # e, times the scale
            for span, value in zip(here, worth.tolist(), strict=True):
                # An item that is missing has no character: the token that goes on there writes it.
                extra += value * ((begin < max(span.end, span.start + 1)) & (span.start < end) & (begin < end))
            found[row, : len(tokens)] = whole[row] + (extra - extra.mean()) / scales[row]
    return found
