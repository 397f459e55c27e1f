"""Camera moves, the answers of ``view_change_infer``: ``move_right:0.4,rotate_left:30``."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from benchmarks.sparbench.tasks import AXES
from parsers.values import Fault
from rewards.answers import AnswerScore, mra
from rewards.errors import DataError

_ACTIONS = frozenset(action for axis in AXES for action in axis)
_MOVE = re.compile(
    r"([a-z]+)[ _]([a-z]+)\s*[:=]\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*(?:m|meters?|metres?|°|deg|degrees?)?",
    re.IGNORECASE,
)
_MAX_LENGTH = 1_000  # characters; ten moves need fewer than 300


class Moves(NamedTuple):
    """The signed value on each of the five `AXES` (meters, then degrees), or None and the reason."""

    axes: tuple[float, ...] | None
    fault: Fault | None = None


def parse_moves(text: str) -> Moves:
    """Read camera moves. Never raises on any text.

    Moves are separated by commas, semicolons or line ends; white space, case, a final full stop and units do
    no harm. An unknown action, or one action with two values, makes the whole answer unparsed.

    >>> parse_moves("move_right: 0.4 m, rotate_left: 30°.").axes
    (0.4, 0.0, 0.0, -30.0, 0.0)
    >>> parse_moves("jump_up:1").fault.code
    'unknown_action'
    """
    if len(text) > _MAX_LENGTH:
        return Moves(None, Fault("too_long", f"the answer has {len(text):,} characters; {_MAX_LENGTH:,} are read"))
    if not text.strip():
        return Moves(None, Fault("empty", "the answer is empty", 0))
    values: dict[str, float] = {}
    for piece in re.split(r"[,;\n]", text.strip().rstrip(".")):
        match = _MOVE.fullmatch(piece.strip())
        if match is None:
            return Moves(None, Fault("no_move", f"{piece.strip()!r} is no move such as move_right:0.4"))
        action, value = f"{match[1]}_{match[2]}".lower(), float(match[3])
        if action not in _ACTIONS:
            return Moves(None, Fault("unknown_action", f"there is no move {action!r}"))
        if values.setdefault(action, value) != value:
            return Moves(None, Fault("ambiguous", f"{action} has two values"))
    return Moves(tuple(values.get(plus, 0.0) - values.get(minus, 0.0) for plus, minus in AXES))


def score_moves(text: str, truth: str) -> AnswerScore:
    """Score camera moves by the axes that are touched.

    An axis that the truth moves scores the MRA of the model's value, divided by the *true* one. An axis that
    only the model moves scores 0: no error is relative to nothing. An axis that neither moves does not count,
    so leaving axes alone earns nothing. The score is the mean over the axes that count; 1 where there is
    none.

    Raises:
        DataError: the truth cannot be read.

    >>> score_moves("move_right:0.4", "move_right:0.4,rotate_left:30").value
    0.5
    >>> score_moves("rotate_left:30", "move_right:0.4").value
    0.0
    """
    said, true = parse_moves(text), parse_moves(truth)
    if true.axes is None:
        raise DataError(f"the true answer {truth!r} cannot be used: {true.fault.message if true.fault else ''}")
    if said.axes is None:
        return AnswerScore(0.0, correct=False, answer=None, fault=said.fault)
    pairs = [(value, right) for value, right in zip(said.axes, true.axes, strict=True) if value or right]
    scores = [mra(value, right) if right else 0.0 for value, right in pairs]
    score = sum(scores) / len(scores) if scores else 1.0
    return AnswerScore(score, correct=math.isclose(score, 1.0), answer=text.strip())
