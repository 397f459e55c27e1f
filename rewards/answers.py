"""R_ans: is the final answer right? A choice or a yes/no is worth 1 or 0, a number its mean relative accuracy."""

from __future__ import annotations

import math
import unicodedata
from numbers import Real
from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

import numpy as np

from parsers.choice import MAX_ANSWER, Choice, parse_choice, parse_yes_no
from parsers.number import Number, parse_number
from parsers.values import Fault
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

Kind = Literal["choice", "yes_no", "number", "text"]

# SPAR-Bench's expression, literally: float rounding decides the comparisons at the edges.
_THRESHOLDS = np.linspace(0.5, 0.95, 10)


class AnswerScore(NamedTuple):
    """The score of one answer.

    Attributes:
        value: in [0, 1].
        correct: whether the answer is right; a number is if it is within 5 %, the strictest threshold.
        answer: what was read: a letter, ``"yes"`` or ``"no"``, a float in the target's unit, the normalised text; None
            where nothing could be read.
        fault: why nothing could be read, or None.
    """

    value: float
    correct: bool
    answer: str | float | None
    fault: Fault | None = None


@overload
def mra(prediction: float, truth: float) -> float: ...
@overload
def mra(prediction: ArrayLike, truth: ArrayLike) -> float | NDArray[np.float64]: ...
def mra(prediction: ArrayLike, truth: ArrayLike) -> float | NDArray[np.float64]:
    """Mean relative accuracy: the mean over θ in {.50, .55, ..., .95} of ``[|p − t| / |t| ≤ 1 − θ]``.

    Where t = 0, the absolute difference takes the place of the relative one. Source: SPAR-Bench's scorer.

    Args:
        prediction: numbers of any shape; what is not finite is worth 0.
        truth: finite numbers, of a shape that broadcasts with that of the predictions.

    Returns:
        Values in {0, .1, ..., 1}: a float for two numbers, otherwise an array of the common shape.

    Raises:
        DataError: if a true number is not finite.

    >>> mra(1.1, 1.0), mra(0.0, 1.0)
    (0.9, 0.0)
    >>> mra([1.0, 1.5, 1.6], 1.0).tolist()
    [1.0, 0.1, 0.0]
    """
    p, t = np.asarray(prediction, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if not np.isfinite(t).all():
        raise DataError(f"the true number is not finite: {truth!r}")
    with np.errstate(all="ignore"):  # inf and nan compare as wrong, which is what is meant
        error = np.abs(p - t) / np.where(t == 0, 1.0, np.abs(t))
        accuracy = np.mean(error[..., None] <= 1 - _THRESHOLDS, axis=-1)
    return float(accuracy) if accuracy.ndim == 0 else accuracy


def infer_kind(target: object, *, options: Mapping[str, str] | Sequence[str] | None = None) -> Kind:
    """Return what kind of answer a true answer is; with options it is a choice.

    >>> [infer_kind(target) for target in ("B", "c. left", "no", "1.5 m", 2, "a red chair")]
    ['choice', 'choice', 'yes_no', 'number', 'number', 'text']
    """
    if options is not None:
        return "choice"
    if isinstance(target, bool | np.bool_) or parse_yes_no(str(target)).letter:
        return "yes_no"
    if isinstance(target, Real) or parse_number(str(target)).alone:
        return "number"
    return "choice" if parse_choice(str(target), letters=ascii_uppercase).letter else "text"


def score_answer(
    answer_text: str,
    target: str | float | bool,
    *,
    options: Mapping[str, str] | Sequence[str] | None = None,
    kind: Kind | None = None,
) -> AnswerScore:
    """Score the answer section of one completion. Whatever the model wrote, it never raises.

    Args:
        answer_text: the answer without its tags, at most `parsers.choice.MAX_ANSWER` characters.
        target: the true answer: a letter (``"B"``, ``"B. left"``) or an option's text, yes or no, a number (a unit is
            heeded where both have one), or any text, which must be matched exactly but for case, white space and the
            punctuation around it.
        options: the options of a choice, by letter or in order.
        kind: how to read both; None infers it from *target*.

    Raises:
        DataError: if *target* is not of its kind.
        ConfigError: if *kind* is unknown.

    >>> score_answer("The answer is (C).", "C").value
    1.0
    >>> score_answer("about 110 cm", "1 m")
    AnswerScore(value=0.9, correct=False, answer=1.1, fault=None)
    """
    if not isinstance(target, str | Real | np.bool_):
        raise DataError(f"the true answer {target!r} is a {type(target).__name__}, expected text, a number or a bool")
    match kind or infer_kind(target, options=options):
        case "choice":
            # Only a true letter beyond F says that more than six options exist.
            gold = parse_choice(str(target), options=options, letters=ascii_uppercase)
            letters = max("ABCDEF", ascii_uppercase[: ord(gold.letter or "A") - 64], key=len) if options is None else ""
            return _score_choice(parse_choice(answer_text, options=options, letters=letters), gold, target)
        case "yes_no":
            said = {True: "yes", False: "no"}[bool(target)] if isinstance(target, bool | np.bool_) else str(target)
            return _score_choice(parse_yes_no(answer_text), parse_yes_no(said), target)
        case "number":
            gold_text = target if isinstance(target, str) else repr(float(target))
            return _score_number(parse_number(answer_text), parse_number(gold_text), target)
        case "text":
            return _score_text(answer_text, str(target))
        case unknown:
            raise ConfigError(f"unknown kind of answer {unknown!r}; known are choice, yes_no, number, text")


def _score_choice(choice: Choice, gold: Choice, target: object) -> AnswerScore:
    if gold.letter is None:
        raise _bad_gold(target, gold.fault)
    correct = choice.letter == gold.letter
    return AnswerScore(float(correct), correct, choice.letter, choice.fault)


def _score_number(number: Number, gold: Number, target: object) -> AnswerScore:
    if gold.value is None:
        raise _bad_gold(target, gold.fault)
    if number.value is None:
        return AnswerScore(0.0, correct=False, answer=None, fault=number.fault)
    value = number.in_unit(gold.unit)
    if value is None:
        message = f"the answer is in {number.unit}, which does not convert to {gold.unit}"
        return AnswerScore(0.0, correct=False, answer=None, fault=Fault("wrong_unit", message))
    accuracy = mra(value, gold.value)
    return AnswerScore(accuracy, math.isclose(accuracy, 1.0), value)


def _score_text(text: str, target: str) -> AnswerScore:
    gold = _plain(target)
    if not gold:
        raise _bad_gold(target, Fault("empty", "it holds no word"))
    if len(text) > MAX_ANSWER:
        message = f"the answer has {len(text):,} characters; {MAX_ANSWER:,} are read"
        return AnswerScore(0.0, correct=False, answer=None, fault=Fault("too_long", message, MAX_ANSWER))
    plain = _plain(text)
    if not plain:
        return AnswerScore(0.0, correct=False, answer=None, fault=Fault("empty", "the answer is empty", 0))
    return AnswerScore(float(plain == gold), plain == gold, plain)


def _plain(text: str) -> str:
    """Return *text* in lower case, with single spaces, without punctuation and markup around it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:!?'\"`*")


def _bad_gold(target: object, fault: Fault | None) -> DataError:
    return DataError(f"the true answer {target!r} cannot be used: {fault.message if fault else 'unreadable'}")
