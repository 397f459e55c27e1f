"""Completions and targets -> scores. A completion is parsed once; every spec can then be scored from what was read."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parsers.completion import parse_completion
from parsers.first_time import FIRST_TIME
from parsers.records import parse_records
from parsers.types import Completion, Records
from rewards.batch_score import BatchScore, add_up
from rewards.errors import ConfigError, DataError
from rewards.messages import Rejoined, completion_text, strip_special_tokens
from rewards.spec import QuestionSpec, TieredSpec, preset_spec
from rewards.targets import equal, plain_value, read_targets, unpack_rows
from rewards.tasks import Task, load_task, route_task
from rewards.tiered import count_for_specs, maximum, reward_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from rewards.answers import AnswerScore
    from rewards.batch_score import Score
    from rewards.references import InformednessScore, Labels, ReferenceScore
    from rewards.spans import Spans
    from rewards.targets import Rows
    from rewards.tiered import Record


# --- scoring ---------------------------------------------------------------------------------------------------------


def resolve(task: str | Task, preset: str = "default", **overrides: Any) -> tuple[Task, TieredSpec | QuestionSpec]:
    """Return a task and its reward under a preset and overrides.

    Raises:
        ConfigError: for an unknown task, preset or option.
    """
    found = load_task(task) if isinstance(task, str) else task
    if not isinstance(preset, str):
        raise ConfigError(f"preset is {preset!r:.60}; it is a name")
    return found, _preset_spec(found, preset).change(**overrides)


@lru_cache(maxsize=256)
def _preset_spec(task: Task, preset: str) -> TieredSpec | QuestionSpec:
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
        completions: strings or messages, see `rewards.messages.completion_text`, (rows,). None is an empty one.
        targets: (rows,): of list tasks anything that `rewards.targets.read_target` takes; of questions the right
            letter, option, word or number; of both also everything that scores the row in one string or mapping, see
            `rewards.unpack_gold`.
        task: a task's name, the path of its YAML file, or the task; a packed target that names its own task goes there.
        preset: a named change of the task's reward, see `rewards.spec.PRESETS`.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        references: of questions, for each row the true reference names per view, or None where a row has none.
        relations: of questions, for each row the true triplets per view; needed where ``relation_weight`` is set.
        options: of questions, for each row the texts of the options, or None.
        **overrides: fields of `TieredSpec` (or `QuestionSpec`) to change on top of the preset.

    Raises:
        DataError: for a target that is wrong; its ``row`` says where.
        ConfigError: for an unknown task, preset or option.

    >>> batch = score_batch(["<think>b</think><answer>2.color.cyan</answer>"], ["2.color.cyan, 0.shape.cube"])
    >>> batch.total.tolist(), batch[0].parts["underprediction"]
    ([5.0], -1.0)
    """
    check_batch(completions)
    if isinstance(targets, str | Mapping) or len(completions) != len(targets):
        given = f"{len(targets)}" if not isinstance(targets, str | Mapping) else f"{targets!r:.60} for"
        raise ConfigError(f"there are {len(completions)} completions and {given} targets")
    rows = unpack_rows(targets, references=references, relations=relations, options=options)
    found, spec = resolve(task if rows.tasks is None else _own_task(task, rows.tasks), preset, **overrides)
    batch = score_rows(completions, rows, found, spec, mode=mode, think_prefilled=think_prefilled)
    columns = {"target": targets, "references": references, "relations": relations, "options": options}
    there = {name: column for name, column in columns.items() if column is not None}
    settings = {"task": task, "preset": preset, "mode": mode, "think_prefilled": think_prefilled, **overrides}
    return replace(batch, source=partial(_spans, completions, there, settings))


def _spans(
    completions: Sequence[Any], columns: Mapping[str, Sequence[Any]], settings: Mapping[str, Any], row: int
) -> Spans:
    with FIRST_TIME:
        from rewards.spans import score_spans  # noqa: PLC0415  only who asks for them

    given: dict[str, Any] = {name: column[row] for name, column in columns.items()}
    return score_spans(completions[row], **given, **settings)


def resolve_row(
    target: Any, *, task: str | Task, preset: str, overrides: Mapping[str, Any], **given: Any
) -> tuple[Rows, Task, TieredSpec | QuestionSpec]:
    """Return the row of one target, unpacked, with its task and reward: those under which `score_batch` scores it."""
    columns = {name: None if value is None else [value] for name, value in given.items()}
    rows = unpack_rows([target], **columns)
    return rows, *resolve(task if rows.tasks is None else _own_task(task, rows.tasks), preset, **overrides)


def score_rows(
    completions: Sequence[Any],
    rows: Rows,
    task: Task,
    spec: TieredSpec | QuestionSpec,
    *,
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
) -> BatchScore:
    """Score completions against rows that are unpacked, of one task and under its reward; see `score_batch`."""
    parsed = parse_completions(completions, mode=mode, think_prefilled=think_prefilled)
    if isinstance(spec, QuestionSpec):
        columns = {"references": rows.references, "relations": rows.relations, "options": rows.options}
        return score_questions(parsed, rows.targets, spec, **columns)
    assert task.record_format is not None
    true = read_targets(rows.targets, task.record_format)
    return score_for_specs(parse_answers(parsed, task.record_format), true, [spec])[0]


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


def _own_task(task: str | Task, named: Sequence[str | None]) -> Task:
    """Return the task that packed targets name, which must be the same for all rows."""
    given = load_task(task) if isinstance(task, str) else task
    found = {given if name is None else route_task(given, name) or load_task(name) for name in named}
    if len(found) > 1:
        names = ", ".join(sorted(each.name for each in found))
        raise ConfigError(
            f"there are rows of several tasks ({names}); a reward function routes them, one score does not"
        )
    return found.pop()


def check_batch(completions: Any) -> None:
    """Raise a ConfigError unless this is a batch of completions, and no single one."""
    if type(completions) is list:
        return
    if isinstance(completions, str | bytes | Mapping | AbstractSet) or not hasattr(completions, "__len__"):
        kind = type(completions).__name__
        raise ConfigError(f"completions is a {kind} {completions!r:.60}; it is a list with one entry a row")


def check_reading(mode: Mode, think_prefilled: Prefilled) -> None:
    """Raise a ConfigError unless these are settings of `parsers.completion.parse_completion`."""
    if mode not in ("strict", "lenient"):
        raise ConfigError(f"mode is {mode!r}; it is 'strict' or 'lenient'")
    if think_prefilled not in (True, False, "auto"):
        raise ConfigError(f"think_prefilled is {think_prefilled!r}; it is True, False or 'auto'")


def parse_completions(completions: Sequence[Any], *, mode: Mode, think_prefilled: Prefilled) -> list[Completion]:
    """Split each completion into reasoning and answer; special tokens at its very end are cut.

    Raises:
        DataError: for the first row whose completion is neither text nor messages.
        ConfigError: for a single completion, or settings that are none of `parsers.completion.parse_completion`.
    """
    check_batch(completions)
    check_reading(mode, think_prefilled)
    return [
        parse_one(
            each if type(each) is str else spoken(each, row),
            mode=mode,
            think_prefilled=think_prefilled,
        )
        for row, each in enumerate(completions)
    ]


def parse_one(text: str, *, mode: Mode, think_prefilled: Prefilled) -> Completion:
    """Split one completion, as `spoken` returns it, into reasoning and answer."""
    if type(text) is Rejoined:
        think_prefilled = "auto"  # whether the template wrote <think> cannot be seen where reasoning was kept apart
    # Nearly all end so, and need no look at their end.
    text = text if text.endswith("</answer>") else strip_special_tokens(text)
    return parse_completion(text, mode=mode, think_prefilled=think_prefilled)


def readable_text(completion: Any, think_prefilled: Prefilled) -> tuple[str, Prefilled]:
    """Return the text of one completion as it is parsed, and whether its opener counts as prefilled there.

    Special tokens at its end are cut, so that places in it are places in `rewards.completion_text`.
    """
    said = completion if type(completion) is str else spoken(completion, 0)
    return strip_special_tokens(said), "auto" if type(said) is Rejoined else think_prefilled


def is_null(completion: Any) -> bool:
    """Return whether a completion is not there: None, and pandas' NaN and NA."""
    completion = completion if type(completion) is str else plain_value(completion)
    missing = isinstance(completion, float) and completion != completion  # noqa: PLR0124  it is NaN
    return completion is None or missing or type(completion).__name__ == "NAType"


def spoken(completion: Any, row: int) -> str:
    """Return the text of a completion; of None an empty one.

    Raises:
        DataError: for what is neither text nor messages, with its row.
    """
    if is_null(completion):
        return ""  # a trainer's null: the fault of this row, and not the end of the batch
    try:
        return completion_text(completion)
    except DataError as error:
        raise DataError(error.message, row=row) from error


# --- list tasks ------------------------------------------------------------------------------------------------------


class ParsedBatch(NamedTuple):
    """The completions of a list task, parsed; each of length (rows,)."""

    completions: Sequence[Completion]
    answers: Sequence[Records | None]
    record_format: RecordFormat | None = None


def parse_answers(completions: Sequence[Completion], record_format: RecordFormat) -> ParsedBatch:
    """Parse each answer into records."""
    answers = [None if each.answer is None else parse_records(each.answer, record_format) for each in completions]
    return ParsedBatch(completions, answers, record_format)


def score_for_specs(
    parsed: ParsedBatch, targets: Sequence[Sequence[Record]], specs: Sequence[TieredSpec]
) -> list[BatchScore]:
    """Score list answers under each of several specs of one task: R_format + R_acc; what they share is done once.

    Args:
        parsed: from `parse_answers`.
        targets: the true records of each row.
        specs: the rewards.
    """
    nothing = Records()
    answers = [nothing if answer is None else answer for answer in parsed.answers]
    answered = [answer is not None for answer in parsed.answers]
    invalid = [len(answer.invalid) for answer in answers]
    faults = [
        completion.fault or (answer.invalid[0] if answer.invalid else None)
        for completion, answer in zip(parsed.completions, answers, strict=True)
    ]
    well_formed = [each.fault is None for each in parsed.completions]
    formats = np.array(well_formed, dtype=np.float64)
    prefilled = np.array([each.prefilled for each in parsed.completions], dtype=np.bool_)
    scores = []
    for spec, counts in zip(
        specs, count_for_specs(specs, [answer.items for answer in answers], invalid, targets, answered), strict=True
    ):
        # R = R_format + R_acc (STAR-R1)
        parts = {"format": formats, **reward_parts(spec, counts)}
        if spec.consistency_weight:
            parts["consistency"] = 0.0 - spec.consistency_weight * _contradicting(parsed)
        correct = counts.same
        if spec.multiset and not spec.ordered:
            sets = [not a.invalid and set(a.items) == set(t) for a, t in zip(answers, targets, strict=True)]
            correct = np.array(sets, dtype=np.bool_) & np.array(answered, dtype=np.bool_)
        best = maximum(spec, counts.n_gt)
        total = add_up(parts)
        scores.append(
            BatchScore(total, parts, correct, parsed.answers, faults, best, prefilled, counts.n_pred, well_formed)
        )
    return scores


def _contradicting(parsed: ParsedBatch) -> NDArray[np.float64]:
    """Return for each row 1 where the last values that the reasoning states contradict the answer, else 0, (rows,)."""
    with FIRST_TIME:
        from rewards.consistency import contradicts_records  # noqa: PLC0415  only where it is asked for

    assert parsed.record_format is not None
    pairs = zip(parsed.completions, parsed.answers, strict=True)
    found = [
        answer is not None and contradicts_records(completion.think or "", answer.items, parsed.record_format)
        for completion, answer in pairs
    ]
    return np.array(found, dtype=np.float64)


# --- questions -------------------------------------------------------------------------------------------------------


def score_questions(
    completions: Sequence[Completion],
    targets: Sequence[Any],
    spec: QuestionSpec,
    *,
    references: Sequence[Any] | None = None,
    relations: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
) -> BatchScore:
    """Score questions about several views: R_total = R_ans + w · R_ref (+ R_format), see `QuestionSpec`.

    Broken tags leave nothing to score: the answer counts as not given and the references as not named. A row whose
    references are not labelled, or tell no views apart, has R_ref = 0. The other arguments are those of `score_batch`.

    Raises:
        DataError: for a target that is wrong; its ``row`` says where.
    """
    with FIRST_TIME:
        from rewards.references import read_labels  # noqa: PLC0415  only questions need its grammars

    columns = (("options", options), ("references", references), ("relations", relations))
    given = zip(*(_column(name, values, len(targets)) for name, values in columns), strict=True)
    answers, named, labelled, contradicting = [], [], [], []
    last = labels = None
    for row, (completion, target, (choices, names, triplets)) in enumerate(
        zip(completions, targets, given, strict=True)
    ):
        try:
            answers.append(grade_answer(completion, target, choices, spec))
            if labels is None or not equal((names, triplets), last):  # the completions of a group share their labels
                last = (names, triplets)
                labels = None if names is None else read_labels(names, triplets, spec.relation_weight)
            references_score = None if labels is None else _grade_labels(completion, labels, spec)
        except DataError as error:
            raise DataError(error.message, row=row) from error
        named.append(0.0 if references_score is None else references_score.value)
        labelled.append(references_score is not None)
        if spec.consistency_weight:
            contradicting.append(contradicts_reasoning(completion, answers[-1], target, choices, spec))
    r_ans = np.array([each.value for each in answers], dtype=np.float64)
    r_ref = np.array(named, dtype=np.float64)
    # R_total = answer_weight · R_ans + w(R_ans) · R_ref + format_weight · R_format; `0.0 +`, so that there is no -0.0
    well_formed = [each.fault is None for each in completions]
    parts = {
        "format": spec.format_weight * np.array(well_formed, dtype=np.float64),
        "answer": spec.answer_weight * r_ans,
        "reference": 0.0 + spec.reference_weight_of(r_ans) * r_ref,
    }
    if spec.consistency_weight:
        parts["consistency"] = 0.0 - spec.consistency_weight * np.array(contradicting, dtype=np.float64)
    return BatchScore(
        total=add_up(parts),
        parts=parts,
        correct=np.array([each.correct for each in answers], dtype=np.bool_),
        answers=[each.answer for each in answers],
        faults=[completion.fault or answer.fault for completion, answer in zip(completions, answers, strict=True)],
        best=spec.answer_weight + spec.reference_weight * np.array(labelled, dtype=np.float64),
        prefilled=np.array([each.prefilled for each in completions], dtype=np.bool_),
        n_pred=np.array([each.answer is not None for each in answers], dtype=np.int64),
        well_formed=well_formed,
        labelled=np.array(labelled, dtype=np.bool_),
    )


def _column(name: str, values: Sequence[Any] | None, rows: int) -> Sequence[Any]:
    if values is None:
        return [None] * rows
    if isinstance(values, str | Mapping) or len(values) != rows:
        given = f"{len(values)}" if not isinstance(values, str | Mapping) else f"{values!r:.60} for"
        raise ConfigError(f"there are {rows} targets and {given} {name}")
    return values


def grade_answer(completion: Completion, target: Any, options: Any, spec: QuestionSpec) -> AnswerScore:
    """Score the answer of one completion: R_ans.

    Raises:
        DataError: for a target that is wrong.
    """
    with FIRST_TIME:
        from rewards.answers import AnswerScore, score_for_spec  # noqa: PLC0415  only questions need its grammars

    # An answer that is missing still has its target checked: a file's fault must not hide behind a model's.
    scored = score_for_spec(completion.answer or "", target, options, spec)
    return scored if completion.answer is not None else AnswerScore(0.0, correct=False, answer=None)


def contradicts_reasoning(
    completion: Completion, answer: AnswerScore, target: Any, options: Any, spec: QuestionSpec
) -> bool:
    """Return whether the last sentence of the reasoning states another answer than the one that is given.

    Only a sentence that reads as an answer states one (``So the answer is B``); words state none, since any do.
    """
    with FIRST_TIME:
        from rewards.answers import infer_kind, score_for_spec  # noqa: PLC0415  only questions need its grammars
        from rewards.consistency import last_sentence  # noqa: PLC0415  only where it is asked for

    kind = spec.kind or infer_kind(target, options=options)
    if answer.answer is None or kind in ("text", "set", "map"):
        return False
    sentence = last_sentence(completion.think or "")
    stated = score_for_spec(sentence, target, options, spec).answer
    return stated is not None and stated != answer.answer


def grade_references(
    completion: Completion, names: Any, triplets: Any, spec: QuestionSpec
) -> ReferenceScore | InformednessScore | None:
    """Score the references of one completion: R_ref. None (worth 0) where the row has no labels that can be scored.

    Where no answer may be taken, or there is no reasoning, nothing counts as named, and R_ref is 0.

    Raises:
        DataError: for labels that are wrong.
    """
    with FIRST_TIME:
        from rewards.references import read_labels  # noqa: PLC0415  only questions need its grammars

    return (
        None if names is None else _grade_labels(completion, read_labels(names, triplets, spec.relation_weight), spec)
    )


def _grade_labels(
    completion: Completion, labels: Labels, spec: QuestionSpec
) -> ReferenceScore | InformednessScore | None:
    with FIRST_TIME:
        from parsers.references import References, parse_references  # noqa: PLC0415  likewise
        from rewards.references import f1_of, informedness_of  # noqa: PLC0415

    score = informedness_of if spec.reference_rule == "informedness" else f1_of
    readable = completion.answer is not None and completion.think is not None
    found = score(parse_references(completion.think or "") if readable else References(), labels)
    return found if readable or found is None else found._replace(value=0.0)


def wrong_targets(
    task: Task,
    targets: Sequence[Any],
    *,
    references: Sequence[Any] | None = None,
    relations: Sequence[Any] | None = None,
    options: Sequence[Any] | None = None,
    spec: TieredSpec | QuestionSpec | None = None,
) -> dict[int, str]:
    """Return which rows have a target that cannot be used, and what is wrong with it, whatever the kind of task.

    Args:
        task: what the rows are of.
        targets: (rows,); they and the rest as in `score_batch`.
        references: of questions.
        relations: of questions.
        options: of questions.
        spec: the reward, where it is not the task's own.

    >>> from rewards.tasks import load_task
    >>> wrong_targets(load_task("multiview"), ["B", "E"], options=[["left", "right"]] * 2)
    {1: "the target 'E' cannot be used: there is no option E (options: A, B)"}
    """
    given = {"references": references, "relations": relations, "options": options}
    spec = task.spec if spec is None else spec
    errors = {}
    for row in range(len(targets)):
        here = {name: None if column is None else [column[row]] for name, column in given.items()}
        try:
            rows = unpack_rows([targets[row]], **here)
            if isinstance(spec, QuestionSpec):
                columns = {"references": rows.references, "relations": rows.relations, "options": rows.options}
                score_questions([Completion(None, None)], rows.targets, spec, **columns)
            else:
                assert task.record_format is not None
                read_targets(rows.targets, task.record_format)
        except DataError as error:
            errors[row] = error.message
    return errors
