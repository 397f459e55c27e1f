"""Completions and targets -> scores. A completion is parsed once; every spec can then be paid from what was read."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parsers.completion import parse_completion
from parsers.records import parse_records
from parsers.values import Records
from rewards.errors import ConfigError, DataError
from rewards.messages import completion_text
from rewards.questions import QuestionSpec
from rewards.scores import BatchScore, Score, add_up
from rewards.spec import TieredSpec, preset_spec
from rewards.targets import read_targets
from rewards.tasks import Task, load_task
from rewards.tiered import count_under, maximum, pay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from parsers.values import Completion
    from rewards.conflicts import Record


def resolve(task: str | Task, preset: str = "default", **overrides: Any) -> tuple[Task, TieredSpec | QuestionSpec]:
    """Return a task and its reward under a preset and overrides.

    Raises:
        ConfigError: for an unknown task, preset or option.
    """
    found = load_task(task) if isinstance(task, str) else task
    if isinstance(found.spec, TieredSpec):
        return found, _preset_spec(found, preset).change(**overrides)
    if preset not in ("default", "paper"):
        raise ConfigError(
            f"preset {preset!r} is for list tasks; {found.name!r} has 'default' and 'paper', which are the same"
        )
    return found, found.spec.change(**overrides)


@lru_cache(maxsize=256)
def _preset_spec(task: Task, preset: str) -> TieredSpec:
    assert isinstance(task.spec, TieredSpec)
    return preset_spec(task.spec, preset)


def score_batch(
    completions: Sequence[Any],
    targets: Sequence[Any],
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    references: Sequence[Any] | None = None,
    relations: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
    **overrides: Any,
) -> BatchScore:
    """Score completions: lists in, arrays out.

    Args:
        completions: strings or messages, (rows,).
        targets: gold, (rows,): of list tasks anything that `rewards.targets.read_target` takes; of questions the right
            letter, option, word or number.
        task: a task's name, the path of its YAML file, or the task.
        preset: a named change of the task's reward, see `rewards.spec.PRESETS`.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        references: of questions, for each row the true reference names per view, or None where a row has none.
        relations: of questions, for each row the true triplets per view; needed where ``relation_weight`` is set.
        options: of questions, for each row the texts of the options, or None.
        **overrides: fields of `TieredSpec` (or `QuestionSpec`) to change on top of the preset.

    Raises:
        DataError: for gold that is wrong; its ``row`` says where.
        ConfigError: for an unknown task, preset or option.

    >>> batch = score_batch(["<think>b</think><answer>2.color.cyan</answer>"], ["2.color.cyan, 0.shape.cube"])
    >>> batch.total.tolist(), batch[0].parts["underprediction"]
    ([5.0], -1.0)
    """
    found, spec = resolve(task, preset, **overrides)
    if len(completions) != len(targets):
        raise ConfigError(f"there are {len(completions)} completions and {len(targets)} targets")
    envelopes = read_envelopes(completions, mode=mode, think_prefilled=think_prefilled)
    if isinstance(spec, QuestionSpec):
        from rewards.question_score import score_questions  # noqa: PLC0415  only questions need its grammars

        return score_questions(envelopes, targets, spec, references=references, relations=relations, options=options)
    assert found.record_format is not None
    gold = read_targets(targets, found.record_format)
    return score_readings(read_records(envelopes, found.record_format), gold, spec)


def score_completion(
    completion: Any,
    target: Any,
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    references: Any = None,
    relations: Any = None,
    options: Any = None,
    **overrides: Any,
) -> Score:
    """Score one completion; the arguments are those of `score_batch`, for one row.

    >>> score = score_completion("<think>b</think><answer>2.color.red, 0.shape.cube</answer>", "2.color.cyan")
    >>> dict(score.parts)  # doctest: +NORMALIZE_WHITESPACE
    {'format': 1.0, 'exact': 0.0, 'attribute': 1.5, 'object': 0.0, 'incorrect': -2.0, 'underprediction': 0.0}
    >>> score.total, score.correct
    (0.5, False)
    """
    return score_batch(
        [completion],
        [target],
        task=task,
        preset=preset,
        mode=mode,
        think_prefilled=think_prefilled,
        references=None if references is None else [references],
        relations=None if relations is None else [relations],
        options=None if options is None else [options],
        **overrides,
    )[0]


def answer_text(answer: Any) -> str | None:
    """Return a parsed answer as people write it: ``"2.color.cyan, 0.shape.cube"``; None where there is none."""
    if answer is None:
        return None
    return ", ".join(map(str, answer.items)) if isinstance(answer, Records) else str(answer)


class Reading(NamedTuple):
    """The completions of a list task, parsed; each of length (rows,)."""

    envelopes: Sequence[Completion]
    answers: Sequence[Records | None]


def check_reading(mode: Mode, think_prefilled: Prefilled) -> None:
    """Raise a ConfigError unless these are settings of `parsers.completion.parse_completion`."""
    if mode not in ("strict", "lenient"):
        raise ConfigError(f"mode is {mode!r}; it is 'strict' or 'lenient'")
    if think_prefilled not in (True, False, "auto"):
        raise ConfigError(f"think_prefilled is {think_prefilled!r}; it is True, False or 'auto'")


def read_envelopes(completions: Sequence[Any], *, mode: Mode, think_prefilled: Prefilled) -> list[Completion]:
    """Split each completion into reasoning and answer.

    Raises:
        DataError: for the first row whose completion is neither text nor messages.
        ConfigError: for settings that are none of `parsers.completion.parse_completion`.
    """
    check_reading(mode, think_prefilled)
    texts = [each if type(each) is str else _text(each, row) for row, each in enumerate(completions)]
    return [parse_completion(text, mode=mode, think_prefilled=think_prefilled) for text in texts]


def _text(completion: Any, row: int) -> str:
    try:
        return completion_text(completion)
    except DataError as error:
        raise DataError(str(error), row=row) from error


def read_records(envelopes: Sequence[Completion], record_format: RecordFormat) -> Reading:
    """Parse each answer into records."""
    answers = [None if each.answer is None else parse_records(each.answer, record_format) for each in envelopes]
    return Reading(envelopes, answers)


def score_readings(reading: Reading, gold: Sequence[Sequence[Record]], spec: TieredSpec) -> BatchScore:
    """Pay what was read, under *spec*."""
    return score_under(reading, gold, [spec])[0]


def score_under(reading: Reading, gold: Sequence[Sequence[Record]], specs: Sequence[TieredSpec]) -> list[BatchScore]:
    """Pay what was read under each of several specs of one task; what they share is done once."""
    nothing = Records()
    answers = [nothing if answer is None else answer for answer in reading.answers]
    answered = [answer is not None for answer in reading.answers]
    invalid = [len(answer.invalid) for answer in answers]
    faults = [
        envelope.fault or (answer.invalid[0] if answer.invalid else None)
        for envelope, answer in zip(reading.envelopes, answers, strict=True)
    ]
    well_formed = np.array([each.fault is None for each in reading.envelopes], dtype=np.float64)
    prefilled = np.array([each.prefilled for each in reading.envelopes], dtype=np.bool_)
    scores = []
    for spec, counts in zip(
        specs, count_under(specs, [answer.items for answer in answers], invalid, gold, answered), strict=True
    ):
        parts = {"format": well_formed, **pay(spec, counts)}
        correct = counts.same
        if spec.multiset:
            sets = [not a.invalid and set(a.items) == set(g) for a, g in zip(answers, gold, strict=True)]
            correct = np.array(sets, dtype=np.bool_) & np.array(answered, dtype=np.bool_)
        best = maximum(spec, counts.n_gt)
        scores.append(
            BatchScore(add_up(parts), parts, correct, reading.answers, faults, best, prefilled, counts.n_pred)
        )
    return scores
