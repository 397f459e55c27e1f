"""math-verify as the rewards of this folder call it: without its log lines, and with its timeouts where these work.

Its timeouts are signals, which only the main thread may set; elsewhere there are none, as in TRL.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import math_verify
from latex2sympy2_extended import NormalizationConfig

LATEX = math_verify.LatexExtractionConfig
BOXED_FIRST = LATEX(
    normalization_config=NormalizationConfig(
        nits=False, malformed_operators=False, basic_latex=True, boxed="all", units=True
    ),
    boxed_match_priority=0,
    try_extract_without_anchor=False,
)
"""How open-r1 reads completions, and LMM-R1 with the same settings: what is in a box before all other LaTeX."""

for _name in ("math_verify.parser", "math_verify.grader"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def parse(text: str, **options: Any) -> list[Any]:
    """Return the mathematical values that a text holds; none where there is none."""
    found: list[Any] = math_verify.parse(text, parsing_timeout=5 if _main_thread() else None, **options)
    return found


def equal(gold: list[Any], answer: list[Any]) -> bool:
    """Return whether two values are the same; which of them is the target matters to math-verify."""
    return bool(math_verify.verify(gold, answer, timeout_seconds=5 if _main_thread() else None))


def _main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
