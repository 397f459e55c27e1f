"""R_ans: is the final answer right? A choice or a yes/no is worth 1 or 0, a number its mean relative accuracy.

A box is worth its overlap with the true one, a point its nearness: `rewards.regions` has the formulas. Of maps it is
`rewards.maps`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from numbers import Real
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args, overload

import numpy as np

from parsers.choice import LETTERS, Answer, Choice, parse_choice, parse_words, parse_yes_no
from parsers.cognitive_map import CognitiveMap, parse_map
from parsers.number import Number, parse_number
from parsers.region import Region, parse_box, parse_point
from parsers.types import Fault
from parsers.word_set import parse_set
from rewards.errors import ConfigError, DataError
from rewards.maps import MapScore, map_fault, score_map, without_views
from rewards.regions import iou, nearness, shaped
from rewards.spec import Kind, QuestionSpec
from rewards.targets import answer_alone, plain_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from rewards.regions import Partial

# SPAR-Bench's expression, literally: float rounding decides the comparisons at the edges.
_THRESHOLDS = np.linspace(0.5, 0.95, 10)


class AnswerScore(NamedTuple):
    """The score of one answer.

    Attributes:
        value: in [0, 1]; of maps in [-penalty, 1].
        correct: whether the answer is right; a number is if it is within 5%, the strictest threshold, a box or a point
            if it is worth one half under the linear shape, a map if nothing that is compared is wrong or missing.
        answer: what was read: a letter, ``"yes"`` or ``"no"``, a float in the target's unit, the normalized text, a box
            ``(x1, y1, x2, y2)``, a point ``(x, y)`` or a map in one line; None where nothing could be read.
        fault: why nothing could be read, or None.
    """

    value: float
    correct: bool
    answer: str | float | tuple[float, ...] | None
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
    """Return what kind of answer a target asks for; with options it is a choice.

    Raises:
        DataError: if it is neither text nor a number nor a bool.

    >>> [infer_kind(target) for target in ("B", "c. left", "no", True, "1.5 m", 2, "a red chair")]
    ['choice', 'choice', 'yes_no', 'yes_no', 'number', 'number', 'text']
    """
    text = _gold_text(target)
    if options is not None:
        return "choice"
    if parse_yes_no(text).letter:
        return "yes_no"
    if not isinstance(target, str) or parse_number(text).alone:
        return "number"
    if any(map(str.isdigit, text)) and parse_number(parse_words(text).text or "").alone:  # `\boxed{3}`, `Answer: 3`
        return "number"
    return "choice" if parse_choice(text, letters=ascii_uppercase).letter else "text"


def score_answer(
    answer_text: str | None,
    target: object,
    *,
    options: Mapping[str, str] | Sequence[str] | None = None,
    kind: Kind | None = None,
    letters: str | None = None,
    synonyms: Sequence[tuple[str, str]] = (),
    partial: Partial = "linear",
) -> AnswerScore:
    """Score the answer section of one completion. Whatever the model wrote, it never raises.

    Args:
        answer_text: the answer without its tags, at most 64,000 characters; None where there is none.
        target: a letter (``"B"``, ``"B. left"``) or an option's text; yes, no or a bool; a number, or
            its text (its unit is heeded where both have one); or any text, which must be matched exactly but for case,
            white space and the punctuation around it. It may stand in ``<answer>`` tags, after a reasoning too.
        options: the options of a choice, by letter or in order.
        kind: how to read both; None infers it from *target*.
        letters: the letters that a choice without *options* has; None: A to F, and any if *target* is a later one.
        synonyms: of words and sets, pairs (spelling, what it stands for).
        partial: what a set is worth that overlaps with the true one, see `rewards.regions`.

    Raises:
        DataError: if *target* is not of its kind.
        ConfigError: if *kind* is unknown.

    >>> score_answer("The answer is (C).", "C").value
    1.0
    >>> score_answer("about 110 cm", "1 m")
    AnswerScore(value=0.9, correct=False, answer=1.1, fault=None)
    """
    if options is not None and not (type(options) is list and options and all(type(text) is str for text in options)):
        options = read_options(options)
    kind = kind or infer_kind(target, options=options)
    gold, text = "" if kind == "set" and not isinstance(target, str) else _gold_text(target), answer_text or ""
    match kind:
        case "choice":
            right = parse_choice(gold, options=options, letters=letters or ascii_uppercase)
            usual = LETTERS if right.letter is None or right.letter in LETTERS else ascii_uppercase
            return _score_choice(parse_choice(text, options=options, letters=letters or usual), right, gold)
        case "yes_no":
            return _score_choice(parse_yes_no(text), parse_yes_no(gold), gold)
        case "number":
            return _score_number(parse_number(text), parse_number(gold), gold)
        case "text":
            known = _known_words(tuple(synonyms))
            answer, right_words = parse_words(text), parse_words(gold)
            return _score_text(_same_words(answer, known), _same_words(right_words, known), gold)
        case "set":
            return _score_set(text, gold if isinstance(target, str) else target, _known_words(tuple(synonyms)), partial)
    if kind in ("box", "point"):
        raise ConfigError(f"answers of kind {kind!r} have coordinates: use score_region")
    if kind == "map":
        raise ConfigError("answers of kind 'map' have a grid: use score_cognitive_map")
    raise ConfigError(f"unknown kind of answer {kind!r}; known are {', '.join(get_args(Kind))}")


def score_for_spec(answer_text: str, target: object, options: Any, spec: QuestionSpec) -> AnswerScore:
    """Score an answer as a task declares its kind; see `score_answer`, `score_region` and `score_cognitive_map`."""
    if spec.kind in ("box", "point"):
        return score_region(answer_text, target, spec)
    if spec.kind == "map":
        return score_cognitive_map(answer_text, target, spec)
    return score_answer(
        answer_text,
        target,
        options=options,
        kind=spec.kind,
        letters=spec.letters,
        synonyms=spec.synonyms,
        partial=spec.partial,
    )


def score_region(answer_text: str | None, target: object, spec: QuestionSpec) -> AnswerScore:
    """Score a box or a point. Whatever the model wrote, it never raises.

    Args:
        answer_text: the answer without its tags, at most 64,000 characters; None where there is none.
        target: the true one: a list of its numbers, or any text that an answer may be, in the same coordinates.
        spec: of kind ``"box"`` or ``"point"``.

    Raises:
        DataError: if *target* is none.

    >>> spec = QuestionSpec(kind="box", coordinates="pixels", layout="xyxy")
    >>> score_region("[0, 0, 30, 40]", [0, 0, 40, 40], spec)
    AnswerScore(value=0.75, correct=True, answer=(0.0, 0.0, 30.0, 40.0), fault=None)
    """
    gold = _target_text(target)
    right, found = _read_region(gold, spec), _read_region(answer_text or "", spec)
    if right.value is None:
        raise _bad_target(gold, right.fault)
    if found.value is None:
        return _failed(found.fault)
    if spec.kind == "box":
        worth = iou(found.value, right.value)
    else:
        assert spec.reach is not None
        worth = nearness(found.value, right.value, spec.reach)
    return AnswerScore(shaped(worth, spec.partial), worth >= 0.5, found.value)


def score_cognitive_map(answer_text: str | None, target: object, spec: QuestionSpec) -> AnswerScore:
    """Score a map as `rewards.maps` says. Whatever the model wrote, it never raises.

    Args:
        answer_text: the answer without its tags, at most 64,000 characters; None where there is none.
        target: the true map, as a mapping or as JSON text, on the same grid. For the simple layout it may be a map with
            views: it is then turned until the first one looks up.
        spec: of kind ``"map"``.

    Raises:
        DataError: if *target* is none, or has nothing to compare.

    >>> spec = QuestionSpec(kind="map", layout="simple", grid=10, reference_weight=0.0)
    >>> room = {"sofa": {"position": [2, 5]}, "lamp": {"position": [7, 5]}, "door": {"position": [7, 9]}}
    >>> score_cognitive_map('{"sofa": {"position": [0, 5]}, "lamp": {"position": [3, 5]}}', room, spec)
    AnswerScore(value=0.3333333333333333, correct=False, answer='sofa [0, 5]; lamp [3, 5]', fault=None)
    """
    drawn, score = compare_maps(answer_text, target, spec)
    if not isinstance(score, MapScore):
        return _failed(score)
    return AnswerScore(score.value, not score.wrong, str(drawn))


def compare_maps(
    answer_text: str | None, target: object, spec: QuestionSpec
) -> tuple[CognitiveMap | None, MapScore | Fault | None]:
    """Return the map of an answer, and how it compares with the true one or why it does not."""
    true = true_map(target, spec)
    found = parse_map(answer_text or "", layout=map_layout(spec), grid=spec.grid or 0, facings=spec.facings)
    fault = found.fault if found.value is None else map_fault(found.value, true)
    if found.value is None or fault is not None:
        return None, fault
    return found.value, score_map(found.value, true, spec.incorrect_penalty)


def true_map(target: object, spec: QuestionSpec) -> CognitiveMap:
    """Return the true map of a row; see `score_cognitive_map`."""
    target = plain_value(target)
    if isinstance(target, Mapping):  # an entry of None is absent: Arrow's structs hold every name of the column
        target = {name: entry for name, entry in target.items() if entry is not None}
    return _true_map(_target_text(target, "a map"), spec)


@lru_cache(maxsize=4096)
def _true_map(text: str, spec: QuestionSpec) -> CognitiveMap:
    complex_map = spec.layout == "complex"
    right = parse_map(text, layout="complex", grid=spec.grid or 0, facings=spec.facings)
    if right.value is None and not complex_map and right.fault and right.fault.code == "wrong_layout":
        right = parse_map(text, layout="simple", grid=spec.grid or 0, facings=spec.facings)
    if right.value is None:
        raise _bad_target(text, right.fault)
    true = right.value if complex_map else without_views(right.value)
    if not score_map(true, true, spec.incorrect_penalty).facts:
        raise _bad_target(text, Fault("nothing", "it has no two things to compare and no facing"))
    return true


def map_layout(spec: QuestionSpec) -> Literal["complex", "simple"]:
    """Return the layout in which maps are asked for."""
    return "simple" if spec.layout == "simple" else "complex"


@lru_cache(maxsize=256)
def _known_words(synonyms: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return what each spelling stands for, both as answers are read."""
    return {parse_words(spelling).text or "": parse_words(words).text or "" for spelling, words in synonyms}


def _same_words(answer: Answer, known: Mapping[str, str]) -> Answer:
    return answer._replace(text=known.get(answer.text, answer.text)) if answer.text else answer


def _score_set(text: str, target: object, known: Mapping[str, str], partial: Partial) -> AnswerScore:
    """Score a set of names: |P ∩ T| / |P ∪ T|, and 1 where both are empty."""
    target = plain_value(target)
    listed = isinstance(target, Sequence | AbstractSet) and all(isinstance(each, str) for each in target)
    if not isinstance(target, str) and not listed:
        raise DataError(f"the target {target!r:.60} is a {type(target).__name__}, expected a list of names or text")
    gold = answer_alone(target) if isinstance(target, str) else json.dumps(list(cast("Iterable[str]", target)))
    right, found = parse_set(gold), parse_set(text)
    if right.items is None:
        raise _bad_target(repr(target), right.fault)
    if found.items is None:
        return _failed(found.fault)
    true, said = ({known.get(item, item) for item in each} for each in (right.items, found.items))
    worth = len(true & said) / len(true | said) if true or said else 1.0
    return AnswerScore(shaped(worth, partial), true == said, ", ".join(sorted(said)) or "none")


def _read_region(text: str, spec: QuestionSpec) -> Region:
    assert spec.coordinates is not None
    if spec.kind == "point":
        return parse_point(text, coordinates=spec.coordinates)
    return parse_box(text, coordinates=spec.coordinates, layout="xywh" if spec.layout == "xywh" else "xyxy")


def _target_text(target: object, expected: str = "a list of numbers") -> str:
    target = plain_value(target)
    if isinstance(target, str):
        return answer_alone(target)
    if isinstance(target, Sequence | Mapping):
        try:
            return json.dumps(target)
        except TypeError:
            pass
    raise DataError(f"the target {target!r:.60} is a {type(target).__name__}, expected {expected} or text")


def read_options(options: Any) -> dict[str, str] | None:
    """Return the options of a choice by letter; None where there are none.

    Args:
        options: texts or numbers by letter or in order, of Python, numpy or Arrow, or the JSON text of one of these. An
            entry of None is absent: Arrow's structs hold every letter of the column.

    Raises:
        DataError: if they are something else.

    >>> read_options('["left", "right"]'), read_options({"A": "left", "B": 2, "C": None}), read_options([None, None])
    ({'A': 'left', 'B': 'right'}, {'A': 'left', 'B': '2'}, None)
    """
    if type(options) not in (list, dict):
        options = plain_value(options)
    if options is None:
        return None
    if isinstance(options, str):
        try:
            options = json.loads(options)
        except (ValueError, RecursionError) as error:
            raise DataError(f"options: not valid JSON ({error}): {options[:60]!r}") from None
    if isinstance(options, Mapping):
        by_letter = {str(letter): text for letter, text in options.items()}
    elif isinstance(options, Sequence) and not isinstance(options, str | bytes):
        by_letter = dict(zip(ascii_uppercase, options, strict=False))
        if len(options) > len(ascii_uppercase):
            raise DataError(f"options: there are {len(options)}, at most {len(ascii_uppercase)} can be lettered")
    else:
        raise DataError(f"options: {options!r:.60} is a {type(options).__name__}, expected texts by letter or in order")
    for letter, text in by_letter.items():
        if type(text) is bool or not isinstance(text, str | Real | None):
            raise DataError(f"options: {letter} is a {type(text).__name__} {text!r:.60}, expected a text or a number")
    return {letter: str(text) for letter, text in by_letter.items() if text is not None} or None


def _gold_text(target: object) -> str:
    if isinstance(target, bool | np.bool_):
        return "yes" if target else "no"
    if isinstance(target, str | Real):
        text = answer_alone(str(target))
        if "{" in text and text.strip()[:1] == "{" and _is_object(text):
            raise DataError(f"the target {text[:60]!r} is an object of JSON, whose answer stands under no 'target'")
        return text
    raise DataError(f"the target {target!r} is a {type(target).__name__}, expected text, a number or a bool")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _bad_target(gold: str, fault: Fault | None) -> DataError:
    assert fault is not None  # as always where nothing could be read
    return DataError(f"the target {gold[:60]!r} cannot be used: {fault.message}")


def _failed(fault: Fault | None) -> AnswerScore:
    return AnswerScore(0.0, correct=False, answer=None, fault=fault)


def _score_choice(choice: Choice, right: Choice, gold: str) -> AnswerScore:
    if right.letter is None:
        raise _bad_target(gold, right.fault)
    correct = choice.letter == right.letter
    return AnswerScore(float(correct), correct, choice.letter, choice.fault)


def _score_number(number: Number, right: Number, gold: str) -> AnswerScore:
    if right.value is None:
        raise _bad_target(gold, right.fault)
    if number.value is None:
        return _failed(number.fault)
    value = number.in_unit(right.unit)
    if value is None:
        return _failed(Fault("wrong_unit", f"the answer is in {number.unit}, which does not convert to {right.unit}"))
    accuracy = mra(value, right.value)
    return AnswerScore(accuracy, accuracy == 1.0, value)


def _score_text(answer: Answer, right: Answer, gold: str) -> AnswerScore:
    if not right.text:
        raise _bad_target(gold, Fault("empty", "it holds no word"))
    if answer.text is None:
        return _failed(answer.fault)
    correct = answer.text == right.text
    return AnswerScore(float(correct), correct, answer.text, None if correct else answer.fault)
