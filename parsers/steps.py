"""The three steps of a reasoning about several views: references, mapping, reasoning. The grammar is ``steps.lark``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from parsers.grammars import build
from parsers.references import References, parse_references
from parsers.values import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = 3  # fewer words are no step but a label's remainder


@dataclass(frozen=True, slots=True)
class Steps:
    """What of the three steps a reasoning shows.

    Attributes:
        references: the first step, see `parsers.references.parse_references`.
        mapping: the text of the second step, None where it is missing.
        reasoning: the text of the third, likewise.
        fault: the first thing that is missing, or None: the references' own fault, ``no_references`` (no view has a
            triplet), ``missing_view``, ``no_mapping``, ``no_reasoning``, ``steps_out_of_order``.
    """

    references: References = field(default_factory=References)
    mapping: str | None = None
    reasoning: str | None = None
    fault: Fault | None = None


def parse_steps(think: str, *, views: int | None = None) -> Steps:
    r"""Find the three steps of a reasoning, in linear time. Never raises on any text.

    The second step begins with a label such as ``Mapping:``, ``2. Cross-view mapping.`` or ``Step 2``, the third with
    ``Reasoning:``, ``Comparison:``, ``Step 3`` and the like; each is told in at least three words.

    Args:
        think: the reasoning without its tags.
        views: how many views the first step must have a section for (``View 3: none`` will do); None: any number.

    >>> parse_steps("View 1: [sofa, ball, left]\nMapping: both show the sofa.\nReasoning: so it is left.").fault
    >>> parse_steps("View 1: [sofa, ball, left]. So it must be B.").fault.code
    'no_mapping'
    """
    references = parse_references(think)
    if references.fault is not None:
        return Steps(references, fault=references.fault)
    spans = _labels(think)
    mapping, reasoning = _text(think, spans, "MAPPING"), _text(think, spans, "REASONING")
    fault = _missing_reference(references, views)
    if fault is None and mapping is None:
        fault = Fault("no_mapping", "there is no second step: a paragraph that begins with `Mapping:`")
    if fault is None and reasoning is None:
        fault = Fault("no_reasoning", "there is no third step: a paragraph that begins with `Reasoning:`")
    return Steps(references, mapping, reasoning, fault or _disorder(spans))


def _labels(think: str) -> list[tuple[str, int, int]]:
    """Return (kind, start, end) of each label."""
    return [(token.type, token.start_pos, token.end_pos) for token in _parser()(think).children]


def _text(think: str, spans: list[tuple[str, int, int]], kind: str) -> str | None:
    """Return the text under the first label of a kind that has any."""
    for (name, _, begin), (_, end, _) in pairwise([*spans, ("", len(think), len(think))]):
        text = think[begin:end].strip(" \t\r\n*_:.-–—")
        if name == kind and len(text.split()) >= _WORDS:
            return text
    return None


def _missing_reference(references: References, views: int | None) -> Fault | None:
    if not any(references.relations[view] for view in references.views):
        return Fault("no_references", "no view has a triplet [object 1, object 2, relation]")
    for view in range(1, (views or 0) + 1):
        if view not in references.relations:
            return Fault("missing_view", f"view {view} of {views} is not written")
    return None


def _disorder(spans: list[tuple[str, int, int]]) -> Fault | None:
    """Return the fault of labels of both kinds, the first of which stand the wrong way round."""
    first = {kind: start for kind, start, _ in reversed(spans)}
    if first["REASONING"] < first["MAPPING"]:
        return Fault("steps_out_of_order", "the third step comes before the second", first["REASONING"])
    return None


@cache
def _parser() -> Callable[[str], Any]:
    return build("steps", "start").parse
